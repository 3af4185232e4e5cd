/* SPDX-License-Identifier: Apache-2.0 */
/* HSE is a crystal of 12 MHz; USART3 on PB10 (OpenMV Cam H7, pin P4). */
#define HSE_BYPASS 0u
#define PLL1_M 3u
#define PLL1_N 120u
#define PLL1_RANGE 2u
#include "stm32h743.h"
#define TX_PORT 0x58020400u
#define TX_PIN 10u
#define TX_FUNCTION 7u

static void console_clocks(void)
{
    RCC_AHB4ENR |= 1u << 1;   /* GPIOBEN */
    RCC_APB1LENR |= 1u << 18; /* USART3EN */
    (void)RCC_APB1LENR;
}

#include "stm32_isr_usart.h"

const char board_name[] = "openmv-h7";
