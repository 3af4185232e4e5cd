/* SPDX-License-Identifier: Apache-2.0 */
/* MSI 4 MHz * 60 / 2 = 120 MHz, by way of 60 MHz, in boost mode (ST RM0432: PWR, "switching to 120 MHz"); LPUART1 on
   PG7, whose supply must be made valid first (UM2179). */
#define PLL_N 60u
#define WAIT_STATES 5u
#include "stm32l4.h"

#define PWR_CR2 0x40007004u
#define PWR_CR5 0x40007080u
#define RCC_APB1ENR2 (RCC + 0x5C)
#define PORT_G 0x48001800u
#define LPUART1 0x40008000u

const char board_name[] = "nucleo-l4r5zi";

uint32_t board_clock_init(void)
{
    pll_start();
    set_field(PWR_CR5, 1u << 8, 0);         /* R1MODE: boost */
    wait_for(PWR_SR2, 1u << 10, 0);         /* VOSF */
    set_field(RCC_CFGR, 0x3FF0, 8u << 4);   /* HPRE: / 2 */
    pll_switch();
    for (volatile unsigned count = 0; count < 60; count++) /* a microsecond at least */
        ;
    set_field(RCC_CFGR, 0xF0, 0);
    return 120000000;
}

void board_console_init(void)
{
    set_bits(PWR_CR2, 1u << 9);      /* IOSV */
    set_bits(RCC_AHB2ENR, 1u << 6);  /* port G */
    set_bits(RCC_APB1ENR2, 1u << 0); /* LPUART1 */
    pin_alternate(PORT_G, 7, 8);
    USART_V2_INIT(LPUART1, (uint32_t)(256ull * 120000000 / BAUD));
}

void board_putc(char character)
{
    usart_v2_putc(LPUART1, character);
}

void board_flush(void)
{
    usart_v2_flush(LPUART1);
}
