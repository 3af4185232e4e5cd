/* SPDX-License-Identifier: Apache-2.0 */
#include "arithmetic.h"

#include <string.h>

#if MK_ROUNDING == MK_ROUND_FLOAT

/* Halves away from zero, as C's round(). */
static int32_t rounded(float value)
{
    const int32_t whole = (int32_t)value;
    const float rest = value - (float)whole;
    return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

/* Every operation is rounded to single precision: compile with -ffp-contract=off. */
void mk_add_s8(const struct mk_add *op, const int8_t *first, const int8_t *second, int8_t *output)
{
    for (int32_t i = 0; i < op->size; i++) {
        const float a = (float)(first[i] - op->zero_points[0]) * op->input_scales[0];
        const float b = (float)(second[i] - op->zero_points[1]) * op->input_scales[1];
        const int32_t value = rounded((a + b) / op->output_scale + (float)op->output_zero_point);
        output[i] = (int8_t)mk_clamp(value, op->activation_min, op->activation_max);
    }
}

#else

static int32_t scaled_input(const struct mk_add *op, int32_t which, int32_t value)
{
    value = mk_wrap_shift_left(value - op->zero_points[which], op->left_shift);
    return mk_scale(value, op->multipliers[which], op->shifts[which]);
}

void mk_add_s8(const struct mk_add *op, const int8_t *first, const int8_t *second, int8_t *output)
{
    for (int32_t i = 0; i < op->size; i++) {
        const int32_t sum = scaled_input(op, 0, first[i]) + scaled_input(op, 1, second[i]);
        const int32_t value = mk_scale(sum, op->output_multiplier, op->output_shift) + op->output_zero_point;
        output[i] = (int8_t)mk_clamp(value, op->activation_min, op->activation_max);
    }
}

#endif

void mk_mul_s8(const struct mk_mul *op, const int8_t *first, const int8_t *second, int8_t *output)
{
    const struct mk_factor factor = mk_factor_of(&op->to_output, 0);

    for (int32_t i = 0; i < op->size; i++) {
        const int32_t product = (first[i] - op->zero_points[0]) * (second[i] - op->zero_points[1]);
        output[i] = mk_finish(product, factor, &op->to_output);
    }
}

void mk_requantize_s8(const struct mk_requantize *op, const int8_t *input, int8_t *output)
{
    const struct mk_factor factor = mk_factor_of(&op->to_output, 0);

    for (int32_t i = 0; i < op->size; i++)
        output[i] = mk_finish(input[i] - op->input_zero_point, factor, &op->to_output);
}

void mk_pad_s8(const struct mk_pad *op, const int8_t *input, int8_t *output)
{
    const int32_t channels = op->input.channels, row = op->input.width * channels;
    const int32_t left = op->left * channels, right = op->right * channels, whole = left + row + right;

    memset(output, op->value, (size_t)(op->top * whole));
    output += op->top * whole;
    for (int32_t y = 0; y < op->input.height; y++, input += row) {
        memset(output, op->value, (size_t)left);
        memcpy(output + left, input, (size_t)row);
        memset(output + left + row, op->value, (size_t)right);
        output += whole;
    }
    memset(output, op->value, (size_t)(op->bottom * whole));
}
