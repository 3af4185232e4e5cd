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
            const struct mk_window in = mk_window_of(op, y, x);
            const float count = (float)((in.bottom - in.top) * (in.right - in.left));
            for (int32_t row = in.top; row < in.bottom; row++)
                for (int32_t column = in.left; column < in.right; column++) {
                    float *const total = result + (row * op->input.width + column) * channels;
                    for (int32_t channel = 0; channel < channels; channel++)
                        total[channel] += gradients[channel] / count;
                }
        }
}
