/* SPDX-License-Identifier: Apache-2.0 */
/* What was not clamped. An output within the activation's range was not; one at an end of it may just have come out so,
   and is summed again. So the forward kernels need not know of masks. */
#include "arithmetic.h"
#include "mcusim_training.h"
#include "window.h"

#include <string.h>

MK_INLINE int32_t is_at_an_end(const struct mk_output *to, int8_t output)
{
    return output == to->activation_min || output == to->activation_max;
}

MK_INLINE int32_t is_within(const struct mk_output *to, int32_t sum, int32_t channel)
{
    const int32_t value = mk_scale_by(sum, mk_factor_of(to, channel)) + to->zero_point;
    return value >= to->activation_min && value <= to->activation_max;
}

MK_INLINE void note(uint8_t *mask, int32_t index, int32_t passed)
{
    mask[index >> 3] = (uint8_t)(mask[index >> 3] | passed << (index & 7));
}

/* The functions below are not inlined into each other, or the inner loops would have no registers left. */
#define APART __attribute__((noinline)) static

APART int32_t products(const int8_t *from, int32_t zero_point, const int8_t *weights, int32_t count)
{
    int32_t sum = 0;

    for (; count >= 4; count -= 4, from += 4, weights += 4) {
        sum += (from[0] - zero_point) * weights[0];
        sum += (from[1] - zero_point) * weights[1];
        sum += (from[2] - zero_point) * weights[2];
        sum += (from[3] - zero_point) * weights[3];
    }
    for (; count > 0; count--)
        sum += (*from++ - zero_point) * *weights++;
    return sum;
}

/* The products of one output of a convolution. What lies side by side in the input does so in the filter. */
APART int32_t sum_at(const struct mk_conv2d *op, const int8_t *input, const int8_t *weights, int32_t top, int32_t left)
{
    const int32_t depth = op->input.channels;
    int32_t sum = 0;

    for (int32_t ky = 0; ky < op->kernel_height; ky++, weights += op->kernel_width * depth) {
        const int32_t row = top + ky * op->dilation_height;
        if (row < 0 || row >= op->input.height)
            continue;
        for (int32_t kx = 0, together = 1; kx < op->kernel_width; kx += together) {
            const int32_t column = left + kx * op->dilation_width;
            together = 1;
            if (column < 0 || column >= op->input.width)
                continue;
            if (op->dilation_width == 1)
                together = mk_smaller(op->kernel_width - kx, op->input.width - column);
            const int8_t *const from = input + (row * op->input.width + column) * depth;
            sum += products(from, op->input_zero_point, weights + kx * depth, together * depth);
        }
    }
    return sum;
}

/* The same of a depthwise one. */
APART int32_t sum_of_channel_at(const struct mk_conv2d *op, const int8_t *input, const int8_t *weights, int32_t top,
                                int32_t left)
{
    const int32_t channels = op->input.channels;
    int32_t sum = 0;

    for (int32_t ky = 0; ky < op->kernel_height; ky++) {
        const int32_t row = top + ky * op->dilation_height;
        for (int32_t kx = 0; kx < op->kernel_width; kx++, weights += channels) {
            const int32_t column = left + kx * op->dilation_width;
            if (row >= 0 && row < op->input.height && column >= 0 && column < op->input.width)
                sum += (input[(row * op->input.width + column) * channels] - op->input_zero_point) * *weights;
        }
    }
    return sum;
}

static void mask_of(const struct mk_conv2d *op, int32_t depthwise, const int8_t *input, const int8_t *output,
                    uint8_t *mask)
{
    const struct mk_output *const to = &op->to_output;
    const int32_t channels = op->output.channels, filter = op->kernel_height * op->kernel_width * op->input.channels;
    int32_t index = 0;

    memset(mask, 0, (size_t)mk_mask_bytes(op->output.height * op->output.width * channels));
    for (int32_t y = 0; y < op->output.height; y++)
        for (int32_t x = 0; x < op->output.width; x++)
            for (int32_t channel = 0; channel < channels; channel++, index++) {
                const int32_t top = y * op->stride_height - op->pad_top, left = x * op->stride_width - op->pad_left;
                int32_t passed = 1;
                if (is_at_an_end(to, output[index])) {
                    const int32_t sum =
                        depthwise ? sum_of_channel_at(op, input + channel, op->weights + channel, top, left)
                                  : sum_at(op, input, op->weights + channel * filter, top, left);
                    passed = is_within(to, mk_bias_of(op->bias, channel) + sum, channel);
                }
                note(mask, index, passed);
            }
}

void mk_conv2d_mask(const struct mk_conv2d *op, const int8_t *input, const int8_t *output, uint8_t *mask)
{
    mask_of(op, 0, input, output, mask);
}

void mk_depthwise_conv2d_mask(const struct mk_conv2d *op, const int8_t *input, const int8_t *output, uint8_t *mask)
{
    mask_of(op, 1, input, output, mask);
}

void mk_fully_connected_mask(const struct mk_fully_connected *op, const int8_t *input, const int8_t *output,
                             uint8_t *mask)
{
    memset(mask, 0, (size_t)mk_mask_bytes(op->outputs));
    for (int32_t i = 0; i < op->outputs; i++) {
        int32_t passed = 1;
        if (is_at_an_end(&op->to_output, output[i])) {
            const int32_t sum = products(input, op->input_zero_point, op->weights + i * op->inputs, op->inputs);
            passed = is_within(&op->to_output, mk_bias_of(op->bias, i) + sum, i);
        }
        note(mask, i, passed);
    }
}
