/* SPDX-License-Identifier: Apache-2.0 */
#include "packed.h"

/* Pools go over the image output by output; each pixel's channels lie side by side, so that four can be taken at once. */
struct pixels {
    const int8_t *first;
    int32_t height, width, channels, row; /* row: elements from one row to the next */
};

static struct pixels pixels_of(const struct mk_pool *op, const int8_t *input, int32_t y, int32_t x)
{
    const struct mk_window in = mk_window_of(op, y, x);
    const int32_t channels = op->input.channels, row = op->input.width * channels;
    const int8_t *const first = input + in.top * row + in.left * channels;
    return (struct pixels){first, in.bottom - in.top, in.right - in.left, channels, row};
}

/* sum / count, halves away from zero. */
MK_INLINE int32_t rounded_quotient(int32_t sum, int32_t count)
{
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

static int32_t sum_of(const struct pixels *in, int32_t channel)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < in->height; i++) {
        const int8_t *from = in->first + i * in->row + channel;
        for (int32_t j = 0; j < in->width; j++, from += in->channels)
            sum += *from;
    }
    return sum;
}

static int32_t largest_of(const struct pixels *in, int32_t channel)
{
    int32_t largest = -128;
    for (int32_t i = 0; i < in->height; i++) {
        const int8_t *from = in->first + i * in->row + channel;
        for (int32_t j = 0; j < in->width; j++, from += in->channels)
            largest = mk_larger(largest, *from);
    }
    return largest;
}

#if MK_DSP

/* Sums of 16 bits hold this many int8. */
#define MOST_PIXELS 256

/* Outputs of four channels of at most MOST_PIXELS. */
MK_INLINE void four_averages(const struct pixels *in, int32_t channel, int32_t low, int32_t high, int8_t *output)
{
    const int32_t height = in->height, width = in->width, channels = in->channels, row = in->row, count = height * width;
    const int8_t *line = in->first + channel;
    uint32_t even = 0, odd = 0;

    for (int32_t i = height; i > 0; i--, line += row) {
        const int8_t *from = line;
        for (int32_t j = width; j > 0; j--, from += channels) {
            const uint32_t word = mk_word(from);
            even = mk_even_plus(even, word);
            odd = mk_odd_plus(odd, word);
        }
    }
    output[0] = (int8_t)mk_clamp(rounded_quotient((int16_t)even, count), low, high);
    output[1] = (int8_t)mk_clamp(rounded_quotient((int16_t)odd, count), low, high);
    output[2] = (int8_t)mk_clamp(rounded_quotient((int32_t)even >> 16, count), low, high);
    output[3] = (int8_t)mk_clamp(rounded_quotient((int32_t)odd >> 16, count), low, high);
}

MK_INLINE uint32_t four_largest(const struct pixels *in, int32_t channel)
{
    const int32_t height = in->height, width = in->width, channels = in->channels, row = in->row;
    const int8_t *line = in->first + channel;
    uint32_t largest = mk_four(-128);

    for (int32_t i = height; i > 0; i--, line += row) {
        const int8_t *from = line;
        for (int32_t j = width; j > 0; j--, from += channels)
            largest = mk_larger_bytes(largest, mk_word(from));
    }
    return largest;
}

#endif

void mk_average_pool_s8(const struct mk_pool *op, const int8_t *input, int8_t *output)
{
    const int32_t channels = op->input.channels, low = op->activation_min, high = op->activation_max;

    for (int32_t y = 0; y < op->output.height; y++)
        for (int32_t x = 0; x < op->output.width; x++, output += channels) {
            const struct pixels in = pixels_of(op, input, y, x);
            const int32_t count = in.height * in.width;
            int32_t channel = 0;
#if MK_DSP
            for (; count <= MOST_PIXELS && channel + 4 <= channels; channel += 4)
                four_averages(&in, channel, low, high, output + channel);
#endif
            for (; channel < channels; channel++)
                output[channel] = (int8_t)mk_clamp(rounded_quotient(sum_of(&in, channel), count), low, high);
        }
}

void mk_max_pool_s8(const struct mk_pool *op, const int8_t *input, int8_t *output)
{
    const int32_t channels = op->input.channels, low = op->activation_min, high = op->activation_max;

    for (int32_t y = 0; y < op->output.height; y++)
        for (int32_t x = 0; x < op->output.width; x++, output += channels) {
            const struct pixels in = pixels_of(op, input, y, x);
            int32_t channel = 0;
#if MK_DSP
            const uint32_t lows = mk_four((int8_t)low), highs = mk_four((int8_t)high);
            for (; channel + 4 <= channels; channel += 4) {
                const uint32_t largest = mk_larger_bytes(four_largest(&in, channel), lows);
                mk_put_word(output + channel, mk_smaller_bytes(largest, highs));
            }
#endif
            for (; channel < channels; channel++)
                output[channel] = (int8_t)mk_clamp(largest_of(&in, channel), low, high);
        }
}
