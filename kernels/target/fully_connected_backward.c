/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of a matrix product's sums (kernels/fully_connected_backward.py). */
#include "mcusim_training.h"

#include <string.h>

void mk_fully_connected_input_gradient(const struct mk_fully_connected *op, const float *gradients, float *result)
{
    const int8_t *weights = op->weights;

    memset(result, 0, (size_t)op->inputs * sizeof(float));
    for (int32_t i = 0; i < op->outputs; i++, weights += op->inputs)
        for (int32_t j = 0; j < op->inputs; j++)
            result[j] += gradients[i] * (float)weights[j];
}

void mk_fully_connected_weight_gradient(const struct mk_fully_connected *op, const int8_t *input,
                                        const float *gradients, float *result)
{
    memset(result, 0, (size_t)(op->outputs * op->inputs) * sizeof(float));
    for (int32_t i = 0; i < op->outputs; i++, result += op->inputs)
        for (int32_t j = 0; j < op->inputs; j++)
            result[j] += gradients[i] * (float)(input[j] - op->input_zero_point);
}
