/* SPDX-License-Identifier: Apache-2.0 */
/* What boards/<board>.c supplies to the self-test, and the little that it may use. */
#ifndef SELFTEST_H
#define SELFTEST_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

/* The board's name, as mcusim knows it. */
extern const char board_name[];

/* Brings the core to the highest clock that the part allows, by the sequence of the vendor's manual (supply, wait
   states, oscillator, PLL, switch), waiting for every ready flag. Returns the core clock in hertz. */
uint32_t board_clock_init(void);

/* Sets the console up (pins, clock, 115200 baud). Called after board_clock_init. */
void board_console_init(void);

/* Writes one character to the console; waits until there is room for it. */
void board_putc(char character);

/* Waits until the console has sent everything. */
void board_flush(void);

/* The number of external interrupts that the vector table leaves room for. */
#define EXTERNAL_INTERRUPTS 160

#endif
