/* SPDX-License-Identifier: Apache-2.0 */
/* STM32H7A3 at 280 MHz: SMPS, VOS0 (RM0455, PWR_SRDCR). HSE is the ST-LINK's 8 MHz; AHB at 280 MHz, APBs at 140 MHz;
   USART3 on PD8 (zephyr boards/arm/nucleo_h7a3zi_q, virtual COM port). */
#define CORE_MHZ 280u
#define HSE_BYPASS RCC_CR_HSEBYP
#define PLL1_M 1u
#define PLL1_N 70u
#define PLL1_P 2u
#define PLL1_RANGE 3u
#define SUPPLY PWR_CR3_SMPSEN
#define WAIT_STATES (6u | 3u << 4)
#define HPRE_AND_D1PPRE (4u << 4)
#define PPRE1_AND_PPRE2 (4u << 4 | 4u << 8)
#define D3PPRE (4u << 4)
#include "stm32h7.h"

static void set_highest_voltage(void)
{
    PWR_D3CR |= PWR_VOS_3;
    while (!(PWR_D3CR & PWR_VOSRDY))
        ;
}

#define USART 0x40004800u /* USART3 */
#define USART_HZ 140000000u
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

const char board_name[] = "nucleo-h7a3ziq";
