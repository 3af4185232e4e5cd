/* SPDX-License-Identifier: Apache-2.0 */
#include "arithmetic.h"

/* The part of a window that lies inside of the input. */
struct window {
    int32_t top, bottom, left, right;
};

static struct window window_at(const struct mk_pool *op, int32_t y, int32_t x)
{
    const int32_t top = y * op->stride_height - op->pad_top, left = x * op->stride_width - op->pad_left;
    const int32_t bottom = top + op->kernel_height, right = left + op->kernel_width;
    return (struct window){
        .top = top < 0 ? 0 : top,
        .bottom = bottom > op->input.height ? op->input.height : bottom,
        .left = left < 0 ? 0 : left,
        .right = right > op->input.width ? op->input.width : right,
    };
}

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
            const struct window in = window_at(op, y, x);
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
            const struct window in = window_at(op, y, x);
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
