/* SPDX-License-Identifier: Apache-2.0 */
#include "arithmetic.h"
#include "simd.h"

#include <string.h>

/* One channel after the other. The rows of a channel that the kernel is over are kept in scratch as int16, padded, with
   the zero point taken off: a ring of as many rows as the kernel has. So the output may overwrite the input: what is
   still needed of a channel has been copied. (The idea of working in place, channel by channel, is MCUNet's, arXiv
   2007.10319; a ring of rows needs less than a channel.) */

/* Elements of a padded row: what the last output column needs, and up to three more that a step of four reads. */
static int32_t row_elements(const struct mk_conv2d *op)
{
    const int32_t needed = (op->output.width - 1) * op->stride_width + (op->kernel_width - 1) * op->dilation_width + 1;
    return ((needed + 1) & ~1) + 4 * op->stride_width;
}

#define MAX_KERNEL_HEIGHT 16

static int32_t ring_rows(const struct mk_conv2d *op)
{
    return (op->kernel_height - 1) * op->dilation_height + 1;
}

int32_t mk_depthwise_conv2d_scratch_bytes(const struct mk_conv2d *op)
{
    return 2 * row_elements(op) * ring_rows(op);
}

/* Copy `count` elements of a channel, `channels` apart, less the zero point. */
__attribute__((noinline)) static void copy_row(const int8_t *from, int32_t channels, int32_t zero_point, int32_t count,
                                               int16_t *row)
{
    for (; count >= 4; count -= 4, row += 4) {
        const int32_t a = from[0], b = from[channels], c = from[2 * channels], d = from[3 * channels];
        from += 4 * channels;
        row[0] = (int16_t)(a - zero_point);
        row[1] = (int16_t)(b - zero_point);
        row[2] = (int16_t)(c - zero_point);
        row[3] = (int16_t)(d - zero_point);
    }
    for (; count > 0; count--, from += channels)
        *row++ = (int16_t)(*from - zero_point);
}

/* What is the same for all outputs of a channel, and the rows of the ring from the kernel's first row on. */
struct channel {
    const int16_t *rows[MAX_KERNEL_HEIGHT];
    int32_t bias, step; /* step: from one output pixel to the next */
    struct mk_factor factor;
    const struct mk_output *stage;
    int32_t saturates; /* the activation's range is that of int8 */
};

/* Any kernel, one output at a time. */
static void any_row(const struct mk_conv2d *op, const struct channel *channel, const int8_t *weights, int8_t *output)
{
    const int32_t channels = op->input.channels;

    for (int32_t x = 0; x < op->output.width; x++, output += channel->step) {
        const int8_t *weight = weights;
        int32_t sum = channel->bias;
        for (int32_t ky = 0; ky < op->kernel_height; ky++) {
            const int16_t *from = channel->rows[ky] + x * op->stride_width;
            for (int32_t kx = 0; kx < op->kernel_width; kx++, weight += channels)
                sum += from[kx * op->dilation_width] * *weight;
        }
        *output = mk_finish(sum, channel->factor, channel->stage);
    }
}

#if MK_DSP

#define LARGEST_KERNEL 7

/* Four outputs of a row at a time, for odd square kernels. A kernel's row k0 .. kn is kept twice as pairs,

       A: (k0, k1) (k2, k3) ...      B: (k1, k2) (k3, k4) ...

   so that, of inputs in pairs (x0, x1) (x2, x3) ..., an even output sums A times them and the last weight times one, and
   an odd output the first weight times one and B times the pairs from the second on. */
struct pairs {
    uint32_t a[LARGEST_KERNEL][LARGEST_KERNEL / 2], b[LARGEST_KERNEL][LARGEST_KERNEL / 2];
};

static void pair_weights(const int8_t *weights, int32_t size, int32_t channels, struct pairs *pairs)
{
    for (int32_t y = 0; y < size; y++, weights += size * channels)
        for (int32_t i = 0; i < size / 2; i++) {
            const int32_t k0 = weights[2 * i * channels], k1 = weights[(2 * i + 1) * channels];
            const int32_t k2 = weights[(2 * i + 2) * channels];
            pairs->a[y][i] = (uint32_t)(k0 & 0xFFFF) | (uint32_t)k1 << 16;
            pairs->b[y][i] = (uint32_t)(k1 & 0xFFFF) | (uint32_t)k2 << 16;
        }
}

