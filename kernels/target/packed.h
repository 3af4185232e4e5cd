/* SPDX-License-Identifier: Apache-2.0 */
/* What operators on single elements share: the last step for small numbers, and four bytes at a time. */
#ifndef MK_PACKED_H
#define MK_PACKED_H

#include "arithmetic.h"
#include "simd.h"
#include "window.h"

/* How a number of at most 2^16 in size becomes an output. Moved left by one bit more, the upper half of its product is
   what mk_high_product takes five instructions for; and the zero point is added together with half a unit. */
enum mk_kind {
    MK_GENERAL, /* as mk_scale does: rounded once, or a shift without room */
    MK_DIVIDED, /* a negative shift: a division by a power of two follows */
    MK_WHOLE,   /* none follows */
};

struct mk_small {
    int32_t kind, multiplier, shift;
    int32_t left;  /* of the number, one more than the shift */
    int32_t right; /* of the product, one less than the shift */
    int32_t plus;  /* the zero point, in MK_DIVIDED doubled and one more */
    int32_t low, high;
};

MK_INLINE struct mk_small mk_small_of(struct mk_factor_q31 factor, int32_t zero_point, int32_t low, int32_t high)
{
    struct mk_small small = {MK_GENERAL, factor.multiplier, factor.shift, 1, 0, zero_point, low, high};
    if (!MK_DSP || MK_ROUNDING == MK_ROUND_SINGLE || factor.shift > 13) /* 2^16 << 14 is within int32 */
        return small;
    small.kind = factor.shift < 0 ? MK_DIVIDED : MK_WHOLE;
    if (factor.shift < 0) {
        small.right = -factor.shift - 1;
        small.plus = 2 * zero_point + 1;
    } else {
        small.left = factor.shift + 1;
    }
    return small;
}

#if MK_DSP
/* round(a * b / 2^32), halves up. */
MK_INLINE int32_t mk_upper_half(int32_t a, int32_t b)
{
    int32_t result;
    __asm__("smmulr %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

/* round(value / 2^(right + 1)), halves away from zero, and added to it (plus - 1) / 2. */
MK_INLINE int32_t mk_divide_and_add(int32_t value, int32_t right, int32_t plus)
{
    return (((value + (value >> 31)) >> right) + plus) >> 1;
}
#endif

/* `kind` is the factor's; a loop that is compiled for each of them keeps fewer numbers. */
MK_INLINE int8_t mk_finish_small(int32_t value, struct mk_small by, int32_t kind)
{
#if MK_DSP
    if (kind == MK_DIVIDED)
        value = mk_divide_and_add(mk_upper_half(2 * value, by.multiplier), by.right, by.plus);
    else if (kind == MK_WHOLE)
        value = mk_upper_half(value << by.left, by.multiplier) + by.plus;
    else
#endif
        value = mk_scale(value, by.multiplier, by.shift) + by.plus;
    (void)kind;
    return (int8_t)mk_clamp(value, by.low, by.high);
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
