/* SPDX-License-Identifier: Apache-2.0 */
/* Small int8 layers for examples about memory: which bytes each one reads and writes is plain from its loops, and none
   keeps data on the stack. Tensors are height x width x channels, channels innermost; values have zero point 0. */
#ifndef INT8_LAYERS_H
#define INT8_LAYERS_H

#include <stdint.h>

struct shape {
    int32_t height, width, channels;
};

struct conv2d {
    struct shape input, output;
    int32_t kernel_height, kernel_width;
    int32_t stride; /* down and across */
    int32_t pad_top, pad_left;
    const int8_t *weights; /* [output channel][y][x][input channel] */
    int32_t shift;         /* outputs are sums divided by 2^shift, rounded down and saturated */
};

/* Reads every pixel that a tap falls on and no other. */
void conv2d_s8(const struct conv2d *op, const int8_t *input, int8_t *output);

/* Of each two rows the larger values; an odd last row is not read. */
void max_pool_rows_s8(const struct shape *input_shape, const int8_t *input, int8_t *output);

/* sum[i] = (sum[i] + other[i]) / 2, rounded down. */
void add_s8(int8_t *sum, const int8_t *other, int32_t size);

/* Negative values become an eighth, rounded down; in place. */
void leaky_relu_s8(int8_t *values, int32_t size);

/* weights: [output][input]; outputs are as those of conv2d_s8. */
void fully_connected_s8(const int8_t *weights, int32_t shift, const int8_t *input, int32_t inputs, int8_t *output,
                        int32_t outputs);

/* Weights that look random: the same bytes for everybody. */
#define WEIGHTS_SIZE 6400
extern const int8_t weights[WEIGHTS_SIZE];

/* Fills a tensor with values that look random. */
void fill_s8(int8_t *values, int32_t size);

/* Adler-32 (RFC 1950) of a tensor. */
uint32_t checksum_s8(const int8_t *values, int32_t size);

#endif
