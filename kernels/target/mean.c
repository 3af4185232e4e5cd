/* SPDX-License-Identifier: Apache-2.0 */
#include "arithmetic.h"
#include "simd.h"

#if MK_DSP

/* Sums of 16 bits hold this many int8. */
#define MOST_PIXELS 256

/* Write the sums of four channels of an image. */
static void four_sums(const int8_t *from, int32_t channels, int32_t pixels, int32_t sums[4])
{
    sums[0] = sums[1] = sums[2] = sums[3] = 0;
    while (pixels > 0) {
        const int32_t count = pixels < MOST_PIXELS ? pixels : MOST_PIXELS;
        uint32_t even = 0, odd = 0;
        for (int32_t i = count; i > 0; i--, from += channels) {
            const uint32_t word = mk_word(from);
            even = mk_even_plus(even, word);
            odd = mk_odd_plus(odd, word);
        }
        sums[0] += (int16_t)even, sums[1] += (int16_t)odd;
        sums[2] += (int32_t)even >> 16, sums[3] += (int32_t)odd >> 16;
        pixels -= count;
    }
}

#endif

void mk_mean_s8(const struct mk_mean *op, const int8_t *input, int8_t *output)
{
    const int32_t channels = op->input.channels, pixels = op->input.height * op->input.width;
    const int32_t start = -pixels * op->input_zero_point;
    const struct mk_factor factor = mk_factor_of(&op->to_output, 0);
    int32_t channel = 0;

#if MK_DSP
    for (; channel + 4 <= channels; channel += 4) {
        int32_t sums[4];
        four_sums(input + channel, channels, pixels, sums);
        for (int32_t i = 0; i < 4; i++)
            output[channel + i] = mk_finish(start + sums[i], factor, &op->to_output);
    }
#endif
    for (; channel < channels; channel++) {
        const int8_t *from = input + channel;
        int32_t sum = start;
        for (int32_t i = 0; i < pixels; i++, from += channels)
            sum += *from;
        output[channel] = mk_finish(sum, factor, &op->to_output);
    }
}

void mk_sum_s8(const struct mk_mean *op, const int8_t *input, int8_t *output)
{
    mk_mean_s8(op, input, output); /* what differs is the factor */
}
