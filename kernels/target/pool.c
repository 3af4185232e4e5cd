/* SPDX-License-Identifier: Apache-2.0 */
#include "arithmetic.h"
#include "window.h"

/* sum / count, halves away from zero. */
static int32_t rounded_quotient(int32_t sum, int32_t count)
{
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

void mk_average_pool_s8(const struct mk_pool *op, const int8_t *input, int8_t *output)
{
    const int32_t channels = op->input.channels, row = op->input.width * channels;

    for (int32_t y = 0; y < op->output.height; y++)
        for (int32_t x = 0; x < op->output.width; x++) {
            const struct mk_window in = mk_window_of(op, y, x);
            const int32_t count = (in.bottom - in.top) * (in.right - in.left);
            for (int32_t channel = 0; channel < channels; channel++) {
                int32_t sum = 0;
                for (int32_t i = in.top; i < in.bottom; i++) {
                    const int8_t *from = input + i * row + in.left * channels + channel;
                    for (int32_t j = in.left; j < in.right; j++, from += channels)
                        sum += *from;
                }
                *output++ = (int8_t)mk_clamp(rounded_quotient(sum, count), op->activation_min, op->activation_max);
            }
        }
}

void mk_max_pool_s8(const struct mk_pool *op, const int8_t *input, int8_t *output)
{
    const int32_t channels = op->input.channels, row = op->input.width * channels;

    for (int32_t y = 0; y < op->output.height; y++)
        for (int32_t x = 0; x < op->output.width; x++) {
            const struct mk_window in = mk_window_of(op, y, x);
            for (int32_t channel = 0; channel < channels; channel++) {
                int32_t largest = -128;
                for (int32_t i = in.top; i < in.bottom; i++) {
                    const int8_t *from = input + i * row + in.left * channels + channel;
                    for (int32_t j = in.left; j < in.right; j++, from += channels)
                        largest = *from > largest ? *from : largest;
                }
                *output++ = (int8_t)mk_clamp(largest, op->activation_min, op->activation_max);
            }
        }
}