MK_INLINE int32_t bottom_times_top(uint32_t x, uint32_t k, int32_t sum)
{
    return __smlabt((int32_t)x, (int32_t)k, sum);
}

MK_INLINE int32_t top_times_bottom(uint32_t x, uint32_t k, int32_t sum)
{
    return __smlatb((int32_t)x, (int32_t)k, sum);
}

/* Make up to four outputs of their sums. All values come before all stores, which could be anything's to a compiler. */
MK_INLINE void store_four(const struct channel *channel, int32_t sum0, int32_t sum1, int32_t sum2, int32_t sum3,
                          int32_t count, int8_t *output)
{
    const struct mk_factor factor = channel->factor;
    const struct mk_output *const stage = channel->stage;
    const int32_t zero_point = stage->zero_point, step = channel->step;
    int32_t out0 = mk_scale_by(sum0, factor) + zero_point, out1 = mk_scale_by(sum1, factor) + zero_point;
    int32_t out2 = mk_scale_by(sum2, factor) + zero_point, out3 = mk_scale_by(sum3, factor) + zero_point;

    if (channel->saturates) {
        out0 = mk_saturate(out0), out1 = mk_saturate(out1), out2 = mk_saturate(out2), out3 = mk_saturate(out3);
    } else {
        const int32_t low = stage->activation_min, high = stage->activation_max;
        out0 = mk_clamp(out0, low, high), out1 = mk_clamp(out1, low, high);
        out2 = mk_clamp(out2, low, high), out3 = mk_clamp(out3, low, high);
    }
    output[0] = (int8_t)out0;
    if (count > 1)
        output[step] = (int8_t)out1;
    if (count > 2)
        output[2 * step] = (int8_t)out2;
    if (count > 3)
        output[3 * step] = (int8_t)out3;
}

/* `size` and `stride` are constants where this is inlined. */
MK_INLINE void paired_row(const struct channel *channel, const struct pairs *pairs, int32_t size, int32_t stride,
                          int32_t width, int8_t *output)
{
    const int32_t step = channel->step, last = size / 2 - 1;

    for (int32_t x = 0; x < width; x += 4, output += 4 * step) {
        int32_t sum0 = channel->bias, sum1 = sum0, sum2 = sum0, sum3 = sum0;
        for (int32_t y = 0; y < size; y++) {
            const uint32_t *const from = (const uint32_t *)(channel->rows[y] + x * stride);
            const uint32_t *const a = pairs->a[y], *const b = pairs->b[y];
            if (stride == 1) {
                sum1 = top_times_bottom(from[0], a[0], sum1);
                sum3 = top_times_bottom(from[1], a[0], sum3);
                for (int32_t i = 0; i <= last; i++) {
                    sum0 = __smlad(from[i], a[i], sum0);
                    sum2 = __smlad(from[i + 1], a[i], sum2);
                    sum1 = __smlad(from[i + 1], b[i], sum1);
                    sum3 = __smlad(from[i + 2], b[i], sum3);
                }
                sum0 = bottom_times_top(from[last + 1], b[last], sum0);
                sum2 = bottom_times_top(from[last + 2], b[last], sum2);
            } else {
                for (int32_t i = 0; i <= last; i++) {
                    sum0 = __smlad(from[i], a[i], sum0);
                    sum1 = __smlad(from[i + 1], a[i], sum1);
                    sum2 = __smlad(from[i + 2], a[i], sum2);
                    sum3 = __smlad(from[i + 3], a[i], sum3);
                }
                sum0 = bottom_times_top(from[last + 1], b[last], sum0);
                sum1 = bottom_times_top(from[last + 2], b[last], sum1);
                sum2 = bottom_times_top(from[last + 3], b[last], sum2);
                sum3 = bottom_times_top(from[last + 4], b[last], sum3);
            }
        }
        store_four(channel, sum0, sum1, sum2, sum3, width - x, output);
    }
}

typedef void row_function(const struct channel *channel, const struct pairs *pairs, int32_t width, int8_t *output);

