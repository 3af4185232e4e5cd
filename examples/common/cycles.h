/* SPDX-License-Identifier: Apache-2.0 */
/* The cycle counter of the core's debug unit (DWT CYCCNT, Armv7-M). It wraps after 2^32 cycles;
   differences of two readings stay right across one wrap. QEMU does not model it: it reads 0. */
#ifndef CYCLES_H
#define CYCLES_H

#include <stdint.h>

#define DEMCR (*(volatile uint32_t *)0xE000EDFCu)
#define DEMCR_TRCENA (1u << 24)
#define DWT_CTRL (*(volatile uint32_t *)0xE0001000u)
#define DWT_CTRL_CYCCNTENA (1u << 0)
#define DWT_CYCCNT (*(volatile uint32_t *)0xE0001004u)

static inline void cycles_start(void)
{
    DEMCR |= DEMCR_TRCENA;
    DWT_CYCCNT = 0;
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
}

static inline uint32_t cycles_now(void)
{
    return DWT_CYCCNT;
}

#endif
