/* SPDX-License-Identifier: Apache-2.0 */
/* HSI16 / 1 * 8 / 2 = 64 MHz; USART2 on PA2 (ST RM0444: RCC, PWR, FLASH; UM2324). The order is that of STM32CubeG0. */
#include "stm32.h"

#define RCC_CR 0x40021000u
#define RCC_CFGR 0x40021008u
#define RCC_PLLCFGR 0x4002100Cu
#define PWR_CR1 0x40007000u
#define PWR_SR2 0x40007014u
#define FLASH_ACR 0x40022000u
#define PORTS_ENABLE 0x40021034u /* RCC_IOPENR */
#define PORT_A_ENABLE (1u << 0)
#define USART2_ENABLE 0x4002103Cu /* RCC_APBENR1 */
#define PORT_A 0x50000000u
#define PIN_FUNCTION 1
#define USART_CLOCK_HZ 64000000u

const char board_name[] = "nucleo-g0b1re";

uint32_t board_clock_init(void)
{
    set_bits(USART2_ENABLE, 1u << 28);       /* PWREN, in the same register */
    set_field(PWR_CR1, 3u << 9, 1u << 9);    /* VOS: range 1 */
    wait_for(PWR_SR2, 1u << 10, 0);          /* VOSF */
    wait_for(RCC_CR, 1u << 10, 1u << 10);    /* HSIRDY */
    set_field(RCC_CR, 1u << 24, 0);          /* PLLON */
    wait_for(RCC_CR, 1u << 25, 0);           /* PLLRDY */
    REGISTER(RCC_PLLCFGR) = 2u | 0u << 4 | 8u << 8 | 1u << 17 | 1u << 25 | 1u << 29; /* HSI, M 1, N 8, P, Q, R 2 */
    set_bits(RCC_CR, 1u << 24);
    set_bits(RCC_PLLCFGR, 1u << 28);         /* PLLREN */
    wait_for(RCC_CR, 1u << 25, 1u << 25);
    set_field(FLASH_ACR, 7, 2);
    wait_for(FLASH_ACR, 7, 2);
    set_field(RCC_CFGR, 0x7F00, 0);          /* HPRE, PPRE: / 1 */
    set_field(RCC_CFGR, 7, 2);               /* SW: PLLRCLK */
    wait_for(RCC_CFGR, 7u << 3, 2u << 3);
    return 64000000;
}

#include "stm32_usart2.h"
