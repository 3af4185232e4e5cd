/* SPDX-License-Identifier: Apache-2.0 */
#include "operators.h"

/* Global average: one value per channel, halves rounded away from zero. Scale and zero point stay. */
void average_pool_s8(const struct average_pool *op, const int8_t *input, int8_t *output)
{
    const int32_t channels = op->input.channels;
    const int32_t pixels = op->input.height * op->input.width;

    for (int32_t channel = 0; channel < channels; channel++) {
        int32_t sum = 0;
        for (int32_t pixel = 0; pixel < pixels; pixel++)
            sum += input[pixel * channels + channel];
        sum += sum < 0 ? -(pixels / 2) : pixels / 2;
        output[channel] = (int8_t)(sum / pixels);
    }
}
