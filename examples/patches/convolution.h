/* SPDX-License-Identifier: Apache-2.0 */
/* A convolution that computes any part of its output from a buffer that holds the part of its input that this needs. */
#ifndef CONVOLUTION_H
#define CONVOLUTION_H

#include <stdint.h>

/* Rows and columns of a map: [top, bottom) x [left, right). */
struct region {
    int32_t top, bottom, left, right;
};

/* A buffer that holds a region of a map, row by row. */
struct view {
    int8_t *data;
    struct region region;
};

/* 3x3, one row and column of padding. */
struct convolution {
    int32_t height, width, inputs, outputs; /* of the whole input map; channels */
    int32_t stride;
    const int8_t *weights; /* [output channel][y][x][input channel] */
    int32_t shift;         /* outputs are sums divided by 2^shift, rounded down and saturated */
};

/* Computes `part` of the output. Both views hold what is needed of them. */
void convolve(const struct convolution *op, const struct view *input, const struct view *output,
              const struct region *part);

/* The region of the input that a part of the output needs: the part and its halo, without the padding. */
struct region needed(const struct convolution *op, const struct region *part);

#endif
