/* SPDX-License-Identifier: Apache-2.0 */
/* STM32H7 at its highest clock, in the order of ST's HAL: supply, voltage scale, HSE, PLL1, flash wait states, prescalers,
   switch (RM0433 and RM0455, PWR and RCC). Addresses and bits: ST cmsis_device_h7 v1.9.0. The board defines CORE_MHZ; HSE_BYPASS
   (RCC_CR_HSEBYP for a clock that comes from outside, 0 for a crystal);
   PLL1_M, PLL1_N, PLL1_P, PLL1_RANGE (the input's, RCC_PLLCFGR.PLL1RGE); SUPPLY (PWR_CR3); set_highest_voltage();
   WAIT_STATES (FLASH_ACR); HPRE_AND_D1PPRE, PPRE1_AND_PPRE2, D3PPRE; and what stm32_isr_usart.h wants. */
#include "selftest.h"

#define RCC 0x58024400u
#define RCC_CR REGISTER(RCC + 0x00u)
#define RCC_CFGR REGISTER(RCC + 0x10u)
#define RCC_D1CFGR REGISTER(RCC + 0x18u)
#define RCC_D2CFGR REGISTER(RCC + 0x1Cu)
#define RCC_D3CFGR REGISTER(RCC + 0x20u)
#define RCC_PLLCKSELR REGISTER(RCC + 0x28u)
#define RCC_PLLCFGR REGISTER(RCC + 0x2Cu)
#define RCC_PLL1DIVR REGISTER(RCC + 0x30u)
#define RCC_PLL1FRACR REGISTER(RCC + 0x34u)
#define RCC_AHB4ENR REGISTER(RCC + 0xE0u)
#define RCC_APB1LENR REGISTER(RCC + 0xE8u)
#define RCC_APB4ENR REGISTER(RCC + 0xF4u)
#define RCC_APB4ENR_SYSCFGEN (1u << 1)
#define RCC_CR_HSEON (1u << 16)
#define RCC_CR_HSEBYP (1u << 18)
#define RCC_CR_HSERDY (1u << 17)
#define RCC_CR_PLL1ON (1u << 24)
#define RCC_CR_PLL1RDY (1u << 25)
#define RCC_PLLCKSELR_SOURCE_HSE 2u
#define RCC_PLLCFGR_OUTPUTS (7u << 16)
#define RCC_CFGR_SW_PLL1 3u
#define RCC_CFGR_SWS (7u << 3)
#define RCC_CFGR_SWS_PLL1 (3u << 3)
#define PWR_CSR1 REGISTER(0x58024804u)
#define PWR_CR3 REGISTER(0x5802480Cu)
#define PWR_D3CR REGISTER(0x58024818u) /* SRDCR on H7A3 */
#define PWR_CR3_SUPPLY 7u
#define PWR_CR3_LDOEN 2u
#define PWR_CR3_SMPSEN 4u
#define PWR_VOSRDY (1u << 13) /* D3CR.VOSRDY, CSR1.ACTVOSRDY */
#define PWR_VOS_3 (3u << 14)
#define FLASH_ACR REGISTER(0x52002000u)
#define FLASH_ACR_LATENCY 15u

static void set_highest_voltage(void);

uint32_t board_clock_init(void)
{
    PWR_CR3 = (PWR_CR3 & ~PWR_CR3_SUPPLY) | SUPPLY;
    while (!(PWR_CSR1 & PWR_VOSRDY))
        ;
    set_highest_voltage();
    RCC_CR |= HSE_BYPASS;
    RCC_CR |= RCC_CR_HSEON;
    while (!(RCC_CR & RCC_CR_HSERDY))
        ;
    RCC_PLLCKSELR = PLL1_M << 4 | RCC_PLLCKSELR_SOURCE_HSE;
    RCC_PLL1DIVR = (PLL1_N - 1u) | (PLL1_P - 1u) << 9 | 3u << 16 | 1u << 24;
    RCC_PLL1FRACR = 0;
    RCC_PLLCFGR = RCC_PLLCFGR_OUTPUTS | PLL1_RANGE << 2;
    RCC_CR |= RCC_CR_PLL1ON;
    while (!(RCC_CR & RCC_CR_PLL1RDY))
        ;
    FLASH_ACR = WAIT_STATES;
    while ((FLASH_ACR & FLASH_ACR_LATENCY) != (WAIT_STATES & FLASH_ACR_LATENCY))
        ;
    RCC_D1CFGR = HPRE_AND_D1PPRE;
    RCC_D2CFGR = PPRE1_AND_PPRE2;
    RCC_D3CFGR = D3PPRE;
    RCC_CFGR = RCC_CFGR_SW_PLL1;
    while ((RCC_CFGR & RCC_CFGR_SWS) != RCC_CFGR_SWS_PLL1)
        ;
    return CORE_MHZ * 1000000u;
}
