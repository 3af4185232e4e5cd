/* SPDX-License-Identifier: Apache-2.0 */
#include "copy.h"
#include "dot.h"

/* The features as int16. */
int32_t mk_svdf_scratch_bytes(const struct mk_svdf *op)
{
    return mk_vector_bytes(op->features);
}

MK_INLINE int32_t scale_q31(int32_t value, struct mk_factor_q31 factor)
{
    return mk_scale(value, factor.multiplier, factor.shift);
}

/* The sum of weights times memories, less the state's zero point. */
static int32_t over_time_s8(const int8_t *weights, const int8_t *state, int32_t count, int32_t zero_point)
{
    int32_t sum = 0;
#if MK_DSP
    const uint32_t offset = mk_both(-zero_point);
    for (; count >= 4; count -= 4, weights += 4, state += 4) {
        const uint32_t word = mk_word(weights), memory = mk_word(state);
        sum = __smlad(mk_even(word), mk_even_plus(offset, memory), sum);
        sum = __smlad(mk_odd(word), mk_odd_plus(offset, memory), sum);
    }
#endif
    for (; count > 0; count--)
        sum += *weights++ * (*state++ - zero_point);
    return sum;
}

/* The same of 16 bits. A memory less its zero point may take 17, so what the zero point adds is taken off at the end. */
static int32_t over_time_s16(const int16_t *weights, const int16_t *state, int32_t count, int32_t zero_point)
{
    uint32_t sum = 0, weight = 0; /* wrap, as accumulators do */
#if MK_DSP
    const uint32_t ones = mk_both(1);
    for (; count >= 2; count -= 2, weights += 2, state += 2) {
        const uint32_t pair = mk_word(weights);
        sum = (uint32_t)__smlad(pair, mk_word(state), (int32_t)sum);
        if (zero_point)
            weight = (uint32_t)__smlad(pair, ones, (int32_t)weight);
    }
#endif
    for (; count > 0; count--, weights++, state++) {
        sum += (uint32_t)(*weights * *state);
        weight += (uint32_t)*weights;
    }
    return (int32_t)(sum - weight * (uint32_t)zero_point);
}

/* What follows is the same for both widths; it is compiled for each. */
MK_INLINE void shift_out_oldest(void *state, int32_t count, int32_t wide)
{
    const int32_t bytes = wide ? 2 : 1;
    mk_copy_bytes(state, (int8_t *)state + bytes, (count - 1) * bytes);
}

/* The newest memory: saturated, and then moved by the zero point, which wraps (TensorFlow Lite). */
MK_INLINE void put_newest(const struct mk_svdf *op, int32_t sum, void *state, int32_t filter, int32_t wide)
{
    const int32_t value = scale_q31(sum, op->to_state), place = filter * op->memory + op->memory - 1;
    if (wide)
        ((int16_t *)state)[place] = (int16_t)(mk_clamp(value, INT16_MIN, INT16_MAX) + op->state_zero_point);
    else
        ((int8_t *)state)[place] = (int8_t)(mk_clamp(value, INT8_MIN, INT8_MAX) + op->state_zero_point);
}

MK_INLINE void filter_features(const struct mk_svdf *op, const int16_t *features, void *state, int32_t wide)
{
    const int32_t filters = op->units * op->rank, count = op->features;
    const int8_t *row = op->feature_weights;
    int32_t filter = 0;

    for (; filter + 2 <= filters; filter += 2, row += 2 * count) {
        int32_t sum0 = 0, sum1 = 0;
        mk_two_dots(row, row + count, features, count, &sum0, &sum1);
        put_newest(op, sum0, state, filter, wide);
        put_newest(op, sum1, state, filter + 1, wide);
    }
    if (filter < filters)
        put_newest(op, mk_dot(row, features, count, 0), state, filter, wide);
}

MK_INLINE void svdf(const struct mk_svdf *op, const int8_t *input, void *state, int8_t *output, int16_t *features,
                    int32_t wide)
{
    const int32_t each = op->rank * op->memory;

    mk_expand_vector(input, op->features, op->input_zero_point, features);
    shift_out_oldest(state, op->units * each, wide);
    filter_features(op, features, state, wide);
    for (int32_t unit = 0; unit < op->units; unit++) {
        const int32_t at = unit * each, point = op->state_zero_point;
        int32_t sum;
        if (wide)
            sum = over_time_s16((const int16_t *)op->time_weights + at, (int16_t *)state + at, each, point);
        else
            sum = over_time_s8((const int8_t *)op->time_weights + at, (int8_t *)state + at, each, point);
        sum += mk_bias_of(op->bias, unit);
        output[unit] = (int8_t)mk_clamp(scale_q31(sum, op->to_output) + op->output_zero_point, INT8_MIN, INT8_MAX);
    }
}

void mk_svdf_s8(const struct mk_svdf *op, const int8_t *input, int8_t *state, int8_t *output, void *scratch)
{
    svdf(op, input, state, output, scratch, 0);
}

void mk_svdf_state_s16_s8(const struct mk_svdf *op, const int8_t *input, int16_t *state, int8_t *output, void *scratch)
{
    svdf(op, input, state, output, scratch, 1);
}
