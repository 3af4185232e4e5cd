/* SPDX-License-Identifier: Apache-2.0 */
/* STM32F7 at 216 MHz, in the order of ST's HAL: HSE and PLL on, over-drive (RM0385 and RM0410, PWR: entering over-drive
   mode), flash wait states and ART accelerator, prescalers, switch. Addresses and bits: ST cmsis_device_f7 v1.2.9. The
   board defines HSE_MHZ, and what stm32_isr_usart.h wants. */
#include "selftest.h"

#define RCC 0x40023800u
#define RCC_CR REGISTER(RCC + 0x00u)
#define RCC_PLLCFGR REGISTER(RCC + 0x04u)
#define RCC_CFGR REGISTER(RCC + 0x08u)
#define RCC_AHB1ENR REGISTER(RCC + 0x30u)
#define RCC_APB1ENR REGISTER(RCC + 0x40u)
#define RCC_APB2ENR REGISTER(RCC + 0x44u)
#define RCC_CR_HSEON (1u << 16)
#define RCC_CR_HSERDY (1u << 17)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
#define RCC_PLLCFGR_SOURCE_HSE (1u << 22)
#define RCC_CFGR_SW_PLL 2u
#define RCC_CFGR_SWS (3u << 2)
#define RCC_CFGR_SWS_PLL (2u << 2)
#define RCC_CFGR_PPRE1_DIV4 (5u << 10)
#define RCC_CFGR_PPRE2_DIV2 (4u << 13)
#define RCC_APB1ENR_PWREN (1u << 28)
#define PWR_CR1 REGISTER(0x40007000u)
#define PWR_CSR1 REGISTER(0x40007004u)
#define PWR_OD (1u << 16)   /* CR1.ODEN, CSR1.ODRDY */
#define PWR_ODSW (1u << 17) /* CR1.ODSWEN, CSR1.ODSWRDY */
#define PWR_CSR1_VOSRDY (1u << 14)
#define FLASH_ACR REGISTER(0x40023C00u)
#define FLASH_ACR_LATENCY 15u
#define FLASH_ACR_7WS_PREFETCH_ART (7u | 1u << 8 | 1u << 9)

uint32_t board_clock_init(void)
{
    RCC_APB1ENR |= RCC_APB1ENR_PWREN;
    (void)RCC_APB1ENR;
    RCC_CR |= RCC_CR_HSEON;
    while (!(RCC_CR & RCC_CR_HSERDY))
        ;
    /* 1 MHz * 432 / 2; Q 9 gives 48 MHz for USB */
    RCC_PLLCFGR = HSE_MHZ | 432u << 6 | 0u << 16 | RCC_PLLCFGR_SOURCE_HSE | 9u << 24 | 2u << 28;
    RCC_CR |= RCC_CR_PLLON;
    while (!(RCC_CR & RCC_CR_PLLRDY))
        ;
    PWR_CR1 |= PWR_OD;
    while (!(PWR_CSR1 & PWR_OD))
        ;
    PWR_CR1 |= PWR_ODSW;
    while (!(PWR_CSR1 & PWR_ODSW))
        ;
    while (!(PWR_CSR1 & PWR_CSR1_VOSRDY))
        ;
    FLASH_ACR = FLASH_ACR_7WS_PREFETCH_ART;
    while ((FLASH_ACR & FLASH_ACR_LATENCY) != 7)
        ;
    RCC_CFGR = RCC_CFGR_PPRE1_DIV4 | RCC_CFGR_PPRE2_DIV2;
    RCC_CFGR |= RCC_CFGR_SW_PLL;
    while ((RCC_CFGR & RCC_CFGR_SWS) != RCC_CFGR_SWS_PLL)
        ;
    return 216000000u;
}
