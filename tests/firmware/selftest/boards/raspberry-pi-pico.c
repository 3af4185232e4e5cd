/* SPDX-License-Identifier: Apache-2.0 */
/* Raspberry Pi Pico. RP2040 Datasheet: crystal (2.16), PLL to 1596 MHz / 6 / 2 = 133 MHz (2.18), glitchless switch of
   clk_sys (2.15), resets (2.14), UART 0 on GPIO 0 (4.2, 2.19). */
#include "selftest.h"

const char board_name[] = "raspberry-pi-pico";

#define ATOMIC_SET 0x2000u
#define ATOMIC_CLEAR 0x3000u
#define RESETS 0x4000C000u
#define RESETS_DONE REGISTER(RESETS + 8u)
#define RESET_IO_BANK0 (1u << 5)
#define RESET_PADS_BANK0 (1u << 8)
#define RESET_PLL_SYS (1u << 12)
#define RESET_UART0 (1u << 22)
#define XOSC_CTRL REGISTER(0x40024000u)
#define XOSC_STATUS REGISTER(0x40024004u)
#define XOSC_STARTUP REGISTER(0x4002400Cu)
#define PLL_SYS 0x40028000u
#define PLL_CS REGISTER(PLL_SYS + 0u)
#define PLL_PWR_CLEAR REGISTER(PLL_SYS + 4u + ATOMIC_CLEAR)
#define PLL_FBDIV REGISTER(PLL_SYS + 8u)
#define PLL_PRIM REGISTER(PLL_SYS + 12u)
#define CLK_REF_CTRL REGISTER(0x40008030u)
#define CLK_REF_SELECTED REGISTER(0x40008038u)
#define CLK_SYS 0x4000803Cu
#define CLK_SYS_CTRL REGISTER(CLK_SYS)
#define CLK_SYS_CTRL_SET REGISTER(CLK_SYS + ATOMIC_SET)
#define CLK_SYS_SELECTED REGISTER(CLK_SYS + 8u)
#define CLK_PERI_CTRL REGISTER(0x40008048u)
#define IO_GPIO0_CTRL REGISTER(0x40014004u)
#define UART0 0x40034000u
#define UART_DR REGISTER(UART0 + 0x00u)
#define UART_FR REGISTER(UART0 + 0x18u)
#define UART_IBRD REGISTER(UART0 + 0x24u)
#define UART_FBRD REGISTER(UART0 + 0x28u)
#define UART_LCR_H REGISTER(UART0 + 0x2Cu)
#define UART_CR REGISTER(UART0 + 0x30u)
#define CORE_HZ 133000000u

static void unreset(uint32_t blocks)
{
    REGISTER(RESETS + ATOMIC_CLEAR) = blocks;
    while (~RESETS_DONE & blocks)
        ;
}

uint32_t board_clock_init(void)
{
    XOSC_CTRL = 0xAA0;                          /* 1 to 15 MHz */
    XOSC_STARTUP = (12000000 / 1000 + 128) / 256; /* a millisecond */
    REGISTER(0x40024000u + ATOMIC_SET) = 0xFABu << 12;
    while (!(XOSC_STATUS >> 31))
        ;
    CLK_REF_CTRL = 2; /* crystal */
    while (CLK_REF_SELECTED != 1u << 2)
        ;

    unreset(RESET_PLL_SYS);
    PLL_CS = 1; /* 12 MHz reference */
    PLL_FBDIV = 133;
    PLL_PWR_CLEAR = 1u << 0 | 1u << 5; /* PLL and VCO on */
    while (!(PLL_CS >> 31))
        ;
    PLL_PRIM = 6u << 16 | 2u << 12;
    PLL_PWR_CLEAR = 1u << 3; /* dividers on */

    CLK_SYS_CTRL = 0; /* clk_ref; the auxiliary source is the PLL */
    while (CLK_SYS_SELECTED != 1)
        ;
    CLK_SYS_CTRL_SET = 1;
    while (CLK_SYS_SELECTED != 2)
        ;
    CLK_PERI_CTRL = 1u << 11; /* clk_sys */
    return CORE_HZ;
}

void board_console_init(void)
{
    unreset(RESET_IO_BANK0 | RESET_PADS_BANK0 | RESET_UART0);
    IO_GPIO0_CTRL = 2; /* UART0 TX */
    uint32_t divider = (uint32_t)((uint64_t)CORE_HZ * 64 / (16 * 115200));
    UART_IBRD = divider >> 6;
    UART_FBRD = divider & 63;
    UART_LCR_H = 3u << 5 | 1u << 4; /* eight bits, FIFO */
    UART_CR = 1u << 0 | 1u << 8;
}

void board_putc(char character)
{
    while (UART_FR & 1u << 5)
        ;
    UART_DR = (uint8_t)character;
}

void board_flush(void)
{
    while (UART_FR & 1u << 3)
        ;
}
