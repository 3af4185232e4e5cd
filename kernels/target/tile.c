/* SPDX-License-Identifier: Apache-2.0 */
#include "mcusim_kernels.h"

#include <string.h>

struct mk_tile mk_tile_before(const struct mk_conv2d *op, const struct mk_tile *output)
{
    const int32_t reach_down = (op->kernel_height - 1) * op->dilation_height + 1;
    const int32_t reach_right = (op->kernel_width - 1) * op->dilation_width + 1;
    const int32_t top = output->top * op->stride_height - op->pad_top;
    const int32_t left = output->left * op->stride_width - op->pad_left;
    const int32_t bottom = top + (output->height - 1) * op->stride_height + reach_down;
    const int32_t right = left + (output->width - 1) * op->stride_width + reach_right;
    struct mk_tile input = {.top = top < 0 ? 0 : top, .left = left < 0 ? 0 : left};

    input.height = (bottom > op->input.height ? op->input.height : bottom) - input.top;
    input.width = (right > op->input.width ? op->input.width : right) - input.left;
    return input;
}

struct mk_conv2d mk_conv2d_of_tile(const struct mk_conv2d *op, const struct mk_tile *input, const struct mk_tile *output)
{
    struct mk_conv2d tile = *op;

    tile.input.height = input->height;
    tile.input.width = input->width;
    tile.output.height = output->height;
    tile.output.width = output->width;
    tile.pad_top = input->top - (output->top * op->stride_height - op->pad_top);
    tile.pad_left = input->left - (output->left * op->stride_width - op->pad_left);
    return tile;
}

void mk_take_tile_s8(const struct mk_shape *shape, const struct mk_tile *tile, const int8_t *tensor, int8_t *output)
{
    const int32_t row = tile->width * shape->channels;

    for (int32_t y = 0; y < tile->height; y++, output += row)
        memcpy(output, tensor + ((tile->top + y) * shape->width + tile->left) * shape->channels, (size_t)row);
}

void mk_put_tile_s8(const struct mk_shape *shape, const struct mk_tile *tile, const int8_t *input, int8_t *tensor)
{
    const int32_t row = tile->width * shape->channels;

    for (int32_t y = 0; y < tile->height; y++, input += row)
        memcpy(tensor + ((tile->top + y) * shape->width + tile->left) * shape->channels, input, (size_t)row);
}
