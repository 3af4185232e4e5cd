/* SPDX-License-Identifier: Apache-2.0 */
/* ST 32F746GDISCOVERY: 16 MHz from the internal HSI oscillator, as after reset, flash without wait states, instruction
   and data cache on, console on USART1 (PA9/PB7, which the on-board ST-LINK forwards as a virtual serial port) at
   115200 baud, 8 bits, no parity. Registers: ST RM0385; pins: ST UM1907. */
#include "board.h"
#include "caches.h"

#define RCC_AHB1ENR REGISTER(0x40023830u)
#define RCC_AHB1ENR_GPIOAEN (1u << 0)
#define RCC_AHB1ENR_GPIOBEN (1u << 1)
#define RCC_APB2ENR REGISTER(0x40023844u)
#define RCC_APB2ENR_USART1EN (1u << 4)

#define GPIOA_MODER REGISTER(0x40020000u)
#define GPIOA_AFRH REGISTER(0x40020024u)
#define GPIOB_MODER REGISTER(0x40020400u)
#define GPIOB_AFRL REGISTER(0x40020420u)

#define USART1_CR1 REGISTER(0x40011000u)
#define USART1_CR1_UE (1u << 0)
#define USART1_CR1_TE (1u << 3)
#define USART1_BRR REGISTER(0x4001100Cu)
#define USART1_ISR REGISTER(0x4001101Cu)
#define USART1_ISR_TC (1u << 6)
#define USART1_ISR_TXE (1u << 7)
#define USART1_TDR REGISTER(0x40011028u)

#define DWT_LAR REGISTER(0xE0001FB0u)
#define DWT_LAR_UNLOCK 0xC5ACCE55u

#define CLOCK_HZ 16000000u
#define BAUD 115200u

static void console_init(void)
{
    /* Reading an enable register back gives the clock time to reach the peripheral. */
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIOAEN | RCC_AHB1ENR_GPIOBEN;
    (void)RCC_AHB1ENR;
    GPIOA_AFRH = (GPIOA_AFRH & ~(15u << 4)) | 7u << 4;     /* PA9: AF7, USART1 */
    GPIOA_MODER = (GPIOA_MODER & ~(3u << 18)) | 2u << 18;  /* alternate function */
    GPIOB_AFRL = (GPIOB_AFRL & ~(15u << 28)) | 7u << 28;   /* PB7: AF7, USART1 */
    GPIOB_MODER = (GPIOB_MODER & ~(3u << 14)) | 2u << 14;  /* alternate function */

    RCC_APB2ENR |= RCC_APB2ENR_USART1EN;
    (void)RCC_APB2ENR;
    USART1_BRR = (CLOCK_HZ + BAUD / 2) / BAUD;
    USART1_CR1 = USART1_CR1_TE | USART1_CR1_UE;
}

void board_init(void)
{
    caches_init();
    DWT_LAR = DWT_LAR_UNLOCK; /* else software cannot write the cycle counter of this core */
    console_init();
}

void board_putc(char character)
{
    while (!(USART1_ISR & USART1_ISR_TXE))
        ;
    USART1_TDR = (uint8_t)character;
}

void board_exit(int status)
{
    while (!(USART1_ISR & USART1_ISR_TC))
        ;
    _exit(status);
}
