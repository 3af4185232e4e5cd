/* SPDX-License-Identifier: Apache-2.0 */
/* Nordic nRF5340 DK, application core in the secure world: HFXO as source, then HFCLKCTRL for 128 MHz (nRF5340 PS v1.3,
   4.12). Console: UARTE 0 with EasyDMA, TXD on P0.20 (7.41). */
#include "selftest.h"

const char board_name[] = "nrf5340-app";

#define CLOCK_TASKS_HFCLKSTART REGISTER(0x50005000u)
#define CLOCK_EVENTS_HFCLKSTARTED REGISTER(0x50005100u)
#define CLOCK_HFCLKSTAT REGISTER(0x5000540Cu)
#define CLOCK_HFCLKSRC REGISTER(0x50005514u)
#define CLOCK_HFCLKCTRL REGISTER(0x50005558u)
#define CLOCK_HFCLKSTAT_HFXO_RUNNING 0x10001u
#define UARTE_TASKS_STARTTX REGISTER(0x50008008u)
#define UARTE_TASKS_STOPTX REGISTER(0x5000800Cu)
#define UARTE_EVENTS_ENDTX REGISTER(0x50008120u)
#define UARTE_EVENTS_TXSTOPPED REGISTER(0x50008158u)
#define UARTE_ENABLE REGISTER(0x50008500u)
#define UARTE_PSEL_TXD REGISTER(0x5000850Cu)
#define UARTE_BAUDRATE REGISTER(0x50008524u)
#define UARTE_TXD_PTR REGISTER(0x50008544u)
#define UARTE_TXD_MAXCNT REGISTER(0x50008548u)
#define UARTE_ENABLE_UARTE 8u
#define BAUDRATE_115200 0x01D60000u
#define P0_OUTSET REGISTER(0x50842508u)
#define P0_DIRSET REGISTER(0x50842518u)
#define TXD_PIN 20u

static volatile char buffer[1];

uint32_t board_clock_init(void)
{
    CLOCK_HFCLKSRC = 1;
    CLOCK_EVENTS_HFCLKSTARTED = 0;
    CLOCK_TASKS_HFCLKSTART = 1;
    while (!CLOCK_EVENTS_HFCLKSTARTED)
        ;
    while (CLOCK_HFCLKSTAT != CLOCK_HFCLKSTAT_HFXO_RUNNING)
        ;
    CLOCK_HFCLKCTRL = 0; /* HCLK is HFCLK128M, not divided */
    return 128000000;
}

void board_console_init(void)
{
    P0_OUTSET = 1u << TXD_PIN;
    P0_DIRSET = 1u << TXD_PIN;
    UARTE_PSEL_TXD = TXD_PIN;
    UARTE_BAUDRATE = BAUDRATE_115200;
    UARTE_ENABLE = UARTE_ENABLE_UARTE;
}

void board_putc(char character)
{
    buffer[0] = character;
    UARTE_TXD_PTR = (uint32_t)(uintptr_t)buffer;
    UARTE_TXD_MAXCNT = sizeof buffer;
    UARTE_EVENTS_ENDTX = 0;
    UARTE_TASKS_STARTTX = 1;
    while (!UARTE_EVENTS_ENDTX)
        ;
}

void board_flush(void)
{
    UARTE_EVENTS_TXSTOPPED = 0;
    UARTE_TASKS_STOPTX = 1;
    while (!UARTE_EVENTS_TXSTOPPED)
        ;
}
