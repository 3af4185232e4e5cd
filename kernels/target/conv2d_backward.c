/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of a convolution's sums (kernels/conv2d_backward.py).

   A gradient of zero is passed over: sums that start at +0 are never -0, so adding a zero of either sign changes no bit.
   After a ReLU that is about half of them. */
#include "mcusim_training.h"
#include "window.h"

/* total += factor * (values - zero point), for each of some values. Four at a time, so that nothing waits for the step
   before it; not inlined, so that nothing is spilled. */
__attribute__((noinline)) static void add_products(float factor, const int8_t *values, int32_t zero_point,
                                                   int32_t count, float *total)
{
    for (; count >= 4; count -= 4, values += 4, total += 4) {
        const float first = factor * (float)(values[0] - zero_point), second = factor * (float)(values[1] - zero_point);
        const float third = factor * (float)(values[2] - zero_point), fourth = factor * (float)(values[3] - zero_point);
        total[0] += first;
        total[1] += second;
        total[2] += third;
        total[3] += fourth;
    }
    for (; count > 0; count--)
        *total++ += factor * (float)(*values++ - zero_point);
}

static void input_gradient_at(const struct mk_conv2d *op, const float *gradients, int32_t y, int32_t x, float *total)
{
    const int32_t outputs = op->output.channels, depth = op->input.channels;
    const int32_t filter = op->kernel_height * op->kernel_width * depth;

    for (int32_t ky = 0; ky < op->kernel_height; ky++) {
        const int32_t row = mk_seen_by(y, ky, op->dilation_height, op->pad_top, op->stride_height, op->output.height);
        if (row < 0)
            continue;
        for (int32_t kx = 0; kx < op->kernel_width; kx++) {
            const int32_t column =
                mk_seen_by(x, kx, op->dilation_width, op->pad_left, op->stride_width, op->output.width);
            if (column < 0)
                continue;
            const float *const given = gradients + (row * op->output.width + column) * outputs;
            const int8_t *weights = op->weights + (ky * op->kernel_width + kx) * depth;
            for (int32_t output = 0; output < outputs; output++, weights += filter)
                if (given[output] != 0.0f)
                    add_products(given[output], weights, 0, depth, total);
        }
    }
}

void mk_conv2d_input_gradient(const struct mk_conv2d *op, const float *gradients, float *result)
{
    const int32_t channels = op->input.channels;

    mk_zero(op->input.height * op->input.width * channels, result);
    for (int32_t y = 0; y < op->input.height; y++)
        for (int32_t x = 0; x < op->input.width; x++, result += channels)
            input_gradient_at(op, gradients, y, x, result);
}

/* Add what one output pixel gives: the input that it sees, times its gradients. */
static void weight_gradient_from(const struct mk_conv2d *op, const int8_t *input, const float *given, int32_t y,
                                 int32_t x, float *result)
{
    const int32_t depth = op->input.channels, filter = op->kernel_height * op->kernel_width * depth;

    for (int32_t ky = 0; ky < op->kernel_height; ky++) {
        const int32_t row = mk_sees(y, ky, op->dilation_height, op->pad_top, op->stride_height, op->input.height);
        if (row < 0)
            continue;
        for (int32_t kx = 0, together = 1; kx < op->kernel_width; kx += together) {
            const int32_t column = mk_sees(x, kx, op->dilation_width, op->pad_left, op->stride_width, op->input.width);
            together = 1;
            if (column < 0)
                continue;
            if (op->dilation_width == 1) /* what lies side by side in the input does so in the filter */
                together = mk_smaller(op->kernel_width - kx, op->input.width - column);
            const int8_t *const pixel = input + (row * op->input.width + column) * depth;
            float *total = result + (ky * op->kernel_width + kx) * depth;
            for (int32_t output = 0; output < op->output.channels; output++, total += filter)
                if (given[output] != 0.0f)
                    add_products(given[output], pixel, op->input_zero_point, together * depth, total);
        }
    }
}

void mk_conv2d_weight_gradient(const struct mk_conv2d *op, const int8_t *input, const float *gradients, float *result)
{
    const int32_t outputs = op->output.channels;

    mk_zero(outputs * op->kernel_height * op->kernel_width * op->input.channels, result);
    for (int32_t y = 0; y < op->output.height; y++)
        for (int32_t x = 0; x < op->output.width; x++, gradients += outputs)
            weight_gradient_from(op, input, gradients, y, x, result);
}
