/* SPDX-License-Identifier: Apache-2.0 */
/* STM32U575 at 160 MHz from MSI: range 1 and booster, PLL1, flash wait states, switch (RM0456, PWR_VOSR and RCC). Addresses
   and bits: ST cmsis_device_u5 v1.4.0. USART1 on PA9 (zephyr boards/st/nucleo_u575zi_q, virtual COM port). */
#include "selftest.h"

#define RCC 0x46020C00u
#define RCC_CR REGISTER(RCC + 0x00u)
#define RCC_CFGR1 REGISTER(RCC + 0x1Cu)
#define RCC_CFGR2 REGISTER(RCC + 0x20u)
#define RCC_CFGR3 REGISTER(RCC + 0x24u)
#define RCC_PLL1CFGR REGISTER(RCC + 0x28u)
#define RCC_PLL1DIVR REGISTER(RCC + 0x34u)
#define RCC_AHB2ENR1 REGISTER(RCC + 0x8Cu)
#define RCC_AHB3ENR REGISTER(RCC + 0x94u)
#define RCC_APB2ENR REGISTER(RCC + 0xA4u)
#define RCC_CR_MSISRDY (1u << 2)
#define RCC_CR_PLL1ON (1u << 24)
#define RCC_CR_PLL1RDY (1u << 25)
#define RCC_PLL1CFGR_MSI_DIV1_R (1u | 0u << 8 | 1u << 18)
#define RCC_CFGR1_SW_PLL1 3u
#define RCC_CFGR1_SWS (3u << 2)
#define RCC_AHB3ENR_PWREN (1u << 2)
#define PWR_CR3 REGISTER(0x46020808u)
#define PWR_VOSR REGISTER(0x4602080Cu)
#define PWR_SVMSR REGISTER(0x4602083Cu)
#define PWR_CR3_REGSEL (1u << 1)
#define PWR_SVMSR_REGS (1u << 1)
#define PWR_VOSR_BOOSTRDY (1u << 14)
#define PWR_VOSR_VOSRDY (1u << 15)
#define PWR_VOSR_RANGE1 (3u << 16)
#define PWR_VOSR_BOOSTEN (1u << 18)
#define ICACHE_CR REGISTER(0x40030400u)
#define FLASH_ACR REGISTER(0x40022000u)
#define FLASH_ACR_LATENCY 15u
#define FLASH_ACR_4WS_PREFETCH (4u | 1u << 8)

uint32_t board_clock_init(void)
{
    RCC_AHB3ENR |= RCC_AHB3ENR_PWREN;
    (void)RCC_AHB3ENR;
    PWR_CR3 |= PWR_CR3_REGSEL;
    while (!(PWR_SVMSR & PWR_SVMSR_REGS))
        ;
    PWR_VOSR |= PWR_VOSR_RANGE1;
    while (!(PWR_VOSR & PWR_VOSR_VOSRDY))
        ;
    while (!(RCC_CR & RCC_CR_MSISRDY))
        ;
    RCC_PLL1CFGR = RCC_PLL1CFGR_MSI_DIV1_R; /* MSI 4 MHz * 80 / 2 */
    RCC_PLL1DIVR = 79u | 1u << 9 | 1u << 16 | 1u << 24;
    PWR_VOSR |= PWR_VOSR_BOOSTEN;
    while (!(PWR_VOSR & PWR_VOSR_BOOSTRDY))
        ;
    RCC_CR |= RCC_CR_PLL1ON;
    while (!(RCC_CR & RCC_CR_PLL1RDY))
        ;
    FLASH_ACR = FLASH_ACR_4WS_PREFETCH;
    while ((FLASH_ACR & FLASH_ACR_LATENCY) != 4)
        ;
    ICACHE_CR |= 1u;
    RCC_CFGR2 = 0;
    RCC_CFGR3 = 0;
    RCC_CFGR1 = RCC_CFGR1_SW_PLL1;
    while ((RCC_CFGR1 & RCC_CFGR1_SWS) != RCC_CFGR1_SW_PLL1 << 2)
        ;
    return 160000000u;
}

#define USART 0x40013800u
#define USART_HZ 160000000u
#define TX_PORT 0x42020000u
#define TX_PIN 9u
#define TX_FUNCTION 7u

static void console_clocks(void)
{
    RCC_AHB2ENR1 |= 1u << 0; /* GPIOAEN */
    RCC_APB2ENR |= 1u << 14; /* USART1EN */
    (void)RCC_APB2ENR;
}

#include "stm32_isr_usart.h"

const char board_name[] = "nucleo-u575ziq";
