/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the first operand are the columns of matmul.h, rows of the transposed second one its weights. Weights have no
   zero point there: sum (b - z) x = sum b x - z * sum x, and the second term is the same for all outputs of a row. */
#include "matmul.h"

/* Two columns; a row of the first operand, or the second one transposed, where they are not stored so. */
int32_t mk_batch_matmul_scratch_bytes(const struct mk_batch_matmul *op)
{
    const int32_t row = op->transpose_first ? mk_round_up_to_4(op->depth) : 0;
    return mk_columns_bytes(op->depth) + row + (op->transpose_second ? 0 : mk_round_up_to_4(op->depth * op->columns));
}

/* Copy `count` elements that are `step` apart. */
static void gather(const int8_t *from, int32_t count, int32_t step, int8_t *to)
{
    for (; count > 0; count--, from += step)
        *to++ = *from;
}

static int32_t sum_of(const int8_t *from, int32_t count)
{
    int32_t sum = 0;
#if MK_DSP
    const uint32_t ones = mk_both(1);
    for (; count >= 4; count -= 4, from += 4) {
        const uint32_t word = mk_word(from);
        sum = __smlad(mk_odd(word), ones, __smlad(mk_even(word), ones, sum));
    }
#endif
    for (; count > 0; count--)
        sum += *from++;
    return sum;
}

/* Two rows of the output, or one; sums of each begin with `starts`. */
static void multiply_rows(const struct mk_batch_matmul *op, const int8_t *weights, const uint32_t *columns,
                          const int32_t starts[MK_COLUMNS], int32_t count, int8_t *output)
{
    const int32_t depth = op->depth, second = count > 1 ? op->columns : 0;
    int32_t sums[MK_COLUMNS * MK_ROWS_TOGETHER];

    for (int32_t row = 0; row < op->columns; row += MK_ROWS_TOGETHER) {
        const int32_t left = op->columns - row, rows = left < MK_ROWS_TOGETHER ? left : MK_ROWS_TOGETHER;
        mk_matmul_sums(weights + row * depth, columns, depth, rows, left - rows, sums);
        for (int32_t i = 0; i < MK_COLUMNS * rows; i += MK_COLUMNS) {
            sums[i] += starts[0];
            sums[i + 1] += starts[1];
        }
        mk_matmul_finish(sums, rows, &op->to_output, 0, output + row, second);
    }
}

/* One product; `weights` is the second operand, [column][depth]. */
static void multiply(const struct mk_batch_matmul *op, const int8_t *first, const int8_t *weights, int8_t *output,
                     uint32_t *columns, int8_t *row)
{
    const int32_t depth = op->depth;
    const uint32_t offset = mk_both(-op->zero_points[0]);

    for (int32_t i = 0; i < op->rows; i += MK_COLUMNS) {
        const int32_t count = op->rows - i < MK_COLUMNS ? op->rows - i : MK_COLUMNS;
        int32_t starts[MK_COLUMNS] = {0};
        for (int32_t j = 0; j < count; j++) {
            const int8_t *from = first + (i + j) * depth;
            if (op->transpose_first) {
                gather(first + i + j, depth, op->rows, row);
                from = row;
            }
            mk_expand(from, depth, offset, mk_column(columns, depth, j));
            if (op->zero_points[1])
                starts[j] = op->zero_points[1] * (depth * op->zero_points[0] - sum_of(from, depth));
        }
        multiply_rows(op, weights, columns, starts, count, output);
        output += count * op->columns;
    }
}

void mk_batch_matmul_s8(const struct mk_batch_matmul *op, const int8_t *first, const int8_t *second, int8_t *output,
                        void *scratch)
{
    const int32_t depth = op->depth, columns = op->columns;
    int8_t *const row = (int8_t *)scratch + mk_columns_bytes(depth);
    int8_t *const transposed = row + (op->transpose_first ? mk_round_up_to_4(depth) : 0);
    const int8_t *last = 0; /* the matrix that has been transposed: broadcast ones come again */

    for (int32_t i = 0; i < op->batches[0]; i++)
        for (int32_t j = 0; j < op->batches[1]; j++)
            for (int32_t k = 0; k < op->batches[2]; k++, output += op->rows * columns) {
                const int32_t *const a = op->first_steps, *const b = op->second_steps;
                const int8_t *const matrix = second + i * b[0] + j * b[1] + k * b[2], *weights = matrix;
                if (!op->transpose_second) {
                    for (int32_t x = 0; x < columns && matrix != last; x++)
                        gather(matrix + x, depth, columns, transposed + x * depth);
                    last = matrix;
                    weights = transposed;
                }
                multiply(op, first + i * a[0] + j * a[1] + k * a[2], weights, output, scratch, row);
            }
}
