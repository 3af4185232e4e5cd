/* SPDX-License-Identifier: Apache-2.0 */
/* Sends back what it receives, in capitals, until a full stop; the received bytes come by polling. */
#include "board.h"
#include "print.h"

#include <stdint.h>

#define LPUART1_CR1 (*(volatile uint32_t *)0x40008000u)
#define LPUART1_CR1_RE (1u << 2)
#define LPUART1_ISR (*(volatile uint32_t *)0x4000801Cu)
#define LPUART1_ISR_RXNE (1u << 5)
#define LPUART1_RDR (*(volatile uint32_t *)0x40008024u)

int main(void)
{
    LPUART1_CR1 |= LPUART1_CR1_RE;
    uint32_t count = 0;
    char character;
    do {
        while (!(LPUART1_ISR & LPUART1_ISR_RXNE))
            ;
        character = (char)LPUART1_RDR;
        count++;
        board_putc(character >= 'a' && character <= 'z' ? (char)(character - 'a' + 'A') : character);
    } while (character != '.');
    print("\nreceived ");
    print_unsigned(count);
    print("\n");
    return 0;
}
