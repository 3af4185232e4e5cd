/* SPDX-License-Identifier: Apache-2.0 */
/* What was not clamped. An output within the activation's range was not; one at an end of it may just have come out so,
   and is summed again. So the forward kernels need not know of masks. */
#include "arithmetic.h"
#include "mcusim_training.h"

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

/* One output's products. Its channel's weights are `weight_step` apart for each kernel element, `depth` channels of the
   input from `first` on are read. */
static int32_t sum_at(const struct mk_conv2d *op, const int8_t *input, const int8_t *weights, int32_t weight_step,
                      int32_t pixel, int32_t first, int32_t depth)
{
    const int32_t y = pixel / op->output.width, x = pixel % op->output.width;
    const int32_t top = y * op->stride_height - op->pad_top, left = x * op->stride_width - op->pad_left;
    int32_t sum = 0;

    for (int32_t ky = 0; ky < op->kernel_height; ky++)
        for (int32_t kx = 0; kx < op->kernel_width; kx++, weights += weight_step) {
            const int32_t row = top + ky * op->dilation_height, column = left + kx * op->dilation_width;
            if (row < 0 || row >= op->input.height || column < 0 || column >= op->input.width)
                continue;
            const int8_t *const from = input + (row * op->input.width + column) * op->input.channels + first;
            for (int32_t i = 0; i < depth; i++)
                sum += (from[i] - op->input_zero_point) * weights[i];
        }
    return sum;
}

static void mask_of(const struct mk_conv2d *op, int32_t depthwise, const int8_t *input, const int8_t *output,
                    uint8_t *mask)
{
    const struct mk_output *const to = &op->to_output;
    const int32_t channels = op->output.channels, pixels = op->output.height * op->output.width;
    const int32_t depth = depthwise ? 1 : op->input.channels, step = depthwise ? channels : depth;
    const int32_t filter = depthwise ? 1 : op->kernel_height * op->kernel_width * depth;

    memset(mask, 0, (size_t)mk_mask_bytes(pixels * channels));
    for (int32_t pixel = 0, index = 0; pixel < pixels; pixel++)
        for (int32_t channel = 0; channel < channels; channel++, index++) {
            int32_t passed = 1;
            if (is_at_an_end(to, output[index])) {
                const int32_t first = depthwise ? channel : 0, bias = op->bias ? op->bias[channel] : 0;
                const int8_t *const weights = op->weights + channel * filter;
                passed = is_within(to, bias + sum_at(op, input, weights, step, pixel, first, depth), channel);
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
            int32_t sum = op->bias ? op->bias[i] : 0;
            for (int32_t j = 0; j < op->inputs; j++)
                sum += (input[j] - op->input_zero_point) * op->weights[i * op->inputs + j];
            passed = is_within(&op->to_output, sum, i);
        }
        note(mask, i, passed);
    }
}
