/* SPDX-License-Identifier: Apache-2.0 */
/* The caches of a Cortex-M7 (Arm DDI 0403E, B3.2: cache maintenance; Arm DDI 0489F: lines of 32 bytes, four ways of data). */
#ifndef CACHES_H
#define CACHES_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define SCB_CCR REGISTER(0xE000ED14u)
#define SCB_CCR_DC (1u << 16)
#define SCB_CCR_IC (1u << 17)
#define SCB_CCSIDR REGISTER(0xE000ED80u)
#define SCB_CSSELR REGISTER(0xE000ED84u)
#define SCB_ICIALLU REGISTER(0xE000EF50u)
#define SCB_DCISW REGISTER(0xE000EF60u)

static inline void barrier(void)
{
    __asm volatile("dsb\n\tisb" ::: "memory");
}

/* Both caches hold anything after reset: each is invalidated before it is turned on. */
static inline void caches_init(void)
{
    barrier();
    SCB_ICIALLU = 0;
    barrier();
    SCB_CCR |= SCB_CCR_IC;
    barrier();

    SCB_CSSELR = 0; /* the data cache, level 1 */
    barrier();
    uint32_t size = SCB_CCSIDR;
    uint32_t last_set = size >> 13 & 0x7FFFu, last_way = size >> 3 & 0x3FFu;
    for (uint32_t set = 0; set <= last_set; set++)
        for (uint32_t way = 0; way <= last_way; way++)
            SCB_DCISW = way << 30 | set << 5; /* 4 ways, lines of 32 bytes */
    barrier();
    SCB_CCR |= SCB_CCR_DC;
    barrier();
}

#endif
