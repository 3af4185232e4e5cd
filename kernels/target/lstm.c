/* SPDX-License-Identifier: Apache-2.0 */
/* Unit by unit: the four gates of a unit, its cell, its hidden state. The inputs and the hidden state of the step before
   stand in scratch memory as int16, so the new hidden state may take the old one's place at once. */
#include "dot.h"
#include "window.h"

/* The logistic function at i / 24 in units of 2^-16, each value above the curve by half of what a straight line to the
   next one lies below it: TensorFlow Lite's table, which kernels/logistic.py computes. */
static const uint16_t sigmoid[256] = {
    32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513, 38180, 38841, 39498, 40149,
    40794, 41432, 42064, 42688, 43304, 43912, 44511, 45102, 45683, 46255, 46817, 47369,
    47911, 48443, 48964, 49475, 49975, 50464, 50942, 51409, 51865, 52311, 52745, 53169,
    53581, 53983, 54374, 54755, 55125, 55485, 55834, 56174, 56503, 56823, 57133, 57433,
    57724, 58007, 58280, 58544, 58800, 59048, 59288, 59519, 59743, 59959, 60168, 60370,
    60565, 60753, 60935, 61110, 61279, 61441, 61599, 61750, 61896, 62036, 62172, 62302,
    62428, 62549, 62666, 62778, 62886, 62990, 63090, 63186, 63279, 63368, 63454, 63536,
    63615, 63691, 63765, 63835, 63903, 63968, 64030, 64090, 64148, 64204, 64257, 64308,
    64357, 64405, 64450, 64494, 64536, 64576, 64614, 64652, 64687, 64721, 64754, 64786,
    64816, 64845, 64873, 64900, 64926, 64950, 64974, 64997, 65019, 65039, 65060, 65079,
    65097, 65115, 65132, 65149, 65164, 65179, 65194, 65208, 65221, 65234, 65246, 65258,
    65269, 65280, 65291, 65301, 65310, 65319, 65328, 65337, 65345, 65352, 65360, 65367,
    65374, 65381, 65387, 65393, 65399, 65404, 65410, 65415, 65420, 65425, 65429, 65433,
    65438, 65442, 65445, 65449, 65453, 65456, 65459, 65462, 65465, 65468, 65471, 65474,
    65476, 65479, 65481, 65483, 65485, 65488, 65489, 65491, 65493, 65495, 65497, 65498,
    65500, 65501, 65503, 65504, 65505, 65507, 65508, 65509, 65510, 65511, 65512, 65513,
    65514, 65515, 65516, 65517, 65517, 65518, 65519, 65520, 65520, 65521, 65522, 65522,
    65523, 65523, 65524, 65524, 65525, 65525, 65526, 65526, 65526, 65527, 65527, 65528,
    65528, 65528, 65529, 65529, 65529, 65529, 65530, 65530, 65530, 65530, 65531, 65531,
    65531, 65531, 65531, 65532, 65532, 65532, 65532, 65532, 65532, 65533, 65533, 65533,
    65533, 65533, 65533, 65533, 65533, 65534, 65534, 65534, 65534, 65534, 65534, 65534,
    65534, 65534, 65534, 65535,
};

/* The input's features, and the hidden state. */
int32_t mk_lstm_scratch_bytes(const struct mk_lstm *op)
{
    return mk_vector_bytes(op->features) + mk_vector_bytes(op->units);
}

/* On the table for a size with so many fraction bits, which are kept; `most` where the table has ended. */
MK_INLINE int32_t between(uint32_t size, int32_t fraction_bits, uint32_t most)
{
    const uint32_t index = size >> fraction_bits;
    if (index >= 255)
        return (int32_t)most;
    const uint32_t here = sigmoid[index], step = sigmoid[index + 1] - here;
    return (int32_t)((here << fraction_bits) + (size & ((1u << fraction_bits) - 1)) * step);
}

/* Both functions are of `x` in units of 1/12288 and return units of 2^-15. */
MK_INLINE int32_t logistic_of(int32_t x)
{
    const int32_t result = between((uint32_t)(x < 0 ? -x : x), 9, 0x7FFFu << 10);
    return (x >= 0 ? result + (1 << 9) : (1 << 25) - result + (1 << 9) - 1) >> 10;
}

