/* SPDX-License-Identifier: Apache-2.0 */
/* 8 MHz from the ST-LINK / 4 * 180 / 2 = 180 MHz with over-drive; APB1 / 4, APB2 / 2; USART2 on PA2 (ST RM0390; UM1724). */
#define HSE_BYPASS 1
#define PLL_M 4u
#define PLL_N 180u
#define CORE_HZ 180000000u
#define WAIT_STATES 5u
#define APB1_SETUP 5u
#define APB2_SETUP 4u
#define OVER_DRIVE 1
#define USART 0x40004400u
#define USART_CLOCK_HZ 45000000u
#define USART_ENABLE (1u << 17)
#define PORT 0x40020000u
#define PORT_ENABLE (1u << 0)
#define PIN 2
#include "stm32f4.h"

const char board_name[] = "nucleo-f446re";
