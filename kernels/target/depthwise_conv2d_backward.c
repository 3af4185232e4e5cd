/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of a depthwise convolution's sums (kernels/depthwise_conv2d_backward.py), one filter for each channel. */
#include "mcusim_training.h"
#include "window.h"

void mk_depthwise_conv2d_input_gradient(const struct mk_conv2d *op, const float *gradients, float *result)
{
    const int32_t channels = op->input.channels;

    mk_zero(op->input.height * op->input.width * channels, result);
    for (int32_t y = 0; y < op->input.height; y++)
        for (int32_t x = 0; x < op->input.width; x++, result += channels)
            for (int32_t tap = 0; tap < op->kernel_height * op->kernel_width; tap++) {
                const int32_t row = mk_seen_by(y, tap / op->kernel_width, op->dilation_height, op->pad_top,
                                               op->stride_height, op->output.height);
                const int32_t column = mk_seen_by(x, tap % op->kernel_width, op->dilation_width, op->pad_left,
                                                  op->stride_width, op->output.width);
                if (row < 0 || column < 0)
                    continue;
                const float *const given = gradients + (row * op->output.width + column) * channels;
                const int8_t *const weights = op->weights + tap * channels;
                for (int32_t channel = 0; channel < channels; channel++)
                    result[channel] += given[channel] * (float)weights[channel];
            }
}

void mk_depthwise_conv2d_weight_gradient(const struct mk_conv2d *op, const int8_t *input, const float *gradients,
                                         float *result)
{
    const int32_t channels = op->input.channels, taps = op->kernel_height * op->kernel_width;

    mk_zero(taps * channels, result);
    for (int32_t y = 0; y < op->output.height; y++)
        for (int32_t x = 0; x < op->output.width; x++, gradients += channels)
            for (int32_t tap = 0; tap < taps; tap++) {
                const int32_t row = mk_sees(y, tap / op->kernel_width, op->dilation_height, op->pad_top,
                                            op->stride_height, op->input.height);
                const int32_t column = mk_sees(x, tap % op->kernel_width, op->dilation_width, op->pad_left,
                                               op->stride_width, op->input.width);
                if (row < 0 || column < 0)
                    continue;
                const int8_t *const pixel = input + (row * op->input.width + column) * channels;
                float *const total = result + tap * channels;
                for (int32_t channel = 0; channel < channels; channel++)
                    total[channel] += gradients[channel] * (float)(pixel[channel] - op->input_zero_point);
            }
}
