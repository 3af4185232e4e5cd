/* SPDX-License-Identifier: Apache-2.0 */
#include "convolution.h"

/* The first value of a pixel. */
static int8_t *pixel(const struct view *view, int32_t y, int32_t x, int32_t channels)
{
    const int32_t width = view->region.right - view->region.left;
    return view->data + ((y - view->region.top) * width + x - view->region.left) * channels;
}

static int8_t saturate(int32_t value)
{
    return (int8_t)(value < INT8_MIN ? INT8_MIN : value > INT8_MAX ? INT8_MAX : value);
}

void convolve(const struct convolution *op, const struct view *input, const struct view *output,
              const struct region *part)
{
    for (int32_t y = part->top; y < part->bottom; y++)
        for (int32_t x = part->left; x < part->right; x++)
            for (int32_t channel = 0; channel < op->outputs; channel++) {
                int32_t sum = 0;
                for (int32_t tap = 0; tap < 9; tap++) {
                    const int32_t row = y * op->stride + tap / 3 - 1, column = x * op->stride + tap % 3 - 1;
                    if (row < 0 || row >= op->height || column < 0 || column >= op->width)
                        continue;
                    const int8_t *values = pixel(input, row, column, op->inputs);
                    const int8_t *kernel = op->weights + (channel * 9 + tap) * op->inputs;
                    for (int32_t i = 0; i < op->inputs; i++)
                        sum += values[i] * kernel[i];
                }
                pixel(output, y, x, op->outputs)[channel] = saturate(sum >> op->shift);
            }
}

static int32_t at_least(int32_t value, int32_t least)
{
    return value < least ? least : value;
}

static int32_t at_most(int32_t value, int32_t most)
{
    return value > most ? most : value;
}

struct region needed(const struct convolution *op, const struct region *part)
{
    return (struct region){
        .top = at_least(part->top * op->stride - 1, 0),
        .bottom = at_most((part->bottom - 1) * op->stride + 2, op->height),
        .left = at_least(part->left * op->stride - 1, 0),
        .right = at_most((part->right - 1) * op->stride + 2, op->width),
    };
}
