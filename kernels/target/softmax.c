/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax and its logarithm in integers: the order of every rounding is the one that TensorFlow Lite defines. */
#include "fixed_point.h"

#define DIFFERENCE_INTEGER_BITS 5
#define SUM_INTEGER_BITS 12

static int32_t largest_of(const int8_t *input, int32_t depth)
{
    int32_t largest = INT8_MIN;
    for (int32_t i = 0; i < depth; i++)
        if (input[i] > largest)
            largest = input[i];
    return largest;
}

/* The difference to the largest input as Q5.26. */
MK_INLINE int32_t rescaled(const struct mk_softmax *op, int32_t difference)
{
    return mk_multiply(mk_wrap_shift_left(difference, op->shift), op->multiplier);
}

MK_INLINE int32_t exp_of(const struct mk_softmax *op, int32_t difference)
{
    return mk_exp_of_negative(rescaled(op, difference), DIFFERENCE_INTEGER_BITS);
}

/* The sum of a row's exps, Q12.19. */
static int32_t sum_of_exps(const struct mk_softmax *op, const int8_t *input, int32_t largest)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < op->depth; i++) {
        const int32_t difference = input[i] - largest;
        if (difference >= op->smallest_difference)
            sum += mk_divide(exp_of(op, difference), SUM_INTEGER_BITS);
    }
    return sum;
}

/* 1 / sum = inverse * 2^-integer_bits. */
struct inverse {
    int32_t inverse, integer_bits;
};

static struct inverse inverse_of(int32_t sum)
{
    /* sum = (1 + x) * 2^integer_bits */
    const int32_t leading_zeros = __builtin_clz((uint32_t)sum);
    const int32_t x = (int32_t)(((uint32_t)sum << leading_zeros) - (UINT32_C(1) << 31));
    return (struct inverse){mk_one_over_one_plus(x), SUM_INTEGER_BITS - leading_zeros};
}

/* An output in steps of 2^-bits, from 0. */
MK_INLINE int32_t share_of(const struct mk_softmax *op, struct inverse by, int32_t difference, int32_t bits)
{
    if (difference < op->smallest_difference)
        return 0;
    return mk_divide(mk_multiply(by.inverse, exp_of(op, difference)), by.integer_bits + 31 - bits);
}

void mk_softmax_s8(const struct mk_softmax *op, const int8_t *input, int8_t *output)
{
    for (int32_t row = 0; row < op->rows; row++, input += op->depth, output += op->depth) {
        const int32_t largest = largest_of(input, op->depth);
        const struct inverse by = inverse_of(sum_of_exps(op, input, largest));
        for (int32_t i = 0; i < op->depth; i++)
            output[i] = mk_saturate(share_of(op, by, input[i] - largest, 8) + INT8_MIN);
    }
}

void mk_softmax_s8_s16(const struct mk_softmax *op, const int8_t *input, int16_t *output)
{
    for (int32_t row = 0; row < op->rows; row++, input += op->depth, output += op->depth) {
        const int32_t largest = largest_of(input, op->depth);
        const struct inverse by = inverse_of(sum_of_exps(op, input, largest));
        for (int32_t i = 0; i < op->depth; i++) {
            const int32_t share = share_of(op, by, input[i] - largest, 16);
            output[i] = (int16_t)mk_clamp(share + INT16_MIN, INT16_MIN, INT16_MAX);
        }
    }
}

#define OUTPUT_INTEGER_BITS 4 /* of the logarithm: steps of 1/16 */

void mk_log_softmax_s8(const struct mk_log_softmax *op, const int8_t *input, int8_t *output)
{
    const struct mk_softmax *const softmax = &op->softmax;
    const int32_t depth = softmax->depth, drop = 31 - DIFFERENCE_INTEGER_BITS - OUTPUT_INTEGER_BITS;

    for (int32_t row = 0; row < softmax->rows; row++, input += depth, output += depth) {
        const int32_t largest = largest_of(input, depth), sum = sum_of_exps(softmax, input, largest);
        const int32_t log = mk_log_of_at_least_one(sum, SUM_INTEGER_BITS, DIFFERENCE_INTEGER_BITS);
        /* What lies further below would leave 32 bits; it gives less than the least output. */
        const int32_t reach = mk_scale_double(log + INT32_MIN, op->to_input.multiplier, op->to_input.shift);
        const int32_t least = softmax->smallest_difference - 1, smallest = reach > least ? reach : least;
        for (int32_t i = 0; i < depth; i++) {
            const int32_t difference = input[i] - largest;
            int32_t value = INT8_MIN;
            if (difference > smallest)
                value = mk_divide(rescaled(softmax, difference) - log, drop) + 127;
            output[i] = mk_saturate(value);
        }
    }
}
