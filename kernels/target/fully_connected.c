/* SPDX-License-Identifier: Apache-2.0 */
#include "dot.h"

int32_t mk_fully_connected_scratch_bytes(const struct mk_fully_connected *op)
{
    return mk_vector_bytes(op->inputs);
}

void mk_fully_connected_s8(const struct mk_fully_connected *op, const int8_t *input, int8_t *output, void *scratch)
{
    const int8_t *row = op->weights;
    int32_t i = 0;

    mk_expand_vector(input, op->inputs, op->input_zero_point, scratch);
    for (; i + 2 <= op->outputs; i += 2, row += 2 * op->inputs) {
        int32_t sum0 = mk_bias_of(op->bias, i), sum1 = mk_bias_of(op->bias, i + 1);
        mk_two_dots(row, row + op->inputs, scratch, op->inputs, &sum0, &sum1);
        output[i] = mk_finish(sum0, mk_factor_of(&op->to_output, i), &op->to_output);
        output[i + 1] = mk_finish(sum1, mk_factor_of(&op->to_output, i + 1), &op->to_output);
    }
    if (i < op->outputs) {
        const int32_t sum = mk_dot(row, scratch, op->inputs, mk_bias_of(op->bias, i));
        output[i] = mk_finish(sum, mk_factor_of(&op->to_output, i), &op->to_output);
    }
}
