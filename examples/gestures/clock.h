/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks of this firmware: a fast one for the network, that of board_init for the console. */
#ifndef CLOCK_H
#define CLOCK_H

/* 120 MHz, flash at five wait states with its caches on. */
void clock_fast(void);

/* 16 MHz, no wait states, as board_init leaves it. */
void clock_slow(void);

#endif
