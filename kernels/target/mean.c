/* SPDX-License-Identifier: Apache-2.0 */
#include "arithmetic.h"

void mk_mean_s8(const struct mk_mean *op, const int8_t *input, int8_t *output)
{
    const int32_t channels = op->input.channels, pixels = op->input.height * op->input.width;
    const struct mk_factor factor = mk_factor_of(&op->to_output, 0);

    for (int32_t channel = 0; channel < channels; channel++) {
        const int8_t *from = input + channel;
        int32_t sum = -pixels * op->input_zero_point;
        for (int32_t i = 0; i < pixels; i++, from += channels)
            sum += *from;
        output[channel] = mk_finish(sum, factor, &op->to_output);
    }
}

void mk_sum_s8(const struct mk_mean *op, const int8_t *input, int8_t *output)
{
    mk_mean_s8(op, input, output); /* what differs is the factor */
}
