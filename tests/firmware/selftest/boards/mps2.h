/* SPDX-License-Identifier: Apache-2.0 */
/* Arm MPS2 FPGA images: the core runs at its one clock from reset, 25 MHz (Arm DAI 0385D, 0386D, 0400) or, with the IoT
   Kit of AN505, 20 MHz (Arm DAI 0505B). The console is CMSDK UART 0 (Arm DDI 0479D, 4.3), there at its secure alias. */
#include "selftest.h"

#ifdef MPS2_IOTKIT
#define UART0 0x50200000u
#define CORE_HZ 20000000u
#else
#define UART0 0x40004000u
#define CORE_HZ 25000000u
#endif
#define UART_DATA REGISTER(UART0 + 0x00u)
#define UART_STATE REGISTER(UART0 + 0x04u)
#define UART_CTRL REGISTER(UART0 + 0x08u)
#define UART_BAUDDIV REGISTER(UART0 + 0x10u)
#define UART_STATE_TX_FULL 1u
#define UART_CTRL_TX_ENABLE 1u

uint32_t board_clock_init(void)
{
    return CORE_HZ;
}

void board_console_init(void)
{
    UART_BAUDDIV = CORE_HZ / 115200;
    UART_CTRL = UART_CTRL_TX_ENABLE;
}

void board_putc(char character)
{
    while (UART_STATE & UART_STATE_TX_FULL)
        ;
    UART_DATA = (uint8_t)character;
}

void board_flush(void)
{
    while (UART_STATE & UART_STATE_TX_FULL)
        ;
}
