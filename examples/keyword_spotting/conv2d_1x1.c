/* SPDX-License-Identifier: Apache-2.0 */
#include "operators.h"
#include "quantize.h"

/* A pointwise convolution: kernel 1x1, stride 1, no padding. Every pixel is a vector-matrix product. */
void conv2d_1x1_s8(const struct conv2d *op, const int8_t *input, int8_t *output)
{
    const int32_t channels = op->input.channels;
    const int32_t zero_point = op->input_zero_point;

    for (int32_t pixel = op->input.height * op->input.width; pixel > 0; pixel--) {
        const int8_t *weights = op->weights;

        for (int32_t channel = 0; channel < op->output.channels; channel++) {
            int32_t sum = op->bias[channel];
            for (int32_t i = 0; i < channels; i++)
                sum += (input[i] - zero_point) * weights[i];
            weights += channels;

            sum = requantize(sum, op->stage.multiplier[channel], op->stage.shift[channel]);
            *output++ = (int8_t)clamp(sum + op->stage.zero_point, op->stage.min, op->stage.max);
        }
        input += channels;
    }
}
