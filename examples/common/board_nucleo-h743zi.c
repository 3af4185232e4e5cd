/* SPDX-License-Identifier: Apache-2.0 */
/* ST NUCLEO-H743ZI: 64 MHz from the internal HSI oscillator, as after reset, flash at the 1 wait state
   that this needs at the voltage of reset (VOS3, AXI at 45 to 90 MHz), instruction and data cache on, console on
   USART3 (PD8/PD9, which the on-board ST-LINK forwards as a virtual serial port) at 115200 baud, 8 bits, no parity.
   Registers: ST RM0433, and Arm DDI 0403E, B3.2 (cache maintenance); pins: ST UM1974. */
#include "board.h"
#include "caches.h"

#include <stdint.h>

#define FLASH_ACR REGISTER(0x52002000u)
#define FLASH_ACR_1_WAIT_STATE (1u << 0)

#define RCC_AHB4ENR REGISTER(0x580244E0u)
#define RCC_AHB4ENR_GPIODEN (1u << 3)
#define RCC_APB1LENR REGISTER(0x580244E8u)
#define RCC_APB1LENR_USART3EN (1u << 18)

#define GPIOD_MODER REGISTER(0x58020C00u)
#define GPIOD_AFRH REGISTER(0x58020C24u)

#define USART3_CR1 REGISTER(0x40004800u)
#define USART3_CR1_UE (1u << 0)
#define USART3_CR1_TE (1u << 3)
#define USART3_BRR REGISTER(0x4000480Cu)
#define USART3_ISR REGISTER(0x4000481Cu)
#define USART3_ISR_TC (1u << 6)
#define USART3_ISR_TXE (1u << 7)
#define USART3_TDR REGISTER(0x40004828u)

#define DWT_LAR REGISTER(0xE0001FB0u)
#define DWT_LAR_UNLOCK 0xC5ACCE55u

#define CLOCK_HZ 64000000u
#define BAUD 115200u

static void console_init(void)
{
    /* Reading an enable register back gives the clock time to reach the peripheral. */
    RCC_AHB4ENR |= RCC_AHB4ENR_GPIODEN;
    (void)RCC_AHB4ENR;
    GPIOD_AFRH = (GPIOD_AFRH & ~0xFFu) | 0x77u;             /* PD8, PD9: AF7, USART3 */
    GPIOD_MODER = (GPIOD_MODER & ~(15u << 16)) | 10u << 16; /* both: alternate function */

    RCC_APB1LENR |= RCC_APB1LENR_USART3EN;
    (void)RCC_APB1LENR;
    USART3_BRR = (CLOCK_HZ + BAUD / 2) / BAUD;
    USART3_CR1 = USART3_CR1_TE | USART3_CR1_UE;
}

void board_init(void)
{
    FLASH_ACR = FLASH_ACR_1_WAIT_STATE;
    while (FLASH_ACR != FLASH_ACR_1_WAIT_STATE)
        ;
    caches_init();
    DWT_LAR = DWT_LAR_UNLOCK; /* else software cannot write the cycle counter of this core */
    console_init();
}

void board_putc(char character)
{
    while (!(USART3_ISR & USART3_ISR_TXE))
        ;
    USART3_TDR = (uint8_t)character;
}

void board_exit(int status)
{
    while (!(USART3_ISR & USART3_ISR_TC))
        ;
    _exit(status);
}
