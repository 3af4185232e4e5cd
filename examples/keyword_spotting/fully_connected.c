/* SPDX-License-Identifier: Apache-2.0 */
#include "operators.h"
#include "quantize.h"

void fully_connected_s8(const struct fully_connected *op, const int8_t *input, int8_t *output)
{
    const int8_t *weights = op->weights;

    for (int32_t i = 0; i < op->outputs; i++) {
        int32_t sum = op->bias[i];
        for (int32_t j = 0; j < op->inputs; j++)
            sum += (input[j] - op->input_zero_point) * weights[j];
        weights += op->inputs;

        sum = requantize(sum, op->stage.multiplier[0], op->stage.shift[0]);
        output[i] = (int8_t)clamp(sum + op->stage.zero_point, op->stage.min, op->stage.max);
    }
}
