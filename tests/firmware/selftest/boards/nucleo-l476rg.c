/* SPDX-License-Identifier: Apache-2.0 */
/* MSI 4 MHz * 40 / 2 = 80 MHz; USART2 on PA2 (ST RM0351; UM1724). */
#define PLL_N 40u
#define WAIT_STATES 4u
#include "stm32l4.h"

#define PORTS_ENABLE RCC_AHB2ENR
#define PORT_A_ENABLE (1u << 0)
#define USART2_ENABLE RCC_APB1ENR1
#define PORT_A 0x48000000u
#define PIN_FUNCTION 7
#define USART_CLOCK_HZ 80000000u

const char board_name[] = "nucleo-l476rg";

uint32_t board_clock_init(void)
{
    pll_start();
    set_field(RCC_CFGR, 0x3FF0, 0); /* HPRE, PPRE1, PPRE2: / 1 */
    pll_switch();
    return 80000000;
}

#include "stm32_usart2.h"
