/* SPDX-License-Identifier: Apache-2.0 */
/* What operators on single elements share: factors of small numbers, and four bytes at a time. */
#ifndef MK_PACKED_H
#define MK_PACKED_H

#include "arithmetic.h"
#include "simd.h"
#include "window.h"

/* A factor for numbers of at most 2^16 in size, made once for all of them: moved left by one bit more, their product's
   upper half is what mk_high_product takes five instructions for. Where the shift leaves no room, or products are rounded
   once, the number goes the general way. */
struct mk_small_factor {
    struct mk_factor_q31 factor;
    int32_t left, right, half, tie; /* tie: -1 where negative halves have to be moved away from zero */
    int32_t fits;
};

MK_INLINE struct mk_small_factor mk_small_factor_of(struct mk_factor_q31 factor)
{
    const int32_t right = factor.shift < 0 ? -factor.shift : 0, left = factor.shift > 0 ? factor.shift : 0;
    const int32_t half = right ? 1 << (right - 1) : 0;
    /* 2^16 << 14 is within int32, and so is a product of 2^30 plus half of 2^30. */
    const int32_t fits = MK_DSP && MK_ROUNDING != MK_ROUND_SINGLE && left <= 13 && right <= 30;
    return (struct mk_small_factor){factor, left + 1, right, half, right ? -1 : 0, fits};
}

#if MK_DSP
/* round(a * b / 2^32), halves up. */
MK_INLINE int32_t mk_upper_half(int32_t a, int32_t b)
{
    int32_t result;
    __asm__("smmulr %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

/* round(value / 2^right), halves away from zero, of a value that stays within int32 plus `half`. */
MK_INLINE int32_t mk_divide_small(int32_t value, const struct mk_small_factor *by)
{
    return (value + by->half + (value >> 31 & by->tie)) >> by->right;
}
#endif

MK_INLINE int32_t mk_scale_small(int32_t value, const struct mk_small_factor *by)
{
#if MK_DSP
    if (by->fits)
        return mk_divide_small(mk_upper_half(value << by->left, by->factor.multiplier), by);
#endif
    return mk_scale(value, by->factor.multiplier, by->factor.shift);
}

#if MK_DSP
/* A byte, four times. */
MK_INLINE uint32_t mk_four(int8_t value)
{
    return (uint8_t)value * 0x01010101u;
}

/* For each of four int8: the larger and the smaller one. SSUB8 notes in the GE flags where the first is not smaller. */
MK_INLINE uint32_t mk_larger_bytes(uint32_t a, uint32_t b)
{
    uint32_t result;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(result) : "r"(a), "r"(b));
    return result;
}

MK_INLINE uint32_t mk_smaller_bytes(uint32_t a, uint32_t b)
{
    uint32_t result;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %2, %1" : "=&r"(result) : "r"(a), "r"(b));
    return result;
}
#endif

#endif
