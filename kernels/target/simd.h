/* SPDX-License-Identifier: Apache-2.0 */
/* The instructions of the DSP extension (Arm DDI 0403E A4.4.3), and words that need no alignment. */
#ifndef MK_SIMD_H
#define MK_SIMD_H

#include <stdint.h>

#if defined(__ARM_FEATURE_DSP) && !defined(MK_PORTABLE)
#define MK_DSP 1
#include <arm_acle.h>

/* Four int8 as a word. It is one LDR, also with -ffreestanding, which may be unaligned on these cores (CCR.UNALIGN_TRP is 0 at reset). */
static inline __attribute__((always_inline)) uint32_t mk_word(const void *address)
{
    uint32_t word;
    __builtin_memcpy(&word, address, sizeof word);
    return word;
}

static inline __attribute__((always_inline)) void mk_put_word(void *address, uint32_t word)
{
    __builtin_memcpy(address, &word, sizeof word);
}

/* Elements 0 and 2 of four int8 as two int16, and elements 1 and 3, each plus an offset in both halves. */
static inline __attribute__((always_inline)) uint32_t mk_even(uint32_t word)
{
    return (uint32_t)__sxtb16(word);
}

static inline __attribute__((always_inline)) uint32_t mk_odd(uint32_t word)
{
    uint32_t pair;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
    return pair;
}

static inline __attribute__((always_inline)) uint32_t mk_even_plus(uint32_t offset, uint32_t word)
{
    return (uint32_t)__sxtab16(offset, word);
}

static inline __attribute__((always_inline)) uint32_t mk_odd_plus(uint32_t offset, uint32_t word)
{
    uint32_t pair;
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(pair) : "r"(offset), "r"(word));
    return pair;
}
#else
#define MK_DSP 0
#endif

/* A number of 16 bits, twice. */
static inline __attribute__((always_inline)) uint32_t mk_both(int32_t value)
{
    return (uint32_t)(value & 0xFFFF) | (uint32_t)value << 16;
}

#endif
