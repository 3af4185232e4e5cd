/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of gradient descent on int8 weights and int32 biases (kernels/sgd.py). */
#include "mcusim_training.h"

static float clamp(float value, float low, float high)
{
    value = value < low ? low : value;
    return value > high ? high : value;
}

void mk_update_weights(const struct mk_sgd *step, const float *factors, int32_t outer, int32_t channels, int32_t inner,
                       const float *gradients, int8_t *weights)
{
    const struct mk_sgd by = *step; /* stores of weights could change *step, to a compiler */

    for (; outer > 0; outer--)
        for (int32_t channel = 0; channel < channels; channel++) {
            const float factor = factors[channel];
            for (int32_t i = 0; i < inner; i++) {
                const float gradient = clamp(*gradients++, by.gradient_min, by.gradient_max);
                const float moved = (float)*weights - gradient * factor * by.learning_rate;
                *weights++ = (int8_t)(int32_t)clamp(moved, -128.0f, 127.0f);
            }
        }
}

/* Cut towards zero, and to the ends of int32, as VCVT does. */
static int32_t whole(float value)
{
    if (value >= 0x1p31f)
        return INT32_MAX;
    return value < -0x1p31f ? INT32_MIN : (int32_t)value;
}

void mk_update_bias(const struct mk_sgd *step, const float *factors, int32_t channels, const float *gradients,
                    int32_t *bias)
{
    for (int32_t i = 0; i < channels; i++) {
        const int32_t difference = whole(gradients[i] * step->learning_rate * factors[i]);
        bias[i] = (int32_t)((uint32_t)bias[i] - (uint32_t)difference); /* wraps, as in the reference */
    }
}
