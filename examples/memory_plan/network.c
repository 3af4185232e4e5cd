/* SPDX-License-Identifier: Apache-2.0 */
/* A chain with a residual addition and a branch:

       INPUT -stem-> STEM -narrow-> NARROW -wide-> WIDE -add STEM-> WIDE -+-pool-> POOLED -dense-> SCORES_A --+
                                                                          |                                  add
                                                                          +-relu, head-> HEAD -dense-> SCORES_B

   The addition works in place. So does the ReLU, on seven rows of WIDE only. Nobody reads the last row of WIDE after the
   addition: neither the pooling, of rows in pairs, nor the head, whose kernels are three rows apart. */
#include "network.h"

#include "int8_layers.h"
#include "plan.h"

#define HEIGHT 37
#define WIDTH 9
#define ROW_OF_WIDE (WIDTH * 5)
#define CLASSES 5
#define RELU_FIRST_ROW 5
#define RELU_ROWS 7

static const struct conv2d stem = {
    {HEIGHT, WIDTH, 3}, {HEIGHT, WIDTH, 5}, 3, 3, .stride = 1, .pad_top = 1, .pad_left = 1, .weights = weights,
    .shift = 9,
};
static const struct conv2d narrow = {
    {HEIGHT, WIDTH, 5}, {HEIGHT, WIDTH, 2}, 1, 1, .stride = 1, .weights = weights + 135, .shift = 8,
};
static const struct conv2d wide = {
    {HEIGHT, WIDTH, 2}, {HEIGHT, WIDTH, 5}, 3, 3, .stride = 1, .pad_top = 1, .pad_left = 1, .weights = weights + 145,
    .shift = 9,
};
static const struct shape wide_shape = {HEIGHT, WIDTH, 5};
static const struct conv2d head = {
    {HEIGHT, WIDTH, 5}, {12, 3, 9}, 3, 3, .stride = 3, .weights = weights + 235, .shift = 9,
};
#define DENSE_A_WEIGHTS (weights + 640)
#define DENSE_B_WEIGHTS (weights + 640 + 810 * CLASSES)

void run_network(int8_t *arena)
{
    int8_t *const input = arena + plan[INPUT].offset, *const stem_output = arena + plan[STEM].offset;
    int8_t *const narrow_output = arena + plan[NARROW].offset, *const wide_output = arena + plan[WIDE].offset;
    int8_t *const pooled = arena + plan[POOLED].offset, *const head_output = arena + plan[HEAD].offset;
    int8_t *const scores_a = arena + plan[SCORES_A].offset, *const scores_b = arena + plan[SCORES_B].offset;

    conv2d_s8(&stem, input, stem_output);
    conv2d_s8(&narrow, stem_output, narrow_output);
    conv2d_s8(&wide, narrow_output, wide_output);
    add_s8(wide_output, stem_output, plan[WIDE].size);
    max_pool_rows_s8(&wide_shape, wide_output, pooled);
    leaky_relu_s8(wide_output + RELU_FIRST_ROW * ROW_OF_WIDE, RELU_ROWS * ROW_OF_WIDE);
    conv2d_s8(&head, wide_output, head_output);
    fully_connected_s8(DENSE_A_WEIGHTS, 12, pooled, plan[POOLED].size, scores_a, CLASSES);
    fully_connected_s8(DENSE_B_WEIGHTS, 12, head_output, plan[HEAD].size, scores_b, CLASSES);
    add_s8(scores_b, scores_a, CLASSES);
}
