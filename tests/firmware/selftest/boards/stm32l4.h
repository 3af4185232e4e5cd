/* SPDX-License-Identifier: Apache-2.0 */
/* STM32L4 and L4+: MSI of 4 MHz through the PLL (ST RM0351, RM0432: RCC, PWR, FLASH), the order of STM32CubeL4. A board
   defines PLL_N (M is 1, R is 2) and WAIT_STATES. */
#include "stm32.h"

#define RCC 0x40021000u
#define RCC_CR (RCC + 0x00)
#define RCC_CFGR (RCC + 0x08)
#define RCC_PLLCFGR (RCC + 0x0C)
#define RCC_AHB2ENR (RCC + 0x4C)
#define RCC_APB1ENR1 (RCC + 0x58)
#define PWR_CR1 0x40007000u
#define PWR_SR2 0x40007014u
#define FLASH_ACR 0x40022000u

static void pll_start(void)
{
    set_bits(RCC_APB1ENR1, 1u << 28);     /* PWREN */
    set_field(PWR_CR1, 3u << 9, 1u << 9); /* VOS: range 1 */
    wait_for(PWR_SR2, 1u << 10, 0);       /* VOSF */
    wait_for(RCC_CR, 1u << 1, 1u << 1);   /* MSIRDY */
    set_field(RCC_CR, 0xFu << 4, 6u << 4 | 1u << 3); /* MSIRANGE: 4 MHz, MSIRGSEL */
    set_field(RCC_CR, 1u << 24, 0);       /* PLLON */
    wait_for(RCC_CR, 1u << 25, 0);        /* PLLRDY */
    REGISTER(RCC_PLLCFGR) = 1u | PLL_N << 8; /* MSI, M 1, R 2 */
    set_bits(RCC_CR, 1u << 24);
    set_bits(RCC_PLLCFGR, 1u << 24);      /* PLLREN */
    wait_for(RCC_CR, 1u << 25, 1u << 25);
    set_field(FLASH_ACR, 0xF, WAIT_STATES | 7u << 8); /* PRFTEN, ICEN, DCEN */
    wait_for(FLASH_ACR, 0xF, WAIT_STATES);
}

static void pll_switch(void)
{
    set_field(RCC_CFGR, 3, 3); /* SW: PLL */
    wait_for(RCC_CFGR, 3u << 2, 3u << 2);
}
