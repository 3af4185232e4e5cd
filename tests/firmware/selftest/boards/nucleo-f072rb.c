/* SPDX-License-Identifier: Apache-2.0 */
/* HSI48 as system clock; USART2 on PA2 (ST RM0091: RCC, FLASH; UM1724). The order is that of STM32CubeF0. */
#include "stm32.h"

#define RCC_CFGR 0x40021004u
#define RCC_CR2 0x40021034u
#define FLASH_ACR 0x40022000u
#define PORTS_ENABLE 0x40021014u /* RCC_AHBENR */
#define PORT_A_ENABLE (1u << 17)
#define USART2_ENABLE 0x4002101Cu /* RCC_APB1ENR */
#define PORT_A 0x48000000u
#define PIN_FUNCTION 1
#define USART_CLOCK_HZ 48000000u

const char board_name[] = "nucleo-f072rb";

uint32_t board_clock_init(void)
{
    set_bits(RCC_CR2, 1u << 16);            /* HSI48ON */
    wait_for(RCC_CR2, 1u << 17, 1u << 17);  /* HSI48RDY */
    set_field(FLASH_ACR, 7, 1 | 1u << 4);   /* one wait state, prefetch */
    wait_for(FLASH_ACR, 7, 1);
    set_field(RCC_CFGR, 0x7F0, 0);          /* HPRE, PPRE: / 1 */
    set_field(RCC_CFGR, 3, 3);              /* SW: HSI48 */
    wait_for(RCC_CFGR, 3u << 2, 3u << 2);
    return 48000000;
}

#include "stm32_usart2.h"
