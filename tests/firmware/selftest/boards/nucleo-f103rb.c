/* SPDX-License-Identifier: Apache-2.0 */
/* 8 MHz from the ST-LINK * 9 = 72 MHz; APB1 / 2; USART2 on PA2 (ST RM0008: RCC, GPIO; PM0075: FLASH_ACR; UM1724). The
   order is that of STM32CubeF1. */
#include "stm32.h"

#define RCC_CR 0x40021000u
#define RCC_CFGR 0x40021004u
#define RCC_APB2ENR 0x40021018u
#define RCC_APB1ENR 0x4002101Cu
#define FLASH_ACR 0x40022000u
#define GPIOA_CRL 0x40010800u
#define USART2 0x40004400u

const char board_name[] = "nucleo-f103rb";

uint32_t board_clock_init(void)
{
    set_bits(RCC_CR, 1u << 16 | 1u << 18); /* HSEON, HSEBYP */
    wait_for(RCC_CR, 1u << 17, 1u << 17);  /* HSERDY */
    set_field(RCC_CR, 1u << 24, 0);        /* PLLON */
    wait_for(RCC_CR, 1u << 25, 0);         /* PLLRDY */
    set_field(RCC_CFGR, 0x3F << 16, 7u << 18 | 1u << 16); /* PLLMUL: 9, PLLSRC: HSE */
    set_bits(RCC_CR, 1u << 24);
    wait_for(RCC_CR, 1u << 25, 1u << 25);
    set_field(FLASH_ACR, 7, 2 | 1u << 4); /* two wait states, prefetch */
    wait_for(FLASH_ACR, 0x37, 0x32);
    set_field(RCC_CFGR, 0x3FF0, 4u << 8); /* PPRE1: / 2 */
    set_field(RCC_CFGR, 3, 2);            /* SW: PLL */
    wait_for(RCC_CFGR, 3u << 2, 2u << 2);
    return 72000000;
}

void board_console_init(void)
{
    set_bits(RCC_APB2ENR, 1u << 0 | 1u << 2); /* AFIO, port A */
    set_bits(RCC_APB1ENR, 1u << 17);          /* USART2 */
    set_field(GPIOA_CRL, 0xF << 8, 0xB << 8); /* PA2: alternate function, push-pull, 50 MHz */
    USART_V1_INIT(USART2, 36000000);
}

void board_putc(char character)
{
    usart_v1_putc(USART2, character);
}

void board_flush(void)
{
    usart_v1_flush(USART2);
}
