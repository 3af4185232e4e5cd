/* SPDX-License-Identifier: Apache-2.0 */
/* STM32H743 revision V at 480 MHz: LDO, VOS1, then over-drive by SYSCFG for VOS0 (RM0433, PWR: VOS0 activation sequence).
   AHB at 240 MHz, APBs at 120 MHz. The board defines PLL1_M, so that PLL1 gets 2 or 4 MHz, PLL1_N and PLL1_RANGE. */
#define CORE_MHZ 480u
#define PLL1_P 1u
#define SUPPLY PWR_CR3_LDOEN
#define WAIT_STATES (4u | 2u << 4)
#define HPRE_AND_D1PPRE (8u | 4u << 4)
#define PPRE1_AND_PPRE2 (4u << 4 | 4u << 8)
#define D3PPRE (4u << 4)
#include "stm32h7.h"
#define SYSCFG_PWRCR REGISTER(0x5800042Cu)
#define SYSCFG_PWRCR_ODEN 1u

static void set_highest_voltage(void)
{
    PWR_D3CR |= PWR_VOS_3;
    while (!(PWR_D3CR & PWR_VOSRDY))
        ;
    RCC_APB4ENR |= RCC_APB4ENR_SYSCFGEN;
    (void)RCC_APB4ENR;
    SYSCFG_PWRCR |= SYSCFG_PWRCR_ODEN;
    while (!(PWR_D3CR & PWR_VOSRDY))
        ;
}

#define USART 0x40004800u /* USART3 */
#define USART_HZ 120000000u
