/* SPDX-License-Identifier: Apache-2.0 */
#include "fixed_point.h"
#include "packed.h"

#define INPUT_INTEGER_BITS 4 /* of what goes into the logistic function and the hyperbolic tangent */

void mk_lookup_s8(int32_t size, const int8_t *table, const int8_t *input, int8_t *output)
{
    const int8_t *const middle = table + 128;

    for (; size >= 4; size -= 4, input += 4, output += 4) {
        /* All loads, then all stores: loads pipeline, and the output may be the input. */
        const int8_t a = middle[input[0]], b = middle[input[1]], c = middle[input[2]], d = middle[input[3]];
        output[0] = a, output[1] = b, output[2] = c, output[3] = d;
    }
    for (; size > 0; size--)
        *output++ = middle[*input++];
}

static int32_t logistic_of(int32_t x)
{
    const int32_t positive = mk_one_over_one_plus(mk_exp_of_negative(x > 0 ? -x : x, INPUT_INTEGER_BITS));
    return x == 0 ? 1 << 30 : x > 0 ? positive : INT32_MAX - positive;
}

static int32_t tanh_of(int32_t x)
{
    /* exp(2 x): the same bits, read with one integer bit more. */
    const int32_t size = mk_one_minus_over_one_plus(mk_exp_of_negative(x > 0 ? -x : x, INPUT_INTEGER_BITS + 1));
    return x == 0 ? 0 : x > 0 ? size : -size;
}

/* The function of all inputs, divided by 2^exponent. */
static void fill(const struct mk_sigmoid *op, int32_t (*function)(int32_t), int32_t exponent, int32_t zero_point,
                 int8_t *table)
{
    for (int32_t input = -128; input < 128; input++) {
        const int32_t difference = input - op->input_zero_point;
        int32_t value = difference < 0 ? INT8_MIN : INT8_MAX;
        if (difference > -op->input_radius && difference < op->input_radius) {
            const int32_t x = mk_scale_double(difference, op->factor.multiplier, op->factor.shift);
            value = mk_divide(function(x), exponent) + zero_point;
        }
        *table++ = mk_saturate(value);
    }
}

void mk_logistic_table(const struct mk_sigmoid *op, int8_t *table)
{
    fill(op, logistic_of, 23, -128, table);
}

void mk_tanh_table(const struct mk_sigmoid *op, int8_t *table)
{
    fill(op, tanh_of, 24, 0, table);
}

static int32_t saturate_16(int32_t value)
{
    return mk_clamp(value, INT16_MIN, INT16_MAX);
}

/* round(value * multiplier / 2^15) of 16-bit numbers, halves up. */
static int32_t high_product_16(int32_t value, int32_t multiplier)
{
    return (value * multiplier + (1 << 14)) >> 15;
}

void mk_hard_swish_table(const struct mk_hard_swish *op, int8_t *table)
{
    for (int32_t input = -128; input < 128; input++) {
        const int32_t fine = (int16_t)((input - op->input_zero_point) * 128);
        const int32_t output = high_product_16(fine, op->output_multiplier);
        int32_t slope = fine; /* relu6(x + 3) / 6 - 1/2, from -1/2 to 1/2 as -32768 to 32767 */
        if (op->slope_exponent > 0)
            slope = saturate_16(mk_saturating_shift_left(slope, op->slope_exponent - 1));
        slope = high_product_16(slope, op->slope_multiplier);
        if (op->slope_exponent > 0)
            slope = saturate_16(2 * slope);
        else
            slope = mk_divide(slope, mk_smaller(-op->slope_exponent, 31));
        const int32_t product = ((slope + (1 << 15)) >> 1) * output / (1 << 15);
        *table++ = mk_saturate(mk_divide(product, mk_smaller(-op->output_exponent, 31)) + op->output_zero_point);
    }
}

static int32_t scale_q31(int32_t value, struct mk_factor_q31 factor)
{
    return mk_scale(value, factor.multiplier, factor.shift);
}

void mk_leaky_relu_table(const struct mk_leaky_relu *op, int8_t *table)
{
    for (int32_t input = -128; input < 128; input++) {
        const int32_t difference = input - op->input_zero_point;
        int32_t value = scale_q31(difference, difference < 0 ? op->below : op->above);
        if (difference < 0 && op->alpha_is_negative)
            value = -value;
        *table++ = (int8_t)mk_clamp(value + op->output_zero_point, INT8_MIN, INT8_MAX);
    }
}

void mk_relu_table(const struct mk_relu *op, int8_t *table)
{
    for (int32_t input = -128; input < 128; input++) {
        const int32_t value = scale_q31(input - op->input_zero_point, op->factor) + op->output_zero_point;
        *table++ = (int8_t)mk_clamp(value, op->activation_min, op->activation_max);
    }
}

void mk_relu6_s8(const struct mk_relu6 *op, const int8_t *input, int8_t *output)
{
    int32_t i = 0;
#if MK_DSP
    const uint32_t zeros = mk_four(op->zero), sixes = mk_four(op->six);
    for (; i + 4 <= op->size; i += 4)
        mk_put_word(output + i, mk_smaller_bytes(mk_larger_bytes(mk_word(input + i), zeros), sixes));
#endif
    for (; i < op->size; i++)
        output[i] = (int8_t)mk_clamp(input[i], op->zero, op->six);
}

void mk_prelu_s8(const struct mk_prelu *op, const int8_t *input, const int8_t *slopes, int8_t *output)
{
    const struct mk_small above = mk_small_of(op->above, op->output_zero_point, INT8_MIN, INT8_MAX);
    const struct mk_small below = mk_small_of(op->below, op->output_zero_point, INT8_MIN, INT8_MAX);
    const int32_t zero = op->input_zero_point, slope_zero = op->alpha_zero_point;
    const int8_t *const last_slope = slopes + op->alphas, *slope = slopes;

    for (const int8_t *const end = output + op->size; output < end;) {
        const int32_t difference = *input++ - zero;
        if (difference >= 0)
            *output++ = mk_finish_small(difference, above, above.kind);
        else
            *output++ = mk_finish_small(difference * (*slope - slope_zero), below, below.kind);
        if (++slope == last_slope)
            slope = slopes;
    }
}
