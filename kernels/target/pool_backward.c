/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient of an average over windows (kernels/pool_backward.py). */
#include "mcusim_training.h"
#include "window.h"

void mk_average_pool_gradient(const struct mk_pool *op, const float *gradients, float *result)
{
    const int32_t channels = op->input.channels;

    mk_zero(op->input.height * op->input.width * channels, result);
    for (int32_t y = 0; y < op->output.height; y++)
        for (int32_t x = 0; x < op->output.width; x++, gradients += channels) {
            const int32_t top = y * op->stride_height - op->pad_top, left = x * op->stride_width - op->pad_left;
            const int32_t bottom = mk_smaller(top + op->kernel_height, op->input.height);
            const int32_t right = mk_smaller(left + op->kernel_width, op->input.width);
            const int32_t first = mk_larger(top, 0), start = mk_larger(left, 0);
            const float count = (float)((bottom - first) * (right - start));
            for (int32_t row = first; row < bottom; row++)
                for (int32_t column = start; column < right; column++) {
                    float *const total = result + (row * op->input.width + column) * channels;
                    for (int32_t channel = 0; channel < channels; channel++)
                        total[channel] += gradients[channel] / count;
                }
        }
}
