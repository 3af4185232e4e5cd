/* SPDX-License-Identifier: Apache-2.0 */
/* 8 MHz crystal / 8 * 336 / 2 = 168 MHz; APB1 / 4, APB2 / 2; USART2 on PA2 (ST RM0090; UM1472). */
#define HSE_BYPASS 0
#define PLL_M 8u
#define PLL_N 336u
#define CORE_HZ 168000000u
#define WAIT_STATES 5u
#define APB1_SETUP 5u
#define APB2_SETUP 4u
#define OVER_DRIVE 0
#define USART 0x40004400u
#define USART_CLOCK_HZ 42000000u
#define USART_ENABLE (1u << 17)
#define PORT 0x40020000u
#define PORT_ENABLE (1u << 0)
#define PIN 2
#include "stm32f4.h"

const char board_name[] = "stm32f407-discovery";
