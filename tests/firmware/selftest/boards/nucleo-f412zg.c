/* SPDX-License-Identifier: Apache-2.0 */
/* 8 MHz from the ST-LINK / 8 * 200 / 2 = 100 MHz; APB1 / 2; USART3 on PD8 (ST RM0402; UM1974). */
#define HSE_BYPASS 1
#define PLL_M 8u
#define PLL_N 200u
#define CORE_HZ 100000000u
#define WAIT_STATES 3u
#define APB1_SETUP 4u
#define APB2_SETUP 0u
#define OVER_DRIVE 0
#define USART 0x40004800u
#define USART_CLOCK_HZ 50000000u
#define USART_ENABLE (1u << 18)
#define PORT 0x40020C00u
#define PORT_ENABLE (1u << 3)
#define PIN 8
#include "stm32f4.h"

const char board_name[] = "nucleo-f412zg";
