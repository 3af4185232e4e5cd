/* SPDX-License-Identifier: Apache-2.0 */
/* From accumulators to outputs. What each rounding means, and who defined it, is in kernels/requantize.py. */
#ifndef MK_ARITHMETIC_H
#define MK_ARITHMETIC_H

#include "mcusim_kernels.h"
#include "simd.h"

#define MK_ROUND_DOUBLE 0
#define MK_ROUND_SINGLE 1
#define MK_ROUND_FLOAT 2
#ifndef MK_ROUNDING
#define MK_ROUNDING MK_ROUND_DOUBLE
#endif

#define MK_INLINE static inline __attribute__((always_inline))

MK_INLINE int32_t mk_round_up_to_4(int32_t count)
{
    return (count + 3) & ~3;
}

/* The bias of an output channel, 0 where there is none. */
MK_INLINE int32_t mk_bias_of(const int32_t *bias, int32_t channel)
{
    return bias ? bias[channel] : 0;
}

MK_INLINE int32_t mk_clamp(int32_t value, int32_t low, int32_t high)
{
    value = value < low ? low : value;
    return value > high ? high : value;
}

MK_INLINE int8_t mk_saturate(int32_t value)
{
#if MK_DSP
    return (int8_t)__ssat(value, 8);
#else
    return (int8_t)mk_clamp(value, -128, 127);
#endif
}

MK_INLINE int32_t mk_wrap_shift_left(int32_t value, int32_t shift)
{
    return (int32_t)((uint32_t)value << shift);
}

/* round(value * multiplier / 2^31), halves up. The product of two INT32_MIN, which saturates in gemmlowp, cannot come:
   multipliers are not negative. */
MK_INLINE int32_t mk_high_product(int32_t value, int32_t multiplier)
{
#if MK_DSP
    /* GCC makes eight instructions of the line below where it has widened the multiplier before. */
    uint32_t low = 1u << 30;
    int32_t high = 0;
    __asm__("smlal %0, %1, %2, %3" : "+r"(low), "+r"(high) : "r"(value), "r"(multiplier));
    return (int32_t)(low >> 31 | (uint32_t)high << 1);
#else
    return (int32_t)(((int64_t)value * multiplier + (1 << 30)) >> 31);
#endif
}

/* round(value / 2^exponent), halves away from zero; exponent >= 1. In two steps, so that nothing overflows. */
MK_INLINE int32_t mk_divide_by_power_of_two(int32_t value, int32_t exponent)
{
    return (((value + (value >> 31)) >> (exponent - 1)) + 1) >> 1;
}

/* value * multiplier * 2^(shift - 31), rounded twice. */
MK_INLINE int32_t mk_scale_double(int32_t value, int32_t multiplier, int32_t shift)
{
    if (shift >= 0)
        return mk_high_product(mk_wrap_shift_left(value, shift), multiplier);
    return mk_divide_by_power_of_two(mk_high_product(value, multiplier), -shift);
}

/* The same, rounded once, halves up. */
MK_INLINE int32_t mk_scale_single(int32_t value, int32_t multiplier, int32_t shift)
{
    const int32_t total = 31 - shift;
    return (int32_t)(((int64_t)value * multiplier + ((int64_t)1 << (total - 1))) >> total);
}

MK_INLINE int32_t mk_scale(int32_t value, int32_t multiplier, int32_t shift)
{
#if MK_ROUNDING == MK_ROUND_SINGLE
    return mk_scale_single(value, multiplier, shift);
#else
    return mk_scale_double(value, multiplier, shift);
#endif
}

/* What an output channel's accumulator is multiplied by. */
struct mk_factor {
#if MK_ROUNDING == MK_ROUND_FLOAT
    float scale;
#else
    int32_t multiplier, shift;
#endif
};

MK_INLINE struct mk_factor mk_factor_of(const struct mk_output *to, int32_t channel)
{
    const int32_t index = to->per_channel ? channel : 0;
#if MK_ROUNDING == MK_ROUND_FLOAT
    return (struct mk_factor){to->scales[index]};
#else
    return (struct mk_factor){to->multipliers[index], to->shifts[index]};
#endif
}

/* The factors of output channels, one after the other. */
struct mk_factors {
#if MK_ROUNDING == MK_ROUND_FLOAT
    const float *scale;
#else
    const int32_t *multiplier, *shift;
#endif
};

MK_INLINE struct mk_factors mk_factors_from(const struct mk_output *to, int32_t channel)
{
    const int32_t index = to->per_channel ? channel : 0;
#if MK_ROUNDING == MK_ROUND_FLOAT
    return (struct mk_factors){to->scales + index};
#else
    return (struct mk_factors){to->multipliers + index, to->shifts + index};
#endif
}

/* `step`: 1 where each channel has its own. */
MK_INLINE struct mk_factor mk_next_factor(struct mk_factors *factors, int32_t step)
{
#if MK_ROUNDING == MK_ROUND_FLOAT
    const struct mk_factor factor = {*factors->scale};
    factors->scale += step;
#else
    const struct mk_factor factor = {*factors->multiplier, *factors->shift};
    factors->multiplier += step, factors->shift += step;
#endif
    return factor;
}

MK_INLINE int32_t mk_scale_by(int32_t sum, struct mk_factor factor)
{
#if MK_ROUNDING == MK_ROUND_FLOAT
    return (int32_t)((float)sum * factor.scale);
#else
    return mk_scale(sum, factor.multiplier, factor.shift);
#endif
}

/* An accumulator as an output. */
MK_INLINE int8_t mk_finish(int32_t sum, struct mk_factor factor, const struct mk_output *to)
{
    const int32_t value = mk_scale_by(sum, factor) + to->zero_point;
    return (int8_t)mk_clamp(value, to->activation_min, to->activation_max);
}

#endif
