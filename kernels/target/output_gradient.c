/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients through what follows a sum (kernels/output_gradient.py), and of what is added to it. */
#include "mcusim_training.h"
#include "window.h"

void mk_output_gradient(const struct mk_output *to, int32_t pixels, int32_t channels, const uint8_t *mask,
                        float *gradients)
{
    for (int32_t pixel = 0, index = 0; pixel < pixels; pixel++)
        for (int32_t channel = 0; channel < channels; channel++, index++) {
            const float scale = to->scales[to->per_channel ? channel : 0];
            gradients[index] = mask[index >> 3] >> (index & 7) & 1 ? gradients[index] * scale : 0.0f;
        }
}

void mk_bias_gradient(const float *gradients, int32_t pixels, int32_t channels, float *result)
{
    mk_zero(channels, result);
    for (; pixels > 0; pixels--, gradients += channels)
        for (int32_t channel = 0; channel < channels; channel++)
            result[channel] += gradients[channel];
}
