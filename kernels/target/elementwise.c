/* SPDX-License-Identifier: Apache-2.0 */
#include "packed.h"

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

/* What costs time here is registers: the general way keeps two dozen numbers. But one of the two scales is the larger
   one, and is brought to twice itself: its factor is 1/2, exactly, so that input is only shifted. */
static int is_exact(const struct mk_add *op, int32_t which)
{
    return op->multipliers[which] == 1 << 30 && op->shifts[which] == 0;
}

/* Zero points are moved left as their inputs are; `right` is one less than the shift. */
struct sum {
    int32_t size, low, high;
    int32_t exact_zero;                        /* of the exact input */
    int32_t left, zero, multiplier, right;     /* of the other input */
    int32_t last_multiplier, last_right, plus; /* of the output: as in struct mk_small */
};

/* Whether input `exact` is that one. Inputs are less than 2^28 when moved left, and doubled sums less than 2^30. */
static int is_usual(const struct mk_add *op, int32_t exact)
{
    const int32_t other = 1 - exact;
    return is_exact(op, exact) && (is_exact(op, other) || op->shifts[other] < 0) && op->left_shift == 20 &&
           op->output_shift < 0;
}

static struct sum sum_of(const struct mk_add *op, int32_t exact)
{
    /* Where both are exact, one bit more to the left makes a division by two of none. */
    const int32_t other = 1 - exact, both = is_exact(op, other), left = both ? 22 : 21;
    return (struct sum){
        .size = op->size,
        .low = op->activation_min,
        .high = op->activation_max,
        .exact_zero = op->zero_points[exact] * (1 << 20),
        .left = left,
        .zero = op->zero_points[other] * (1 << left),
        .multiplier = op->multipliers[other],
        .right = both ? 0 : -op->shifts[other] - 1,
        .last_multiplier = op->output_multiplier,
        .last_right = -op->output_shift - 1,
        .plus = 2 * op->output_zero_point + 1,
    };
}

/* sign * exact + other_sign * other. Sums are kept doubled, as mk_upper_half takes them. */
MK_INLINE void usual_sum(const struct sum by, int32_t sign, int32_t other_sign, const int8_t *exact, const int8_t *other,
                         int8_t *output)
{
    for (const int8_t *const end = output + by.size; output < end;) {
        const int32_t a = *exact++;
        int32_t b = (int32_t)((uint32_t)*other++ << by.left) - by.zero;
        b = mk_upper_half(b, by.multiplier);
        b = (((b + (b >> 31)) >> by.right) + 1) & ~1;
        const int32_t one = (int32_t)((uint32_t)a << 20) - by.exact_zero;
        const int32_t sum = (sign > 0 ? one : -one) + (other_sign > 0 ? b : -b);
        const int32_t value = mk_divide_and_add(mk_upper_half(sum, by.last_multiplier), by.last_right, by.plus);
        *output++ = (int8_t)mk_clamp(value, by.low, by.high);
    }
}

#endif

MK_INLINE void integer_sum(const struct mk_add *op, int32_t sign, const int8_t *first, const int8_t *second,
                           int8_t *output)
{
#if MK_DSP && MK_ROUNDING != MK_ROUND_SINGLE
    if (is_usual(op, 0)) {
        usual_sum(sum_of(op, 0), 1, sign, first, second, output);
        return;
    }
    if (is_usual(op, 1)) {
        usual_sum(sum_of(op, 1), sign, 1, second, first, output);
        return;
    }
#endif
    any_sum(op, sign, first, second, output);
}

void mk_sub_s8(const struct mk_add *op, const int8_t *first, const int8_t *second, int8_t *output)
{
    integer_sum(op, -1, first, second, output);
}

#if MK_ROUNDING == MK_ROUND_FLOAT
/* Halves away from zero, as C's round(). */
static int32_t rounded(float value)
{
    const int32_t whole = (int32_t)value;
    const float rest = value - (float)whole;
    return whole + (rest >= 0.5f) - (rest <= -0.5f);
}
#endif

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

/* Products and differences are less than 2^16 in size. `kind` is a constant in each copy of the loops below. */
#if MK_ROUNDING == MK_ROUND_FLOAT
struct last {
    struct mk_factor factor;
    struct mk_output to;
    int32_t kind;
};

MK_INLINE struct last last_of(const struct mk_output *to)
{
    return (struct last){mk_factor_of(to, 0), *to, MK_GENERAL};
}

MK_INLINE int8_t finished(int32_t value, struct last last, int32_t kind)
{
    (void)kind;
    return mk_finish(value, last.factor, &last.to);
}
#else
#define last mk_small

MK_INLINE struct mk_small last_of(const struct mk_output *to)
{
    const struct mk_factor_q31 factor = {to->multipliers[0], to->shifts[0]};
    return mk_small_of(factor, to->zero_point, to->activation_min, to->activation_max);
}

MK_INLINE int8_t finished(int32_t value, struct mk_small by, int32_t kind)
{
    return mk_finish_small(value, by, kind);
}
#endif

MK_INLINE void products(const struct mk_mul *op, const int8_t *first, const int8_t *second, int8_t *output,
                        struct last by, int32_t kind)
{
    const int32_t zero = op->zero_points[0], other_zero = op->zero_points[1];

    for (const int8_t *const end = output + op->size; output < end;) {
        const int32_t a = *first++, b = *second++;
        *output++ = finished((a - zero) * (b - other_zero), by, kind);
    }
}

void mk_mul_s8(const struct mk_mul *op, const int8_t *first, const int8_t *second, int8_t *output)
{
    const struct last by = last_of(&op->to_output);

    if (by.kind == MK_DIVIDED)
        products(op, first, second, output, by, MK_DIVIDED);
    else
        products(op, first, second, output, by, by.kind);
}

MK_INLINE void rescaled(const struct mk_requantize *op, const int8_t *input, int8_t *output, struct last by, int32_t kind)
{
    const int32_t zero = op->input_zero_point;

    for (const int8_t *const end = output + op->size; output < end;)
        *output++ = finished(*input++ - zero, by, kind);
}

void mk_requantize_s8(const struct mk_requantize *op, const int8_t *input, int8_t *output)
{
    const struct last by = last_of(&op->to_output);

    if (by.kind == MK_DIVIDED)
        rescaled(op, input, output, by, MK_DIVIDED);
    else if (by.kind == MK_WHOLE)
        rescaled(op, input, output, by, MK_WHOLE);
    else
        rescaled(op, input, output, by, by.kind);
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

/* In units of 2^-16, which are fine enough to see a half, and cut towards zero, which leaves halves where they are. */
#define FRACTION_BITS 16

void mk_quantize_s8(const struct mk_quantize *op, const float *input, int8_t *output)
{
    const float scale = op->scale;
    const int32_t zero_point = op->zero_point;

    for (const int8_t *const end = output + op->size; output < end;) {
        float quotient = *input++ / scale;
        quotient = quotient < -FAR ? -FAR : quotient > FAR ? FAR : quotient;
        const int32_t fine = (int32_t)(quotient * (float)(1 << FRACTION_BITS));
        *output++ = mk_saturate(mk_divide_by_power_of_two(fine, FRACTION_BITS) + zero_point);
    }
}

void mk_dequantize_s8(const struct mk_quantize *op, const int8_t *input, float *output)
{
    const float scale = op->scale;
    const int32_t zero_point = op->zero_point;

    for (const float *const end = output + op->size; output < end;)
        *output++ = scale * (float)(*input++ - zero_point);
}
