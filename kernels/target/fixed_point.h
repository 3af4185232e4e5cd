/* SPDX-License-Identifier: Apache-2.0 */
/* gemmlowp's functions of fixed-point numbers: an int32 with m integer bits is value * 2^(31 - m). The order of every
   rounding is the one that gemmlowp and TensorFlow Lite define (kernels/fixed_point.py), so results are theirs bit for
   bit. */
#ifndef MK_FIXED_POINT_H
#define MK_FIXED_POINT_H

#include "arithmetic.h"

/* The one product that does not fit saturates. */
MK_INLINE int32_t mk_multiply(int32_t a, int32_t b)
{
    return a == INT32_MIN && b == INT32_MIN ? INT32_MAX : mk_high_product(a, b);
}

/* round(value / 2^exponent), halves away from zero; exponent >= 0. */
MK_INLINE int32_t mk_divide(int32_t value, int32_t exponent)
{
    return exponent ? mk_divide_by_power_of_two(value, exponent) : value;
}

/* value * 2^exponent, saturated; exponent from 0 to 31. */
MK_INLINE int32_t mk_saturating_shift_left(int32_t value, int32_t exponent)
{
    const int32_t limit = INT32_MAX >> exponent;
    return value > limit ? INT32_MAX : value < -limit - 1 ? INT32_MIN : mk_wrap_shift_left(value, exponent);
}

/* exp(x) with no integer bits, for x <= 0 with 2 to 5 of them. */
int32_t mk_exp_of_negative(int32_t x, int32_t integer_bits);

/* 1 / (1 + x) and (1 - x) / (1 + x), for x in [0, 1]; no integer bits. */
int32_t mk_one_over_one_plus(int32_t x);
int32_t mk_one_minus_over_one_plus(int32_t x);

/* log(x) with `output_bits` integer bits, for x >= 1 with `integer_bits` of them. */
int32_t mk_log_of_at_least_one(int32_t x, int32_t integer_bits, int32_t output_bits);

#endif
