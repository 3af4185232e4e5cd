/* SPDX-License-Identifier: Apache-2.0 */
#include "operators.h"
#include "quantize.h"

void conv2d_s8(const struct conv2d *op, const int8_t *input, int8_t *output)
{
    const int32_t channels = op->input.channels;
    const int32_t input_row = op->input.width * channels;
    const int32_t kernel_row = op->kernel_width * channels;
    const int32_t zero_point = op->input_zero_point;

    for (int32_t y = 0; y < op->output.height; y++) {
        const int32_t top = y * op->stride - op->pad_top;
        const int32_t ky_begin = top < 0 ? -top : 0;
        const int32_t ky_end = clamp(op->input.height - top, 0, op->kernel_height);

        for (int32_t x = 0; x < op->output.width; x++) {
            const int32_t left = x * op->stride - op->pad_left;
            const int32_t kx_begin = left < 0 ? -left : 0;
            const int32_t kx_end = clamp(op->input.width - left, 0, op->kernel_width);
            /* The taps of one kernel row that fall inside the image are contiguous in both operands. */
            const int32_t taps = (kx_end - kx_begin) * channels;
            const int8_t *first_pixel = input + top * input_row + (left + kx_begin) * channels;
            const int8_t *kernel = op->weights + kx_begin * channels;

            for (int32_t channel = 0; channel < op->output.channels; channel++) {
                int32_t sum = op->bias[channel];
                for (int32_t ky = ky_begin; ky < ky_end; ky++) {
                    const int8_t *pixels = first_pixel + ky * input_row;
                    const int8_t *weights = kernel + ky * kernel_row;
                    for (int32_t i = 0; i < taps; i++)
                        sum += (pixels[i] - zero_point) * weights[i];
                }
                kernel += op->kernel_height * kernel_row;

                sum = requantize(sum, op->stage.multiplier[channel], op->stage.shift[channel]);
                *output++ = (int8_t)clamp(sum + op->stage.zero_point, op->stage.min, op->stage.max);
            }
        }
    }
}
