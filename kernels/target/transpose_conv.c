/* SPDX-License-Identifier: Apache-2.0 */
/* Each pixel of the input is multiplied with all weights of an output channel, [kernel y][kernel x] rows that lie one
   behind the other, and the products are added where they fall. Sums stand in a ring of as many output rows as a row of
   the input reaches: those above are complete. The ring is as wide as everything that is added, also beside the
   output. */
#include "matmul.h"
#include "window.h"

static int32_t ring_rows(const struct mk_conv2d *op)
{
    return mk_larger(op->kernel_height, op->stride_height);
}

static int32_t ring_width(const struct mk_conv2d *op)
{
    const int32_t reached = (op->input.width - 1) * op->stride_width + op->kernel_width;
    return mk_larger(reached, op->pad_left + op->output.width);
}

static int32_t row_sums(const struct mk_conv2d *op)
{
    return ring_width(op) * op->output.channels;
}

#define CHANNELS_TOGETHER 2 /* so that there is an even number of rows of weights */

/* Two columns, the products of some channels with them, the ring. */
int32_t mk_transpose_conv_scratch_bytes(const struct mk_conv2d *op)
{
    const int32_t products = MK_COLUMNS * CHANNELS_TOGETHER * op->kernel_height * op->kernel_width;
    return mk_columns_bytes(op->input.channels) + 4 * (products + ring_rows(op) * row_sums(op));
}

struct work {
    uint32_t *columns;
    int32_t *products, *ring;
};

/* Add an output channel's products of one or two pixels, in row y of the input, the first one's in column x. */
static void add_products(const struct mk_conv2d *op, const int32_t *products, int32_t pixels, int32_t *ring, int32_t y,
                         int32_t x, int32_t channel)
{
    const int32_t outputs = op->output.channels, next = op->stride_width * outputs;

    for (int32_t ky = 0; ky < op->kernel_height; ky++) {
        const int32_t row = (y * op->stride_height + ky) % ring_rows(op);
        int32_t *to = ring + row * row_sums(op) + x * next + channel;
        for (int32_t kx = 0; kx < op->kernel_width; kx++, to += outputs, products += MK_COLUMNS) {
            to[0] += products[0];
            if (pixels > 1)
                to[next] += products[1];
        }
    }
}

/* All that a row of the input adds. */
static void add_row(const struct mk_conv2d *op, const int8_t *input, int32_t y, const struct work *work)
{
    const int32_t depth = op->input.channels, outputs = op->output.channels, width = op->input.width;
    const int32_t window = op->kernel_height * op->kernel_width;
    const uint32_t offset = mk_both(-op->input_zero_point);

    for (int32_t x = 0; x < width; x += MK_COLUMNS) {
        const int32_t pixels = mk_smaller(width - x, MK_COLUMNS);
        for (int32_t i = 0; i < pixels; i++)
            mk_expand(input + (x + i) * depth, depth, offset, mk_column(work->columns, depth, i));
        for (int32_t channel = 0; channel < outputs; channel += CHANNELS_TOGETHER) {
            const int32_t count = mk_smaller(outputs - channel, CHANNELS_TOGETHER);
            const int32_t behind = (outputs - channel - count) * window;
            mk_matmul_sums(op->weights + channel * window * depth, work->columns, depth, count * window, behind,
                           work->products);
            for (int32_t i = 0; i < count; i++)
                add_products(op, work->products + i * MK_COLUMNS * window, pixels, work->ring, y, x, channel + i);
        }
    }
}

/* Make outputs of a row of sums. */
static void finish_row(const struct mk_conv2d *op, const int32_t *sums, int8_t *output)
{
    const struct mk_output *const to = &op->to_output;

    for (int32_t x = 0; x < op->output.width; x++) {
        struct mk_factors factors = mk_factors_from(to, 0);
        for (int32_t channel = 0; channel < op->output.channels; channel++)
            *output++ = mk_finish(*sums++ + mk_bias_of(op->bias, channel), mk_next_factor(&factors, to->per_channel), to);
    }
}

static void clear(int32_t *sums, int32_t count)
{
    for (; count > 0; count--)
        *sums++ = 0;
}

void mk_transpose_conv_s8(const struct mk_conv2d *op, const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t outputs = op->output.channels, row = op->output.width * outputs, bottom = op->pad_top + op->output.height;
    struct work work = {.columns = scratch};
    int32_t done = 0; /* rows of sums, which begin pad_top above the output */

    work.products = (int32_t *)scratch + mk_columns_bytes(op->input.channels) / 4;
    work.ring = work.products + MK_COLUMNS * CHANNELS_TOGETHER * op->kernel_height * op->kernel_width;
    clear(work.ring, ring_rows(op) * row_sums(op));
    for (int32_t y = 0; done < bottom; y++) {
        if (y < op->input.height)
            add_row(op, input + y * op->input.width * op->input.channels, y, &work);
        for (const int32_t end = mk_smaller((y + 1) * op->stride_height, bottom); done < end; done++) {
            int32_t *const sums = work.ring + done % ring_rows(op) * row_sums(op);
            if (done >= op->pad_top)
                finish_row(op, sums + op->pad_left * outputs, output + (done - op->pad_top) * row);
            clear(sums, row_sums(op));
        }
    }
}
