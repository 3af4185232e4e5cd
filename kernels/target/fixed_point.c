/* SPDX-License-Identifier: Apache-2.0 */
#include "fixed_point.h"

#define ONE_Q0_31 INT32_MAX
#define ONE_Q2_29 (1 << 29)

/* exp(x) for x in [-1/4, 0), both Q0.31: the Taylor polynomial of degree 4 around -1/8. */
static int32_t exp_of_small(int32_t x)
{
    const int32_t exp_of_minus_one_8th = 1895147668;
    const int32_t one_third = 715827883;

    int32_t t = x + (1 << 28);
    int32_t t2 = mk_multiply(t, t);
    int32_t t3 = mk_multiply(t2, t);
    int32_t t4_over_4 = mk_divide(mk_multiply(t2, t2), 2);
    int32_t higher_terms = mk_divide(mk_multiply(t4_over_4 + t3, one_third) + t2, 1);
    return exp_of_minus_one_8th + mk_multiply(exp_of_minus_one_8th, t + higher_terms);
}

/* The part below 1/4 by polynomial, the other bits by table. */
int32_t mk_exp_of_negative(int32_t x, int32_t integer_bits)
{
    static const int32_t exp_of_minus_power[] = {
        /* exp(-1/4), exp(-1/2), exp(-1) ... exp(-16) */
        1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242,
    };
    const int32_t quarter = 1 << (29 - integer_bits);

    if (x == 0)
        return ONE_Q0_31;
    int32_t small = (x & (quarter - 1)) - quarter;
    int32_t rest = small - x; /* a multiple of 1/4 */
    int32_t result = exp_of_small(mk_saturating_shift_left(small, integer_bits));
    for (int32_t bit = 0; bit < integer_bits + 2; bit++)
        if (rest & quarter << bit)
            result = mk_multiply(result, exp_of_minus_power[bit]);
    return result;
}

/* 2 / (1 + x) with two integer bits, for x in [0, 1]: three steps of Newton's method. */
static int32_t inverse_of_half_sum(int32_t x)
{
    const int32_t forty_eight_17ths = 1515870810; /* Q2.29 */
    const int32_t thirty_two_17ths = 1010580540;  /* Q2.29 */

    int32_t half_denominator = (int32_t)(((int64_t)x + ONE_Q0_31 + 1) >> 1);
    int32_t estimate = forty_eight_17ths + mk_multiply(half_denominator, -thirty_two_17ths); /* of its inverse */
    for (int32_t step = 0; step < 3; step++) {
        int32_t error = ONE_Q2_29 - mk_multiply(half_denominator, estimate);
        estimate += mk_saturating_shift_left(mk_multiply(estimate, error), 2);
    }
    return estimate;
}

int32_t mk_one_over_one_plus(int32_t x)
{
    return mk_saturating_shift_left(inverse_of_half_sum(x), 1);
}

int32_t mk_one_minus_over_one_plus(int32_t x)
{
    return mk_saturating_shift_left(inverse_of_half_sum(x) - ONE_Q2_29, 2);
}

/* The logarithm of a number near (1/2)^(1/4), as a quotient of polynomials; `bits` integer bits. */
static int32_t log_of_rest(int32_t rest, int32_t bits)
{
    const int32_t sqrt_sqrt_half = 1805811301;
    const int32_t alpha_n = 117049297, alpha_d = 127690142, alpha_i = 1057819769, alpha_f = 638450708;

    int32_t p = (int32_t)(((int64_t)rest + sqrt_sqrt_half + 1) >> 1);
    int32_t q = (int32_t)(2u * (uint32_t)(rest - sqrt_sqrt_half));
    int32_t square = mk_multiply(q, q);
    int32_t numerator = mk_multiply(q, rest) + mk_multiply(mk_multiply(q, square), alpha_n);
    int32_t denominator = mk_multiply(p, alpha_i + q + mk_multiply(alpha_d, square)) + mk_multiply(alpha_f, q);
    return mk_multiply(mk_divide(numerator, bits), mk_one_over_one_plus(denominator));
}

/* A power of two is taken out so that the rest is near (1/2)^(1/4), from above or below, whichever is smaller. */
int32_t mk_log_of_at_least_one(int32_t x, int32_t integer_bits, int32_t output_bits)
{
    const int32_t log_2 = 1488522236, sqrt_half = 1518500250;
    const int32_t bits = output_bits + 1; /* one more, since the first product may saturate */
    const int32_t quarter = mk_divide(1 << 29, bits);

    int32_t headroom = __builtin_clz((uint32_t)x);
    int32_t rest_a = mk_saturating_shift_left(mk_multiply(x << (headroom - 1), sqrt_half), 1);
    int32_t power_a = (integer_bits - headroom) * (1 << (31 - bits)) + quarter;
    int32_t headroom_b = __builtin_clz((uint32_t)mk_multiply(x, sqrt_half)) - 1;
    int32_t rest_b = mk_saturating_shift_left(x, headroom_b);
    int32_t power_b = (integer_bits - headroom_b) * (1 << (31 - bits)) - quarter;
    int32_t power = power_a > power_b ? power_a : power_b;

    int32_t sum = mk_multiply(power, log_2) + log_of_rest(rest_a < rest_b ? rest_a : rest_b, bits);
    return mk_saturating_shift_left(sum, bits - output_bits);
}