#define ROW_FUNCTION(size, stride)                                                                               \
    static void row_##size##_##stride(const struct channel *channel, const struct pairs *pairs, int32_t width,   \
                                      int8_t *output)                                                            \
    {                                                                                                            \
        paired_row(channel, pairs, size, stride, width, output);                                                 \
    }

ROW_FUNCTION(3, 1)
ROW_FUNCTION(3, 2)
ROW_FUNCTION(5, 1)
ROW_FUNCTION(5, 2)
ROW_FUNCTION(7, 1)
ROW_FUNCTION(7, 2)

/* The function for this kernel; null where there is none. */
static row_function *row_function_of(const struct mk_conv2d *op)
{
    static row_function *const functions[] = {row_3_1, row_3_2, row_5_1, row_5_2, row_7_1, row_7_2};
    const int32_t size = op->kernel_width, stride = op->stride_width;
    const int32_t plain = op->kernel_height == size && op->dilation_height == 1 && op->dilation_width == 1;

    if (!plain || size < 3 || size > LARGEST_KERNEL || !(size & 1) || stride > 2)
        return 0;
    return functions[size - 3 + stride - 1];
}

#endif

/* What is the same for all channels. Of a row of the ring, `count` elements from `pad_left` on come from the input; the
   others stay zero. */
struct plan {
    const struct mk_conv2d *op;
    int16_t *ring;
    int32_t rows, elements, count;
};

/* Bring the input's row y, which may lie outside of it, into a row of the ring. */
static void bring_row(const struct plan *plan, const int8_t *input, int32_t y, int16_t *row)
{
    const struct mk_conv2d *const op = plan->op;
    const int32_t channels = op->input.channels;

    row += op->pad_left;
    if (y >= 0 && y < op->input.height)
        copy_row(input + y * op->input.width * channels, channels, op->input_zero_point, plan->count, row);
    else
        memset(row, 0, (size_t)(2 * plan->count));
}

static void one_channel(const struct plan *plan, int32_t number, const int8_t *input, int8_t *output)
{
    const struct mk_conv2d *const op = plan->op;
    const int32_t rows = plan->rows, elements = plan->elements;
    const int8_t *const weights = op->weights + number;
    int16_t *const ring = plan->ring;
    struct channel channel = {
        .bias = mk_bias_of(op->bias, number),
        .step = op->output.channels,
        .factor = mk_factor_of(&op->to_output, number),
        .stage = &op->to_output,
        .saturates = op->to_output.activation_min == -128 && op->to_output.activation_max == 127,
    };
    int32_t next = -op->pad_top; /* the input's row that is copied next */
    int32_t slot = 0;            /* into which row of the ring: where the oldest is */
#if MK_DSP
    row_function *const paired = row_function_of(op);
    struct pairs pairs;
    if (paired)
        pair_weights(weights, op->kernel_width, op->input.channels, &pairs);
#endif

    for (int32_t y = 0; y < op->output.height; y++) {
        for (const int32_t end = y * op->stride_height - op->pad_top + rows; next < end; next++) {
            bring_row(plan, input, next, ring + slot * elements);
            if (++slot == rows)
                slot = 0;
        }
        for (int32_t ky = 0, at = slot; ky < op->kernel_height; ky++) {
            channel.rows[ky] = ring + at * elements;
            at += op->dilation_height;
            at = at >= rows ? at - rows : at;
        }
#if MK_DSP
        if (paired)
            paired(&channel, &pairs, op->output.width, output);
        else
#endif
            any_row(op, &channel, weights, output);
        output += op->output.width * op->output.channels;
    }
}

void mk_depthwise_conv2d_s8(const struct mk_conv2d *op, const int8_t *input, int8_t *output, void *scratch)
{
    struct plan plan = {.op = op, .ring = scratch, .rows = ring_rows(op), .elements = row_elements(op)};

    plan.count = plan.elements - op->pad_left;
    plan.count = plan.count < op->input.width ? plan.count : op->input.width;
    plan.count = plan.count < 0 ? 0 : plan.count;
    memset(scratch, 0, (size_t)mk_depthwise_conv2d_scratch_bytes(op));
    for (int32_t number = 0; number < op->input.channels; number++)
        one_channel(&plan, number, input + number, output + number);
}
