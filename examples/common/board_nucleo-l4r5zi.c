/* SPDX-License-Identifier: Apache-2.0 */
/* ST NUCLEO-L4R5ZI: 16 MHz from the internal MSI oscillator, flash at 0 wait states (allowed up to
   20 MHz in voltage range 1, the reset default), console on LPUART1 (PG7/PG8, which the on-board
   ST-LINK forwards as a virtual serial port) at 115200 baud, 8 bits, no parity.
   Registers: ST RM0432; pins: ST DS12023 and UM2179. */
#include "board.h"

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define RCC_CR REGISTER(0x40021000u)
#define RCC_CR_MSIRDY (1u << 1)
#define RCC_CR_MSIRGSEL (1u << 3)
#define RCC_CR_MSIRANGE_MASK (15u << 4)
#define RCC_CR_MSIRANGE_16_MHZ (8u << 4)
#define RCC_AHB2ENR REGISTER(0x4002104Cu)
#define RCC_AHB2ENR_GPIOGEN (1u << 6)
#define RCC_APB1ENR1 REGISTER(0x40021058u)
#define RCC_APB1ENR1_PWREN (1u << 28)
#define RCC_APB1ENR2 REGISTER(0x4002105Cu)
#define RCC_APB1ENR2_LPUART1EN (1u << 0)

#define PWR_CR2 REGISTER(0x40007004u)
#define PWR_CR2_IOSV (1u << 9)

#define GPIOG_MODER REGISTER(0x48001800u)
#define GPIOG_AFRL REGISTER(0x48001820u)
#define GPIOG_AFRH REGISTER(0x48001824u)

#define LPUART1_CR1 REGISTER(0x40008000u)
#define LPUART1_CR1_UE (1u << 0)
#define LPUART1_CR1_TE (1u << 3)
#define LPUART1_BRR REGISTER(0x4000800Cu)
#define LPUART1_ISR REGISTER(0x4000801Cu)
#define LPUART1_ISR_TC (1u << 6)
#define LPUART1_ISR_TXE (1u << 7)
#define LPUART1_TDR REGISTER(0x40008028u)

#define CLOCK_HZ 16000000u
#define BAUD 115200u

static void clock_init(void)
{
    /* The range may be changed only while the oscillator is ready. */
    while (!(RCC_CR & RCC_CR_MSIRDY))
        ;
    RCC_CR |= RCC_CR_MSIRGSEL;
    RCC_CR = (RCC_CR & ~RCC_CR_MSIRANGE_MASK) | RCC_CR_MSIRANGE_16_MHZ;
    while (!(RCC_CR & RCC_CR_MSIRDY))
        ;
}

static void console_init(void)
{
    /* Reading an enable register back gives the clock time to reach the peripheral. */
    RCC_APB1ENR1 |= RCC_APB1ENR1_PWREN;
    (void)RCC_APB1ENR1;
    PWR_CR2 |= PWR_CR2_IOSV; /* VDDIO2, which supplies PG2 to PG15, is present */

    RCC_AHB2ENR |= RCC_AHB2ENR_GPIOGEN;
    (void)RCC_AHB2ENR;
    GPIOG_AFRL = (GPIOG_AFRL & ~(15u << 28)) | 8u << 28; /* PG7: AF8, LPUART1_TX */
    GPIOG_AFRH = (GPIOG_AFRH & ~(15u << 0)) | 8u << 0;   /* PG8: AF8, LPUART1_RX */
    GPIOG_MODER = (GPIOG_MODER & ~(15u << 14)) | 10u << 14; /* both: alternate function */

    RCC_APB1ENR2 |= RCC_APB1ENR2_LPUART1EN;
    (void)RCC_APB1ENR2;
    LPUART1_BRR = (uint32_t)((256ull * CLOCK_HZ + BAUD / 2) / BAUD);
    LPUART1_CR1 = LPUART1_CR1_TE | LPUART1_CR1_UE;
}

void board_init(void)
{
    clock_init();
    console_init();
}

void board_putc(char character)
{
    while (!(LPUART1_ISR & LPUART1_ISR_TXE))
        ;
    LPUART1_TDR = (uint8_t)character;
}

void board_exit(int status)
{
    while (!(LPUART1_ISR & LPUART1_ISR_TC))
        ;
    _exit(status);
}
