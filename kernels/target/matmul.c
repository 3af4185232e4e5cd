/* SPDX-License-Identifier: Apache-2.0 */
#include "matmul.h"

#if MK_DSP

uint32_t *mk_expand(const int8_t *from, int32_t count, uint32_t offset, uint32_t *column)
{
    for (; count >= 4; count -= 4) {
        const uint32_t word = mk_word(from);
        from += 4;
        column[0] = mk_even_plus(offset, word);
        column[1] = mk_odd_plus(offset, word);
        column += 2 * MK_COLUMNS;
    }
    if (count > 0) {
        const int32_t plus = (int16_t)offset;
        uint16_t last[4] = {0};
        for (int32_t i = 0; i < count; i++)
            last[i] = (uint16_t)(from[i] + plus);
        column[0] = last[0] | (uint32_t)last[2] << 16;
        column[1] = last[1] | (uint32_t)last[3] << 16;
        column += 2 * MK_COLUMNS;
    }
    return column;
}

/* Up to four weights as a word, zeros behind them: nothing is read beyond the row. */
static uint32_t last_weights(const int8_t *weights, int32_t count)
{
    uint32_t word = 0;
    for (int32_t i = 0; i < count; i++)
        word |= (uint32_t)(uint8_t)weights[i] << 8 * i;
    return word;
}

/* What the rows of one call have in common, and sums on their way. In memory, so that neither the products nor what is
   made of their sums has to keep the other's registers. */
struct job {
    const uint32_t *columns;
    int32_t depth, full; /* full: depth without the last one to three */
    const int32_t *bias;
    const struct mk_output *to;
    int8_t *output, *second; /* where the outputs of the two pixels go */
    int32_t sums[4];         /* row 0 column 0, row 0 column 1, row 1 column 0, row 1 column 1 */
};

/* One step of the loop below. Loads stand together because they pipeline on a Cortex-M4. */
#define FOUR_ELEMENTS \
    "ldr    %[w0], [%[row0]], #4\n\t" \
    "ldr    %[w1], [%[row1]], #4\n\t" \
    "ldr    %[x1], [%[x], #8]\n\t" \
    "ldr    %[x0], [%[x]], #16\n\t" \
    "sxtb16 %[even], %[w0]\n\t" \
    "smlad  %[sum00], %[even], %[x0], %[sum00]\n\t" \
    "smlad  %[sum01], %[even], %[x1], %[sum01]\n\t" \
    "sxtb16 %[even], %[w1]\n\t" \
    "smlad  %[sum10], %[even], %[x0], %[sum10]\n\t" \
    "smlad  %[sum11], %[even], %[x1], %[sum11]\n\t" \
    "ldr    %[x0], [%[x], #-12]\n\t" \
    "ldr    %[x1], [%[x], #-4]\n\t" \
    "sxtb16 %[w0], %[w0], ror #8\n\t" \
    "smlad  %[sum00], %[w0], %[x0], %[sum00]\n\t" \
    "smlad  %[sum01], %[w0], %[x1], %[sum01]\n\t" \
    "sxtb16 %[w1], %[w1], ror #8\n\t" \
    "smlad  %[sum10], %[w1], %[x0], %[sum10]\n\t" \
    "smlad  %[sum11], %[w1], %[x1], %[sum11]\n\t"

/* Add the products of two rows and two columns to the sums, over the elements that come in fours. Written out because it
   is where networks spend their time and a compiler spills here: all thirteen registers have their use. */
MK_INLINE void two_rows(struct job *job, const int8_t *row0, const int8_t *row1)
{
    const uint32_t *x = job->columns;
    int32_t count = job->full, sum00 = job->sums[0], sum01 = job->sums[1], sum10 = job->sums[2], sum11 = job->sums[3];
    uint32_t w0, w1, x0, x1, even;

    __asm__ volatile("subs   %[count], %[count], #8\n\t"
                     "blt    2f\n\t"
                     ".p2align 2\n"
                     "1:\n\t"
                     FOUR_ELEMENTS
                     FOUR_ELEMENTS
                     "subs   %[count], %[count], #8\n\t"
                     "bge    1b\n"
                     "2:\n\t"
                     "adds   %[count], %[count], #4\n\t"
                     "blt    3f\n\t"
                     FOUR_ELEMENTS
                     "3:\n\t"
                     : [row0] "+r"(row0), [row1] "+r"(row1), [x] "+r"(x), [count] "+r"(count), [sum00] "+r"(sum00),
                       [sum01] "+r"(sum01), [sum10] "+r"(sum10), [sum11] "+r"(sum11), [w0] "=&r"(w0), [w1] "=&r"(w1),
                       [x0] "=&r"(x0), [x1] "=&r"(x1), [even] "=&r"(even)
                     :
                     : "cc", "memory");
    job->sums[0] = sum00, job->sums[1] = sum01, job->sums[2] = sum10, job->sums[3] = sum11;
}

