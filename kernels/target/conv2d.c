/* SPDX-License-Identifier: Apache-2.0 */
#include "copy.h"
#include "matmul.h"

#include <string.h>

#if MK_DSP

static int32_t depth_of(const struct mk_conv2d *op)
{
    return op->kernel_height * op->kernel_width * op->input.channels;
}

static int is_pointwise(const struct mk_conv2d *op)
{
    return op->kernel_height == 1 && op->kernel_width == 1 && op->pad_top == 0 && op->pad_left == 0;
}

/* Two columns, and one patch of the input as it is. */
int32_t mk_conv2d_scratch_bytes(const struct mk_conv2d *op)
{
    const int32_t depth = depth_of(op);
    return mk_columns_bytes(depth) + (is_pointwise(op) ? 0 : mk_round_up_to_4(depth));
}

/* Copy the patch of input under an output pixel; outside of the input is its zero point. */
static void gather(const struct mk_conv2d *op, const int8_t *input, int32_t top, int32_t left, int8_t *patch)
{
    const int32_t channels = op->input.channels, row_bytes = op->kernel_width * channels;

    for (int32_t y = 0; y < op->kernel_height; y++, patch += row_bytes) {
        const int32_t row = top + y * op->dilation_height;
        if (row < 0 || row >= op->input.height) {
            memset(patch, op->input_zero_point, (size_t)row_bytes);
            continue;
        }
        const int8_t *const from = input + row * op->input.width * channels;
        if (op->dilation_width == 1 && left >= 0 && left + op->kernel_width <= op->input.width) {
            mk_copy_short(patch, from + left * channels, row_bytes);
            continue;
        }
        for (int32_t x = 0; x < op->kernel_width; x++) {
            const int32_t column = left + x * op->dilation_width;
            if (column < 0 || column >= op->input.width)
                memset(patch + x * channels, op->input_zero_point, (size_t)channels);
            else
                mk_copy_short(patch + x * channels, from + column * channels, channels);
        }
    }
}

void mk_conv2d_s8(const struct mk_conv2d *op, const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t depth = depth_of(op), channels = op->input.channels, rows = op->output.channels;
    const int32_t pointwise = is_pointwise(op), pixels = op->output.height * op->output.width;
    const uint32_t offset = mk_both(-op->input_zero_point);
    uint32_t *const columns = scratch;
    int8_t *const patch = (int8_t *)scratch + mk_columns_bytes(depth);
    int32_t waiting = 0, top = -op->pad_top, left = -op->pad_left, x = 0;

    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const int8_t *from = patch;
        if (pointwise)
            from = input + (top * op->input.width + left) * channels;
        else
            gather(op, input, top, left, patch);
        mk_expand(from, depth, offset, mk_column(columns, depth, waiting));
        waiting++;
        if (waiting == MK_COLUMNS || pixel + 1 == pixels) {
            mk_matmul_two_columns(op->weights, op->bias, columns, depth, rows, waiting, &op->to_output, output);
            output += waiting * rows;
            waiting = 0;
        }
        left += op->stride_width;
        if (++x == op->output.width) {
            x = 0;
            left = -op->pad_left;
            top += op->stride_height;
        }
    }
}

#else

int32_t mk_conv2d_scratch_bytes(const struct mk_conv2d *op)
{
    (void)op;
    return 0;
}

/* One output channel at one pixel. */
static int32_t sum_of(const struct mk_conv2d *op, const int8_t *input, const int8_t *weights, int32_t top, int32_t left)
{
    const int32_t channels = op->input.channels;
    int32_t sum = 0;

    for (int32_t y = 0; y < op->kernel_height; y++) {
        const int32_t row = top + y * op->dilation_height;
        if (row < 0 || row >= op->input.height) {
            weights += op->kernel_width * channels;
            continue;
        }
        for (int32_t x = 0; x < op->kernel_width; x++, weights += channels) {
            const int32_t column = left + x * op->dilation_width;
            if (column < 0 || column >= op->input.width)
                continue;
            const int8_t *const from = input + (row * op->input.width + column) * channels;
            for (int32_t i = 0; i < channels; i++)
                sum += (from[i] - op->input_zero_point) * weights[i];
        }
    }
    return sum;
}

void mk_conv2d_s8(const struct mk_conv2d *op, const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t depth = op->kernel_height * op->kernel_width * op->input.channels;
    (void)scratch;

    for (int32_t y = 0; y < op->output.height; y++)
        for (int32_t x = 0; x < op->output.width; x++)
            for (int32_t channel = 0; channel < op->output.channels; channel++) {
                const int32_t top = y * op->stride_height - op->pad_top, left = x * op->stride_width - op->pad_left;
                const int32_t sum = sum_of(op, input, op->weights + channel * depth, top, left);
                const int32_t bias = mk_bias_of(op->bias, channel);
                *output++ = mk_finish(bias + sum, mk_factor_of(&op->to_output, channel), &op->to_output);
            }
}

#endif