MK_INLINE int32_t tanh_of(int32_t x)
{
    const int32_t result = between((uint32_t)(x < 0 ? -x : x), 8, 0xFFFFu << 8);
    return (x >= 0 ? result - (1 << 23) + (1 << 7) : -result + (1 << 23) + (1 << 7) - 1) >> 8;
}

MK_INLINE int32_t saturated(int32_t value)
{
#if MK_DSP
    return __ssat(value, 16);
#else
    return mk_clamp(value, INT16_MIN, INT16_MAX);
#endif
}

MK_INLINE int32_t scaled(int32_t value, const struct mk_factor_q31 *by)
{
    return saturated(mk_scale(value, by->multiplier, by->shift));
}

/* What a step begins with, as int16 less the zero points. */
struct step {
    const int16_t *features, *hidden;
};

/* A gate before its function, in units of 2^-12, made of its two sums. */
MK_INLINE int32_t gate_of(const struct mk_lstm_gate *gate, int32_t input_sum, int32_t recurrent_sum)
{
    return saturated(scaled(input_sum, &gate->input_factor) + scaled(recurrent_sum, &gate->recurrent_factor));
}

/* Two gates of a unit: their rows meet the same inputs. */
static void two_gates(const struct mk_lstm *op, const struct mk_lstm_gate *first, const struct mk_lstm_gate *second,
                      const struct step *step, int32_t unit, int32_t values[2])
{
    const int32_t features = op->features, units = op->units;
    int32_t sum0 = mk_bias_of(first->bias, unit), sum1 = mk_bias_of(second->bias, unit), hidden0 = 0, hidden1 = 0;

    mk_two_dots(first->input_weights + unit * features, second->input_weights + unit * features, step->features,
                features, &sum0, &sum1);
    mk_two_dots(first->recurrent_weights + unit * units, second->recurrent_weights + unit * units, step->hidden, units,
                &hidden0, &hidden1);
    values[0] = gate_of(first, sum0, hidden0);
    values[1] = gate_of(second, sum1, hidden1);
}

/* The cell in units of 1/12288. */
MK_INLINE int32_t cell_for_tanh(const struct mk_lstm *op, int32_t cell)
{
    const int32_t left = op->cell_scale_power + 12;
    return left >= 0 ? cell * (3 << left) : (cell * 3 + (1 << (-left - 1))) >> -left;
}

static void one_unit(const struct mk_lstm *op, const struct step *step, int32_t unit, int8_t *hidden, int16_t *cell)
{
    int32_t gates[2], rest[2];

    two_gates(op, &op->input_gate, &op->forget_gate, step, unit, gates);
    two_gates(op, &op->cell_gate, &op->output_gate, step, unit, rest);
    const int32_t input = logistic_of(3 * gates[0]), forget = logistic_of(3 * gates[1]);
    const int32_t candidate = tanh_of(3 * rest[0]), output = logistic_of(3 * rest[1]);

    int32_t state = scaled(forget * cell[unit], &op->forget_factor) + scaled(input * candidate, &op->input_factor);
    state = saturated(state);
    if (op->cell_clip > 0)
        state = mk_clamp(state, -op->cell_clip, op->cell_clip);
    cell[unit] = (int16_t)state;

    const struct mk_factor_q31 *const by = &op->hidden_factor;
    const int32_t value = mk_scale(tanh_of(cell_for_tanh(op, state)) * output, by->multiplier, by->shift);
    hidden[unit] = (int8_t)mk_clamp(value + op->hidden_zero_point, INT8_MIN, INT8_MAX);
}

void mk_lstm_s8(const struct mk_lstm *op, const int8_t *input, int8_t *hidden, int16_t *cell, int8_t *output,
                void *scratch)
{
    int16_t *const features = scratch, *const before = features + mk_vector_bytes(op->features) / 2;
    const struct step step = {features, before};

    for (int32_t i = 0; i < op->steps; i++, input += op->features) {
        mk_expand_vector(input, op->features, op->input_zero_point, features);
        mk_expand_vector(hidden, op->units, op->hidden_zero_point, before);
        for (int32_t unit = 0; unit < op->units; unit++) {
            one_unit(op, &step, unit, hidden, cell);
            *output++ = hidden[unit];
        }
    }
}
