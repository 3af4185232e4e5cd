/* SPDX-License-Identifier: Apache-2.0 */
/* Nordic nRF52840 DK. The core runs at 64 MHz from reset; the crystal takes over as source (nRF52840 PS v1.7, 5.4), and
   the instruction cache is switched on (4.3.6). Console: UART 0, TXD on P0.06 (6.33). */
#include "selftest.h"

const char board_name[] = "nrf52840";

#define CLOCK_TASKS_HFCLKSTART REGISTER(0x40000000u)
#define CLOCK_EVENTS_HFCLKSTARTED REGISTER(0x40000100u)
#define CLOCK_HFCLKSTAT REGISTER(0x4000040Cu)
#define CLOCK_HFCLKSTAT_XTAL_RUNNING 0x10001u
#define NVMC_READY REGISTER(0x4001E400u)
#define NVMC_ICACHECNF REGISTER(0x4001E540u)
#define UART_TASKS_STARTTX REGISTER(0x40002008u)
#define UART_EVENTS_TXDRDY REGISTER(0x4000211Cu)
#define UART_ENABLE REGISTER(0x40002500u)
#define UART_PSEL_TXD REGISTER(0x4000250Cu)
#define UART_TXD REGISTER(0x4000251Cu)
#define UART_BAUDRATE REGISTER(0x40002524u)
#define UART_ENABLE_UART 4u
#define BAUDRATE_115200 0x01D7E000u
#define P0_OUTSET REGISTER(0x50000508u)
#define P0_DIRSET REGISTER(0x50000518u)
#define TXD_PIN 6u

uint32_t board_clock_init(void)
{
    CLOCK_EVENTS_HFCLKSTARTED = 0;
    CLOCK_TASKS_HFCLKSTART = 1;
    while (!CLOCK_EVENTS_HFCLKSTARTED)
        ;
    while (CLOCK_HFCLKSTAT != CLOCK_HFCLKSTAT_XTAL_RUNNING)
        ;
    while (!(NVMC_READY & 1))
        ;
    NVMC_ICACHECNF = 1;
    return 64000000;
}

void board_console_init(void)
{
    P0_OUTSET = 1u << TXD_PIN;
    P0_DIRSET = 1u << TXD_PIN;
    UART_PSEL_TXD = TXD_PIN;
    UART_BAUDRATE = BAUDRATE_115200;
    UART_ENABLE = UART_ENABLE_UART;
    UART_TASKS_STARTTX = 1;
}

void board_putc(char character)
{
    UART_EVENTS_TXDRDY = 0;
    UART_TXD = (uint8_t)character;
    while (!UART_EVENTS_TXDRDY)
        ;
}

void board_flush(void)
{
}
