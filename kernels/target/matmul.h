/* SPDX-License-Identifier: Apache-2.0 */
/* The core of operators with matrices: rows of int8 weights times two columns of int16.

   With the DSP extension the columns stand interleaved, four elements at a time, in the order in which SXTB16 takes four
   int8 apart:

       column 0: elements 0 and 2, 1 and 3; column 1: elements 0 and 2, 1 and 3; column 0: 4 and 6, 5 and 7; ...

   so that weights need no reordering. Without it they stand one behind the other. The number of elements is rounded up to
   four; the last ones are zero. */
#ifndef MK_MATMUL_H
#define MK_MATMUL_H

#include "arithmetic.h"
#include "simd.h"

#define MK_COLUMNS 2

/* Bytes of two columns of `depth` elements. */
MK_INLINE int32_t mk_columns_bytes(int32_t depth)
{
    return MK_COLUMNS * 2 * mk_round_up_to_4(depth);
}

/* Where a column (0 or 1) begins. */
MK_INLINE uint32_t *mk_column(uint32_t *columns, int32_t depth, int32_t which)
{
    return columns + which * (MK_DSP ? 2 : mk_round_up_to_4(depth) / 2);
}

/* Write `count` elements plus an offset (in both halves) into a column. */
void mk_expand(const int8_t *from, int32_t count, uint32_t offset, uint32_t *column);

/* Write the sums of some rows of weights times the two columns, row by row: column 0, column 1. `behind` more rows follow
   these in memory, which the last ones may read into. */
void mk_matmul_sums(const int8_t *weights, const uint32_t *columns, int32_t depth, int32_t rows, int32_t behind,
                    int32_t *sums);

/* Make outputs of the sums of some rows, `channel` being the first one's: those of column 1 `second` bytes behind those of
   column 0. */
void mk_matmul_finish(const int32_t *restrict sums, int32_t rows, const struct mk_output *to, int32_t channel,
                      int8_t *restrict output, int32_t second);

#define MK_ROWS_TOGETHER 16 /* rows that are summed before they are finished */

/* Multiply all rows of weights with two columns, and write output[0..rows) of each of `pixels` (1 or 2). */
void mk_matmul_two_columns(const int8_t *weights, const int32_t *bias, const uint32_t *columns, int32_t depth,
                           int32_t rows, int32_t pixels, const struct mk_output *to, int8_t *output);

#endif
