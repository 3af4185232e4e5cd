/* SPDX-License-Identifier: Apache-2.0 */
/* USART3 on PB10 (OpenMV Cam M7, pin P4), on APB1 at 54 MHz. */
#define HSE_MHZ 12u
#include "stm32f7.h"
#define USART 0x40004800u
#define USART_HZ 54000000u
#define TX_PORT 0x40020400u
#define TX_PIN 10u
#define TX_FUNCTION 7u

static void console_clocks(void)
{
    RCC_AHB1ENR |= 1u << 1;  /* GPIOBEN */
    RCC_APB1ENR |= 1u << 18; /* USART3EN */
    (void)RCC_APB1ENR;
}

#include "stm32_isr_usart.h"

const char board_name[] = "stm32f765";
