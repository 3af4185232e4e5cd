/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax in integers: outputs are probabilities in steps of 1/256, less 128. Qm.n is an int32 with
   m integer bits and n fraction bits. The order of every rounding is the one that TensorFlow Lite and
   gemmlowp define, so the result is theirs bit for bit. */
#include "arithmetic.h"

#define ONE_Q0_31 INT32_MAX
#define ONE_Q2_29 (1 << 29)
#define SUM_INTEGER_BITS 12

/* The one product that does not fit saturates. */
static int32_t multiply(int32_t a, int32_t b)
{
    return a == INT32_MIN && b == INT32_MIN ? INT32_MAX : mk_high_product(a, b);
}

static int32_t divide(int32_t value, int32_t exponent)
{
    return exponent ? mk_divide_by_power_of_two(value, exponent) : value;
}

/* x * 2^exponent, saturated. */
static int32_t saturating_shift_left(int32_t x, int32_t exponent)
{
    int32_t limit = INT32_MAX >> exponent;
    return x > limit ? INT32_MAX : x < -limit - 1 ? INT32_MIN : (int32_t)((uint32_t)x << exponent);
}

/* exp(x) for x in [-1/4, 0), both Q0.31: the Taylor polynomial of degree 4 around -1/8. */
static int32_t exp_of_small(int32_t x)
{
    const int32_t exp_of_minus_one_8th = 1895147668;
    const int32_t one_third = 715827883;

    int32_t t = x + (1 << 28);
    int32_t t2 = multiply(t, t);
    int32_t t3 = multiply(t2, t);
    int32_t t4_over_4 = divide(multiply(t2, t2), 2);
    int32_t higher_terms = divide(multiply(t4_over_4 + t3, one_third) + t2, 1);
    return exp_of_minus_one_8th + multiply(exp_of_minus_one_8th, t + higher_terms);
}

/* exp(x) as Q0.31 for x <= 0, Q5.26: the part below 1/4 by polynomial, the other bits by table. */
static int32_t exp_of_negative(int32_t x)
{
    static const int32_t exp_of_minus_power[] = {
        /* exp(-1/4), exp(-1/2), exp(-1) ... exp(-16) */
        1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242,
    };
    const int32_t quarter = 1 << 24;

    if (x == 0)
        return ONE_Q0_31;
    int32_t small = (x & (quarter - 1)) - quarter;
    int32_t rest = small - x; /* a multiple of 1/4 */
    int32_t result = exp_of_small(saturating_shift_left(small, 5));
    for (int32_t bit = 0; bit < 7; bit++)
        if (rest & quarter << bit)
            result = multiply(result, exp_of_minus_power[bit]);
    return result;
}

/* 1 / (1 + x) for x in [0, 1), both Q0.31: three steps of Newton's method. */
static int32_t reciprocal_of_one_plus(int32_t x)
{
    const int32_t forty_eight_17ths = 1515870810; /* Q2.29 */
    const int32_t thirty_two_17ths = 1010580540;  /* Q2.29 */

    int32_t half_denominator = (int32_t)(((int64_t)x + ONE_Q0_31 + 1) >> 1);
    int32_t estimate = forty_eight_17ths + multiply(half_denominator, -thirty_two_17ths); /* of its inverse */
    for (int32_t step = 0; step < 3; step++) {
        int32_t error = ONE_Q2_29 - multiply(half_denominator, estimate);
        estimate += saturating_shift_left(multiply(estimate, error), 2);
    }
    return saturating_shift_left(estimate, 1); /* half the inverse of half, Q1.30, as Q0.31 */
}

/* The difference to the largest input as Q5.26. */
static int32_t rescale(const struct mk_softmax *op, int32_t difference)
{
    return multiply(difference * (1 << op->shift), op->multiplier);
}

static void one_row(const struct mk_softmax *op, const int8_t *input, int8_t *output)
{
    int32_t largest = INT8_MIN;
    for (int32_t i = 0; i < op->depth; i++)
        if (input[i] > largest)
            largest = input[i];

    int32_t sum = 0; /* Q12.19 */
    for (int32_t i = 0; i < op->depth; i++) {
        const int32_t difference = input[i] - largest;
        if (difference >= op->smallest_difference)
            sum += divide(exp_of_negative(rescale(op, difference)), SUM_INTEGER_BITS);
    }

    /* sum = (1 + x) * 2^integer_bits, and its inverse is 2^-integer_bits / (1 + x). */
    const int32_t leading_zeros = __builtin_clz((uint32_t)sum);
    const int32_t integer_bits = SUM_INTEGER_BITS - leading_zeros;
    const int32_t x = (int32_t)(((uint32_t)sum << leading_zeros) - (UINT32_C(1) << 31));
    const int32_t inverse = reciprocal_of_one_plus(x);

    for (int32_t i = 0; i < op->depth; i++) {
        const int32_t difference = input[i] - largest;
        int32_t result = INT8_MIN;
        if (difference >= op->smallest_difference) {
            const int32_t share = multiply(inverse, exp_of_negative(rescale(op, difference)));
            result += divide(share, integer_bits + 31 - 8);
        }
        output[i] = (int8_t)mk_clamp(result, INT8_MIN, INT8_MAX);
    }
}

void mk_softmax_s8(const struct mk_softmax *op, const int8_t *input, int8_t *output)
{
    for (int32_t row = 0; row < op->rows; row++, input += op->depth, output += op->depth)
        one_row(op, input, output);
}
