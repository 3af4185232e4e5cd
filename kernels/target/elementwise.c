/* SPDX-License-Identifier: Apache-2.0 */
#include "packed.h"

/* Halves away from zero, as C's round(). */
static int32_t rounded(float value)
{
    const int32_t whole = (int32_t)value;
    const float rest = value - (float)whole;
    return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

MK_INLINE int32_t scaled_input(const struct mk_add *op, int32_t which, int32_t value)
{
    value = mk_wrap_shift_left(value - op->zero_points[which], op->left_shift);
    return mk_scale(value, op->multipliers[which], op->shifts[which]);
}

/* first + sign * second, as it is defined. */
static void any_sum(const struct mk_add *op, int32_t sign, const int8_t *first, const int8_t *second, int8_t *output)
{
    for (int32_t i = 0; i < op->size; i++) {
        const int32_t a = scaled_input(op, 0, first[i]), b = scaled_input(op, 1, second[i]);
        const int32_t value = mk_scale(a + sign * b, op->output_multiplier, op->output_shift) + op->output_zero_point;
        output[i] = (int8_t)mk_clamp(value, op->activation_min, op->activation_max);
    }
}

#if MK_DSP && MK_ROUNDING != MK_ROUND_SINGLE

/* Whether all that mk_divide_small and mk_upper_half see stays within int32: inputs are less than 2^28 then. */
static int is_usual(const struct mk_add *op)
{
    return op->left_shift <= 20 && op->shifts[0] <= 0 && op->shifts[1] <= 0 && op->output_shift <= 0;
}

/* What is the same for all elements of an input: bits to the left, one more than is said, and the zero point there. */
struct input {
    int32_t left, zero;
    struct mk_small_factor by;
};

static struct input input_of(const struct mk_add *op, int32_t which)
{
    const struct mk_factor_q31 factor = {op->multipliers[which], op->shifts[which]};
    const int32_t left = op->left_shift + 1;
    return (struct input){left, op->zero_points[which] * (1 << left), mk_small_factor_of(factor)};
}

MK_INLINE int32_t brought_to_sum(const struct input *in, int32_t value)
{
    const int32_t fine = (int32_t)((uint32_t)value << in->left) - in->zero;
    return mk_divide_small(mk_upper_half(fine, in->by.factor.multiplier), &in->by);
}

/* The same as any_sum, with everything that does not change kept in registers. */
MK_INLINE void usual_sum(const struct mk_add *op, int32_t sign, const int8_t *first, const int8_t *second, int8_t *output)
{
    const struct input one = input_of(op, 0), two = input_of(op, 1);
    const struct mk_factor_q31 factor = {op->output_multiplier, op->output_shift};
    const struct mk_small_factor last = mk_small_factor_of(factor);

    for (int32_t i = 0; i < op->size; i++) {
        const int32_t a = brought_to_sum(&one, first[i]), b = brought_to_sum(&two, second[i]);
        const int32_t sum = sign > 0 ? a + b : a - b;
        const int32_t value = mk_divide_small(mk_upper_half(2 * sum, last.factor.multiplier), &last);
        output[i] = (int8_t)mk_clamp(value + op->output_zero_point, op->activation_min, op->activation_max);
    }
}

#endif

MK_INLINE void integer_sum(const struct mk_add *op, int32_t sign, const int8_t *first, const int8_t *second,
                           int8_t *output)
{
#if MK_DSP && MK_ROUNDING != MK_ROUND_SINGLE
    if (is_usual(op)) {
        usual_sum(op, sign, first, second, output);
        return;
    }
#endif
    any_sum(op, sign, first, second, output);
}

void mk_sub_s8(const struct mk_add *op, const int8_t *first, const int8_t *second, int8_t *output)
{
    integer_sum(op, -1, first, second, output);
}

void mk_add_s8(const struct mk_add *op, const int8_t *first, const int8_t *second, int8_t *output)
{
#if MK_ROUNDING == MK_ROUND_FLOAT
    /* Every operation is rounded to single precision: compile with -ffp-contract=off. */
    for (int32_t i = 0; i < op->size; i++) {
        const float a = (float)(first[i] - op->zero_points[0]) * op->input_scales[0];
        const float b = (float)(second[i] - op->zero_points[1]) * op->input_scales[1];
        const int32_t value = rounded((a + b) / op->output_scale + (float)op->output_zero_point);
        output[i] = (int8_t)mk_clamp(value, op->activation_min, op->activation_max);
    }
#else
    integer_sum(op, 1, first, second, output);
#endif
}

/* `value` is less than 2^16 in size; `small` is the factor where it is made of integers. */
MK_INLINE int8_t finish_small(int32_t value, const struct mk_small_factor *small, const struct mk_output *to)
{
#if MK_ROUNDING == MK_ROUND_FLOAT
    (void)small;
    return mk_finish(value, mk_factor_of(to, 0), to);
#else
    return (int8_t)mk_clamp(mk_scale_small(value, small) + to->zero_point, to->activation_min, to->activation_max);
#endif
}

static struct mk_small_factor small_of(const struct mk_output *to)
{
#if MK_ROUNDING == MK_ROUND_FLOAT
    (void)to;
    return (struct mk_small_factor){0};
#else
    return mk_small_factor_of((struct mk_factor_q31){to->multipliers[0], to->shifts[0]});
#endif
}

void mk_mul_s8(const struct mk_mul *op, const int8_t *first, const int8_t *second, int8_t *output)
{
    const struct mk_small_factor factor = small_of(&op->to_output);

    for (int32_t i = 0; i < op->size; i++) {
        const int32_t product = (first[i] - op->zero_points[0]) * (second[i] - op->zero_points[1]);
        output[i] = finish_small(product, &factor, &op->to_output);
    }
}

void mk_requantize_s8(const struct mk_requantize *op, const int8_t *input, int8_t *output)
{
    const struct mk_small_factor factor = small_of(&op->to_output);

    for (int32_t i = 0; i < op->size; i++)
        output[i] = finish_small(input[i] - op->input_zero_point, &factor, &op->to_output);
}

void mk_maximum_s8(int32_t size, const int8_t *first, const int8_t *second, int8_t *output)
{
    int32_t i = 0;
#if MK_DSP
    for (; i + 4 <= size; i += 4)
        mk_put_word(output + i, mk_larger_bytes(mk_word(first + i), mk_word(second + i)));
#endif
    for (; i < size; i++)
        output[i] = (int8_t)mk_larger(first[i], second[i]);
}

void mk_minimum_s8(int32_t size, const int8_t *first, const int8_t *second, int8_t *output)
{
    int32_t i = 0;
#if MK_DSP
    for (; i + 4 <= size; i += 4)
        mk_put_word(output + i, mk_smaller_bytes(mk_word(first + i), mk_word(second + i)));
#endif
    for (; i < size; i++)
        output[i] = (int8_t)mk_smaller(first[i], second[i]);
}

/* Further than any int8 from every zero point. */
#define FAR 1024.0f

void mk_quantize_s8(const struct mk_quantize *op, const float *input, int8_t *output)
{
    for (int32_t i = 0; i < op->size; i++) {
        float quotient = input[i] / op->scale;
        quotient = quotient < -FAR ? -FAR : quotient > FAR ? FAR : quotient;
        output[i] = (int8_t)mk_clamp(rounded(quotient) + op->zero_point, INT8_MIN, INT8_MAX);
    }
}

void mk_dequantize_s8(const struct mk_quantize *op, const int8_t *input, float *output)
{
    for (int32_t i = 0; i < op->size; i++)
        output[i] = op->scale * (float)(input[i] - op->zero_point);
}
