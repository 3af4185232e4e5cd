/* SPDX-License-Identifier: Apache-2.0 */
#include "print.h"

#include "board.h"

void print(const char *text)
{
    while (*text)
        board_putc(*text++);
}

void print_unsigned(uint32_t value)
{
    char digits[11];
    char *first = digits + sizeof digits - 1;
    *first = '\0';
    do {
        *--first = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    print(first);
}

void print_signed(int32_t value)
{
    if (value < 0) {
        board_putc('-');
        print_unsigned(0u - (uint32_t)value);
    } else {
        print_unsigned((uint32_t)value);
    }
}

void print_hex(uint32_t value)
{
    for (int bit = 28; bit >= 0; bit -= 4)
        board_putc("0123456789abcdef"[value >> bit & 15]);
}
