/* SPDX-License-Identifier: Apache-2.0 */
/* The console of the NUCLEO-64 boards with USARTs of the second kind: USART2 on PA2, by the ST-LINK. The board defines
   PORT_A, PORTS_ENABLE and USART2_ENABLE (registers), PORT_A_ENABLE (a bit), PIN_FUNCTION, USART_CLOCK_HZ. */
#define USART2 0x40004400u

void board_console_init(void)
{
    set_bits(PORTS_ENABLE, PORT_A_ENABLE);
    set_bits(USART2_ENABLE, 1u << 17);
    pin_alternate(PORT_A, 2, PIN_FUNCTION);
    USART_V2_INIT(USART2, (USART_CLOCK_HZ + BAUD / 2) / BAUD);
}

void board_putc(char character)
{
    usart_v2_putc(USART2, character);
}

void board_flush(void)
{
    usart_v2_flush(USART2);
}
