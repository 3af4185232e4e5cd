/* SPDX-License-Identifier: Apache-2.0 */
/* int8 operators on tensors of height x width x channels, channels innermost (NHWC, one image). */
#ifndef OPERATORS_H
#define OPERATORS_H

#include <stdint.h>

struct shape {
    int32_t height, width, channels;
};

/* How an accumulator becomes an output: requantize, add the zero point, clamp. */
struct output_stage {
    const int32_t *multiplier; /* one per output channel; fully connected: one */
    const int8_t *shift;       /* likewise */
    int32_t zero_point;
    int32_t min, max; /* the fused activation */
};

struct conv2d {
    struct shape input, output;
    int32_t kernel_height, kernel_width;
    int32_t stride;
    int32_t pad_top, pad_left; /* padding has the value of the input's zero point */
    int32_t input_zero_point;
    const int8_t *weights; /* conv2d: [output channel][y][x][input channel]; depthwise: [y][x][channel] */
    const int32_t *bias;   /* [output channel] */
    struct output_stage stage;
};

struct average_pool {
    struct shape input; /* averaged over height and width */
};

struct fully_connected {
    int32_t inputs, outputs;
    int32_t input_zero_point;
    const int8_t *weights; /* [output][input] */
    const int32_t *bias;   /* [output] */
    struct output_stage stage;
};

struct softmax {
    int32_t size;
    int32_t multiplier, shift; /* input scale * 2^26 as a factor above one */
    int32_t smallest_difference; /* to the largest input; below it the output is zero */
};

void conv2d_s8(const struct conv2d *op, const int8_t *input, int8_t *output);
void conv2d_1x1_s8(const struct conv2d *op, const int8_t *input, int8_t *output);
void depthwise_conv2d_s8(const struct conv2d *op, const int8_t *input, int8_t *output);
void average_pool_s8(const struct average_pool *op, const int8_t *input, int8_t *output);
void fully_connected_s8(const struct fully_connected *op, const int8_t *input, int8_t *output);
void softmax_s8(const struct softmax *op, const int8_t *input, int8_t *output);

#endif
