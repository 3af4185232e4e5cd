/* SPDX-License-Identifier: Apache-2.0 */
/* STM32F4: HSE of 8 MHz through the PLL (ST RM0090, RM0402, RM0390: RCC, PWR, FLASH), the order of STM32CubeF4. A board
   defines HSE_BYPASS, PLL_M, PLL_N (P is 2), CORE_HZ, WAIT_STATES, APB1_SETUP, APB2_SETUP, OVER_DRIVE, and its console:
   USART, USART_CLOCK_HZ, USART_ENABLE (a bit of APB1ENR), PORT, PORT_ENABLE (a bit of AHB1ENR), PIN. */
#include "stm32.h"

#define RCC 0x40023800u
#define RCC_CR (RCC + 0x00)
#define RCC_PLLCFGR (RCC + 0x04)
#define RCC_CFGR (RCC + 0x08)
#define RCC_AHB1ENR (RCC + 0x30)
#define RCC_APB1ENR (RCC + 0x40)
#define PWR_CR 0x40007000u
#define PWR_CSR 0x40007004u
#define FLASH_ACR 0x40023C00u

uint32_t board_clock_init(void)
{
    set_bits(RCC_APB1ENR, 1u << 28);                    /* PWREN */
    set_bits(PWR_CR, 3u << 14);                         /* VOS: scale 1 (one bit on F407) */
    set_bits(RCC_CR, 1u << 16 | (uint32_t)HSE_BYPASS << 18); /* HSEON, HSEBYP */
    wait_for(RCC_CR, 1u << 17, 1u << 17);               /* HSERDY */
    set_field(RCC_CR, 1u << 24, 0);                     /* PLLON */
    wait_for(RCC_CR, 1u << 25, 0);                      /* PLLRDY */
    REGISTER(RCC_PLLCFGR) = PLL_M | PLL_N << 6 | 0u << 16 | 1u << 22 | 7u << 24 | 2u << 28; /* P 2, HSE, Q 7, R 2 */
    set_bits(RCC_CR, 1u << 24);
    wait_for(RCC_CR, 1u << 25, 1u << 25);
    if (OVER_DRIVE) {
        set_bits(PWR_CR, 1u << 16); /* ODEN */
        wait_for(PWR_CSR, 1u << 16, 1u << 16);
        set_bits(PWR_CR, 1u << 17); /* ODSWEN */
        wait_for(PWR_CSR, 1u << 17, 1u << 17);
    }
    wait_for(PWR_CSR, 1u << 14, 1u << 14); /* VOSRDY */
    set_field(FLASH_ACR, 0xF, WAIT_STATES);
    wait_for(FLASH_ACR, 0xF, WAIT_STATES);
    set_bits(FLASH_ACR, 7u << 8); /* PRFTEN, ICEN, DCEN */
    set_field(RCC_CFGR, 0xFCF0, APB1_SETUP << 10 | APB2_SETUP << 13);
    set_field(RCC_CFGR, 3, 2); /* SW: PLL */
    wait_for(RCC_CFGR, 3u << 2, 2u << 2);
    return CORE_HZ;
}

void board_console_init(void)
{
    set_bits(RCC_AHB1ENR, PORT_ENABLE);
    set_bits(RCC_APB1ENR, USART_ENABLE);
    pin_alternate(PORT, PIN, 7);
    USART_V1_INIT(USART, USART_CLOCK_HZ);
}

void board_putc(char character)
{
    usart_v1_putc(USART, character);
}

void board_flush(void)
{
    usart_v1_flush(USART);
}