/* The last one to three elements of a row times two columns. */
static void rest_of_row(const int8_t *row, const uint32_t *x, int32_t count, int32_t sums[2])
{
    const uint32_t word = last_weights(row, count), even = mk_even(word), odd = mk_odd(word);
    sums[0] = __smlad(odd, x[1], __smlad(even, x[0], sums[0]));
    sums[1] = __smlad(odd, x[3], __smlad(even, x[2], sums[1]));
}

/* One row times two columns. */
static void one_row(const int8_t *row, const uint32_t *x, int32_t depth, int32_t sums[2])
{
    for (; depth >= 4; depth -= 4, row += 4, x += 4) {
        const uint32_t word = mk_word(row), even = mk_even(word), odd = mk_odd(word);
        sums[0] = __smlad(odd, x[1], __smlad(even, x[0], sums[0]));
        sums[1] = __smlad(odd, x[3], __smlad(even, x[2], sums[1]));
    }
    if (depth)
        rest_of_row(row, x, depth, sums);
}

/* Make outputs of the sums of rows `channel` and `channel` + 1. */
__attribute__((noinline)) static void finish_two_rows(const struct job *job, int32_t channel)
{
    const struct mk_output *const to = job->to;
    const struct mk_factor factor0 = mk_factor_of(to, channel), factor1 = mk_factor_of(to, channel + 1);
    const int32_t zero_point = to->zero_point, low = to->activation_min, high = to->activation_max;
    int8_t *const output = job->output + channel, *const second = job->second + channel;

    const int32_t sum00 = job->sums[0], sum01 = job->sums[1], sum10 = job->sums[2], sum11 = job->sums[3];

    if (low == -128 && high == 127) {
        const int32_t value00 = mk_scale_by(sum00, factor0), value01 = mk_scale_by(sum01, factor0);
        const int32_t value10 = mk_scale_by(sum10, factor1), value11 = mk_scale_by(sum11, factor1);
        const int8_t out01 = mk_saturate(value01 + zero_point), out11 = mk_saturate(value11 + zero_point);
        const int8_t out00 = mk_saturate(value00 + zero_point), out10 = mk_saturate(value10 + zero_point);
        second[0] = out01, second[1] = out11;
        output[0] = out00, output[1] = out10;
        return;
    }
    const int32_t out01 = mk_clamp(mk_scale_by(sum01, factor0) + zero_point, low, high);
    const int32_t out00 = mk_clamp(mk_scale_by(sum00, factor0) + zero_point, low, high);
    const int32_t out11 = mk_clamp(mk_scale_by(sum11, factor1) + zero_point, low, high);
    const int32_t out10 = mk_clamp(mk_scale_by(sum10, factor1) + zero_point, low, high);
    second[0] = (int8_t)out01, second[1] = (int8_t)out11;
    output[0] = (int8_t)out00, output[1] = (int8_t)out10; /* last: the same place where there is but one pixel */
}

void mk_matmul_two_columns(const int8_t *weights, const int32_t *bias, const uint32_t *columns, int32_t depth,
                           int32_t rows, int32_t pixels, const struct mk_output *to, int8_t *output)
{
    struct job job = {
        .columns = columns,
        .depth = depth,
        .full = depth & ~3,
        .bias = bias,
        .to = to,
        .output = output,
        .second = pixels > 1 ? output + rows : output,
    };
    const int32_t rest = depth & 3;
    const uint32_t *const last = columns + job.full;
    int32_t channel = 0;

    for (; channel + 2 <= rows; channel += 2, weights += 2 * depth) {
        const int32_t bias0 = bias ? bias[channel] : 0, bias1 = bias ? bias[channel + 1] : 0;
        job.sums[0] = job.sums[1] = bias0;
        job.sums[2] = job.sums[3] = bias1;
        two_rows(&job, weights, weights + depth);
        if (rest) {
            rest_of_row(weights + job.full, last, rest, job.sums);
            rest_of_row(weights + depth + job.full, last, rest, job.sums + 2);
        }
        finish_two_rows(&job, channel);
    }
    if (channel < rows) {
        job.sums[0] = job.sums[1] = bias ? bias[channel] : 0;
        one_row(weights, columns, depth, job.sums);
        const struct mk_factor factor = mk_factor_of(to, channel);
        job.second[channel] = mk_finish(job.sums[1], factor, to);
        output[channel] = mk_finish(job.sums[0], factor, to);
    }
}

#endif
