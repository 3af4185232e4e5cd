/* SPDX-License-Identifier: Apache-2.0 */
/* NUCLEO-L4R5ZI: the PLL at 120 MHz from MSI's 16 MHz, 16 / 4 * 60 / 2. Registers: ST RM0432, sections 3.7 (flash),
   5.4 (power) and 6.4 (clocks). */
#include "clock.h"

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define FLASH_ACR REGISTER(0x40022000u)
#define FLASH_ACR_LATENCY_MASK 15u
#define FLASH_ACR_FIVE_WAIT_STATES 5u /* table 12: above 100 MHz in voltage range 1, boost mode */
#define PWR_CR5 REGISTER(0x40007080u)
#define PWR_CR5_R1MODE (1u << 8) /* clear: boost mode, needed above 80 MHz */
#define RCC_CR REGISTER(0x40021000u)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
#define RCC_CFGR REGISTER(0x40021008u)
#define RCC_CFGR_SW_MASK 3u
#define RCC_CFGR_SW_MSI 0u
#define RCC_CFGR_SW_PLL 3u
#define RCC_CFGR_HPRE_MASK (15u << 4)
#define RCC_CFGR_HPRE_HALF (8u << 4)
#define RCC_PLLCFGR REGISTER(0x4002100Cu)
#define RCC_PLLCFGR_120_MHZ (1u /* MSI */ | 3u << 4 /* M = 4 */ | 60u << 8 /* N */ | 1u << 24 /* R on, 2 */)

static void switch_to(uint32_t source)
{
    RCC_CFGR = (RCC_CFGR & ~RCC_CFGR_SW_MASK) | source;
    while ((RCC_CFGR >> 2 & 3u) != source)
        ;
}

static void wait_states(uint32_t number)
{
    FLASH_ACR = (FLASH_ACR & ~FLASH_ACR_LATENCY_MASK) | number;
    while ((FLASH_ACR & FLASH_ACR_LATENCY_MASK) != number)
        ;
}

void clock_fast(void)
{
    RCC_PLLCFGR = RCC_PLLCFGR_120_MHZ;
    RCC_CR |= RCC_CR_PLLON;
    while (!(RCC_CR & RCC_CR_PLLRDY))
        ;
    PWR_CR5 &= ~PWR_CR5_R1MODE;
    wait_states(FLASH_ACR_FIVE_WAIT_STATES);
    /* 5.1.8: to more than 80 MHz by way of half the frequency, for at least a microsecond. */
    RCC_CFGR = (RCC_CFGR & ~RCC_CFGR_HPRE_MASK) | RCC_CFGR_HPRE_HALF;
    switch_to(RCC_CFGR_SW_PLL);
    for (volatile int turns = 0; turns < 30; turns++)
        ;
    RCC_CFGR &= ~RCC_CFGR_HPRE_MASK;
}

void clock_slow(void)
{
    RCC_CFGR = (RCC_CFGR & ~RCC_CFGR_HPRE_MASK) | RCC_CFGR_HPRE_HALF;
    switch_to(RCC_CFGR_SW_MSI);
    RCC_CFGR &= ~RCC_CFGR_HPRE_MASK;
    wait_states(0);
}
