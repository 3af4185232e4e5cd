/* SPDX-License-Identifier: Apache-2.0 */
/* Fixed-point arithmetic of int8 networks, as TensorFlow Lite Micro defines it (double rounding).
   A real factor below 2^31 is stored as multiplier * 2^(shift - 31) with multiplier in [2^30, 2^31). */
#ifndef QUANTIZE_H
#define QUANTIZE_H

#include <stdint.h>

static inline int32_t clamp(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* round(a * b / 2^31), halves towards plus infinity; the one product that does not fit saturates. */
static inline int32_t saturating_rounding_doubling_high_mul(int32_t a, int32_t b)
{
    if (a == INT32_MIN && b == INT32_MIN)
        return INT32_MAX;
    return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

/* round(value / 2^exponent), halves away from zero; 0 <= exponent <= 31. */
static inline int32_t rounding_divide_by_power_of_two(int32_t value, int32_t exponent)
{
    int32_t mask = (int32_t)((UINT32_C(1) << exponent) - 1);
    int32_t remainder = value & mask;
    int32_t threshold = (mask >> 1) + (value < 0);
    return (value >> exponent) + (remainder > threshold);
}

/* value * multiplier * 2^(shift - 31), rounded twice. */
static inline int32_t requantize(int32_t value, int32_t multiplier, int32_t shift)
{
    int32_t left = shift > 0 ? shift : 0;
    int32_t right = shift > 0 ? 0 : -shift;
    int32_t scaled = (int32_t)((uint32_t)value << left);
    return rounding_divide_by_power_of_two(saturating_rounding_doubling_high_mul(scaled, multiplier), right);
}

#endif
