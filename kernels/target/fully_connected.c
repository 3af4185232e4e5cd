/* SPDX-License-Identifier: Apache-2.0 */
#include "arithmetic.h"
#include "simd.h"

#if MK_DSP

/* The input as int16, in the order of SXTB16. */
int32_t mk_fully_connected_scratch_bytes(const struct mk_fully_connected *op)
{
    return 2 * mk_round_up_to_4(op->inputs);
}

static void expand(const struct mk_fully_connected *op, const int8_t *input, uint32_t *x)
{
    const uint32_t offset = mk_both(-op->input_zero_point);
    int32_t i = 0;

    for (; i + 4 <= op->inputs; i += 4, x += 2) {
        const uint32_t word = mk_word(input + i);
        x[0] = mk_even_plus(offset, word);
        x[1] = mk_odd_plus(offset, word);
    }
    for (int16_t *rest = (int16_t *)x; i < op->inputs; i++)
        *rest++ = (int16_t)(input[i] - op->input_zero_point);
}

/* One row times the input. */
static int32_t product(const int8_t *row, const uint32_t *x, int32_t inputs, int32_t sum)
{
    for (; inputs >= 4; inputs -= 4, row += 4, x += 2) {
        const uint32_t word = mk_word(row);
        sum = __smlad(mk_odd(word), x[1], __smlad(mk_even(word), x[0], sum));
    }
    for (const int16_t *rest = (const int16_t *)x; inputs > 0; inputs--)
        sum += *row++ * *rest++;
    return sum;
}

/* Two rows times the input. */
static void two_products(const int8_t *row, const uint32_t *x, int32_t inputs, int32_t *sum0, int32_t *sum1)
{
    const int8_t *next = row + inputs;
    int32_t first = *sum0, second = *sum1;
    for (; inputs >= 4; inputs -= 4, row += 4, next += 4, x += 2) {
        const uint32_t word0 = mk_word(row), word1 = mk_word(next), even = x[0], odd = x[1];
        first = __smlad(mk_odd(word0), odd, __smlad(mk_even(word0), even, first));
        second = __smlad(mk_odd(word1), odd, __smlad(mk_even(word1), even, second));
    }
    for (const int16_t *rest = (const int16_t *)x; inputs > 0; inputs--, rest++) {
        first += *row++ * *rest;
        second += *next++ * *rest;
    }
    *sum0 = first;
    *sum1 = second;
}

void mk_fully_connected_s8(const struct mk_fully_connected *op, const int8_t *input, int8_t *output, void *scratch)
{
    const int8_t *row = op->weights;
    int32_t i = 0;

    expand(op, input, scratch);
    for (; i + 2 <= op->outputs; i += 2, row += 2 * op->inputs) {
        int32_t sum0 = mk_bias_of(op->bias, i), sum1 = mk_bias_of(op->bias, i + 1);
        two_products(row, scratch, op->inputs, &sum0, &sum1);
        output[i] = mk_finish(sum0, mk_factor_of(&op->to_output, i), &op->to_output);
        output[i + 1] = mk_finish(sum1, mk_factor_of(&op->to_output, i + 1), &op->to_output);
    }
    if (i < op->outputs) {
        const int32_t sum = product(row, scratch, op->inputs, mk_bias_of(op->bias, i));
        output[i] = mk_finish(sum, mk_factor_of(&op->to_output, i), &op->to_output);
    }
}

#else

int32_t mk_fully_connected_scratch_bytes(const struct mk_fully_connected *op)
{
    (void)op;
    return 0;
}

void mk_fully_connected_s8(const struct mk_fully_connected *op, const int8_t *input, int8_t *output, void *scratch)
{
    const int8_t *weights = op->weights;
    (void)scratch;

    for (int32_t i = 0; i < op->outputs; i++) {
        int32_t sum = mk_bias_of(op->bias, i);
        for (int32_t j = 0; j < op->inputs; j++)
            sum += (input[j] - op->input_zero_point) * *weights++;
        output[i] = mk_finish(sum, mk_factor_of(&op->to_output, i), &op->to_output);
    }
}

#endif
