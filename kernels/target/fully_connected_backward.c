/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of a matrix product's sums (kernels/fully_connected_backward.py). */
#include "mcusim_training.h"
#include "window.h"

void mk_fully_connected_input_gradient(const struct mk_fully_connected *op, const float *gradients, float *result)
{
    const int8_t *weights = op->weights;

    mk_zero(op->inputs, result);
    for (int32_t i = 0; i < op->outputs; i++, weights += op->inputs)
        for (int32_t j = 0; j < op->inputs; j++)
            result[j] += gradients[i] * (float)weights[j];
}

void mk_fully_connected_weight_gradient(const struct mk_fully_connected *op, const int8_t *input,
                                        const float *gradients, float *result)
{
    mk_zero(op->outputs * op->inputs, result);
    for (int32_t i = 0; i < op->outputs; i++, result += op->inputs)
        for (int32_t j = 0; j < op->inputs; j++)
            result[j] += gradients[i] * (float)(input[j] - op->input_zero_point);
}
