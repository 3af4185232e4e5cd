/* SPDX-License-Identifier: Apache-2.0 */
/* USART1 on PA9 (ST UM1907, virtual COM port), on APB2 at 108 MHz. */
#define HSE_MHZ 25u
#include "stm32f7.h"
#define USART 0x40011000u
#define USART_HZ 108000000u
#define TX_PORT 0x40020000u
#define TX_PIN 9u
#define TX_FUNCTION 7u

static void console_clocks(void)
{
    RCC_AHB1ENR |= 1u << 0; /* GPIOAEN */
    RCC_APB2ENR |= 1u << 4; /* USART1EN */
    (void)RCC_APB2ENR;
}

#include "stm32_isr_usart.h"

const char board_name[] = "stm32f746-discovery";
