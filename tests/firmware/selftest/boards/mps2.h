/* SPDX-License-Identifier: Apache-2.0 */
/* Arm MPS2 FPGA images of Cortex-M3, M4 and M7: the core runs at 25 MHz from reset (Arm DAI 0386D); the console is
   CMSDK UART 0 (Arm DDI 0479D, 4.3). */
#include "selftest.h"

#define UART_DATA REGISTER(0x40004000u)
#define UART_STATE REGISTER(0x40004004u)
#define UART_CTRL REGISTER(0x40004008u)
#define UART_BAUDDIV REGISTER(0x40004010u)
#define UART_STATE_TX_FULL 1u
#define UART_CTRL_TX_ENABLE 1u
#define CORE_HZ 25000000u

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
