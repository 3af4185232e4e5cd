/* SPDX-License-Identifier: Apache-2.0 */
/* HSE is the ST-LINK's 8 MHz; USART3 on PD8 (ST UM1974, virtual COM port). */
#define HSE_BYPASS RCC_CR_HSEBYP
#define PLL1_M 4u
#define PLL1_N 240u
#define PLL1_RANGE 1u
#include "stm32h743.h"
#define TX_PORT 0x58020C00u
#define TX_PIN 8u
#define TX_FUNCTION 7u

static void console_clocks(void)
{
    RCC_AHB4ENR |= 1u << 3;   /* GPIODEN */
    RCC_APB1LENR |= 1u << 18; /* USART3EN */
    (void)RCC_APB1LENR;
}

#include "stm32_isr_usart.h"

const char board_name[] = "nucleo-h743zi";
