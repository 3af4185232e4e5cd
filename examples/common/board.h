/* SPDX-License-Identifier: Apache-2.0 */
/* What a board file (board_<name>.c) supplies to a small bare-metal firmware. */
#ifndef BOARD_H
#define BOARD_H

/* Clocks, pins and the console. Called by Reset_Handler after .data and .bss are ready, before main. */
void board_init(void);

/* Writes one character to the console; waits until there is room for it. */
void board_putc(char character);

/* Lets the console drain and ends the program. Called with what main returned. */
_Noreturn void board_exit(int status);

/* The end of every program: an endless branch to itself (startup.c). */
_Noreturn void _exit(int status);

#endif
