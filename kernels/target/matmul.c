/* SPDX-License-Identifier: Apache-2.0 */
#include "matmul.h"

#if MK_DSP

void mk_expand(const int8_t *from, int32_t count, uint32_t offset, uint32_t *column)
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
    }
}

/* Up to four weights as a word, zeros behind them: nothing is read beyond the row. */
static uint32_t last_weights(const int8_t *weights, int32_t count)
{
    uint32_t word = 0;
    for (int32_t i = 0; i < count; i++)
        word |= (uint32_t)(uint8_t)weights[i] << 8 * i;
    return word;
}

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

/* Write the sums of two rows and two columns, row by row, over `count` elements, a multiple of four. Written out because
   it is where networks spend their time and a compiler spills here: all thirteen registers have their use. */
MK_INLINE void two_rows(const int8_t *row0, const int8_t *row1, const uint32_t *x, int32_t count, int32_t bias0,
                        int32_t bias1, int32_t *sums)
{
    int32_t sum00 = bias0, sum01 = bias0, sum10 = bias1, sum11 = bias1;
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
    sums[0] = sum00, sums[1] = sum01, sums[2] = sum10, sums[3] = sum11;
}

/* One row times two columns. */
static void one_row(const int8_t *row, const uint32_t *x, int32_t depth, int32_t sums[2])
{
    for (; depth >= 4; depth -= 4, row += 4, x += 4) {
        const uint32_t word = mk_word(row), even = mk_even(word), odd = mk_odd(word);
        sums[0] = __smlad(odd, x[1], __smlad(even, x[0], sums[0]));
        sums[1] = __smlad(odd, x[3], __smlad(even, x[2], sums[1]));
    }
    if (depth) {
        const uint32_t word = last_weights(row, depth), even = mk_even(word), odd = mk_odd(word);
        sums[0] = __smlad(odd, x[1], __smlad(even, x[0], sums[0]));
        sums[1] = __smlad(odd, x[3], __smlad(even, x[2], sums[1]));
    }
}

/* Where the depth is no multiple of four a row's last word reaches
   into the rows behind it and meets zeros of the columns there. `behind` rows follow these; where they are too few to
   reach into, rows are taken one by one, to the byte. */
MK_INLINE void sum_rows(const int8_t *weights, const int32_t *bias, const uint32_t *columns, int32_t depth, int32_t rows,
                        int32_t behind, int32_t *sums)
{
    const int32_t padded = mk_round_up_to_4(depth), reached = (padded - depth + depth - 1) / depth;
    const int32_t safe = rows + behind - reached, pairs = (safe < rows ? safe : rows) & ~1;
    int32_t row = 0;

    for (; row < pairs; row += 2, weights += 2 * depth, sums += 4)
        two_rows(weights, weights + depth, columns, padded, mk_bias_of(bias, row), mk_bias_of(bias, row + 1), sums);
    for (; row < rows; row++, weights += depth, sums += 2) {
        sums[0] = sums[1] = mk_bias_of(bias, row);
        one_row(weights, columns, depth, sums);
    }
}

#else

void mk_expand(const int8_t *from, int32_t count, uint32_t offset, uint32_t *column)
{
    int16_t *to = (int16_t *)column;

    for (; count > 0; count--)
        *to++ = (int16_t)(*from++ + (int16_t)offset);
}

MK_INLINE void sum_rows(const int8_t *weights, const int32_t *bias, const uint32_t *columns, int32_t depth, int32_t rows,
                        int32_t behind, int32_t *sums)
{
    const int16_t *const first = (const int16_t *)columns, *const second = first + mk_round_up_to_4(depth);
    (void)behind;

    for (int32_t row = 0; row < rows; row++, sums += 2) {
        sums[0] = sums[1] = mk_bias_of(bias, row);
        for (int32_t i = 0; i < depth; i++, weights++) {
            sums[0] += *weights * first[i];
            sums[1] += *weights * second[i];
        }
    }
}

#endif

/* Apart from the products, so that neither has to keep the other's registers. */
__attribute__((noinline)) void mk_matmul_finish(const int32_t *restrict sums, int32_t rows, const struct mk_output *to,
                                                int32_t channel, int8_t *restrict output, int32_t second)
{
    const int32_t zero_point = to->zero_point, low = to->activation_min, high = to->activation_max;
    const int32_t *const end = sums + 2 * rows, step = to->per_channel;
    struct mk_factors factors = mk_factors_from(to, channel);

    if (low == -128 && high == 127) {
        for (; sums < end; sums += 2) {
            const struct mk_factor factor = mk_next_factor(&factors, step);
            const int32_t value0 = mk_scale_by(sums[0], factor), value1 = mk_scale_by(sums[1], factor);
            output[second] = mk_saturate(value1 + zero_point);
            *output++ = mk_saturate(value0 + zero_point); /* last: the same place where there is but one pixel */
        }
        return;
    }
    for (; sums < end; sums += 2) {
        const struct mk_factor factor = mk_next_factor(&factors, step);
        const int32_t value0 = mk_scale_by(sums[0], factor), value1 = mk_scale_by(sums[1], factor);
        output[second] = (int8_t)mk_clamp(value1 + zero_point, low, high);
        *output++ = (int8_t)mk_clamp(value0 + zero_point, low, high);
    }
}

void mk_matmul_sums(const int8_t *weights, const uint32_t *columns, int32_t depth, int32_t rows, int32_t behind,
                    int32_t *sums)
{
    sum_rows(weights, 0, columns, depth, rows, behind, sums);
}


void mk_matmul_two_columns(const int8_t *weights, const int32_t *bias, const uint32_t *columns, int32_t depth,
                           int32_t rows, int32_t pixels, const struct mk_output *to, int8_t *output)
{
    const int32_t second = pixels > 1 ? rows : 0;
    int32_t sums[2 * MK_ROWS_TOGETHER];

    for (int32_t row = 0; row < rows; row += MK_ROWS_TOGETHER) {
        const int32_t left = rows - row, count = left < MK_ROWS_TOGETHER ? left : MK_ROWS_TOGETHER;
        sum_rows(weights + row * depth, bias ? bias + row : 0, columns, depth, count, left - count, sums);
        mk_matmul_finish(sums, count, to, row, output + row, second);
    }
}
