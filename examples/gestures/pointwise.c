/* SPDX-License-Identifier: Apache-2.0 */
#include "pointwise.h"

#include "quantize.h"

void pointwise_conv2d_s8(const struct pointwise *op, const int8_t *input, int8_t *output)
{
    const int32_t inputs = op->input.channels, outputs = op->output.channels;

    for (int32_t pixel = 0; pixel < op->input.height * op->input.width; pixel++) {
        for (int32_t o = 0; o < outputs; o++) {
            int32_t sum = op->bias[o];
            for (int32_t i = 0; i < inputs; i++)
#ifdef WEIGHTS_BY_OUTPUT
                sum += (input[i] - op->input_zero_point) * op->weights[o * inputs + i];
#else
                sum += (input[i] - op->input_zero_point) * op->weights[i * outputs + o];
#endif
            sum = requantize(sum, op->multiplier[o], op->shift[o]) + op->output_zero_point;
            *output++ = (int8_t)clamp(sum, op->min, op->max);
        }
        input += inputs;
    }
}
