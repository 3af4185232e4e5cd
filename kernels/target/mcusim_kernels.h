/* SPDX-License-Identifier: Apache-2.0 */
/* int8 operators of neural networks for microcontrollers: one image, NHWC, no allocation, no global state. Here are sums
   of products, pools, arithmetic by elements and softmax; mcusim_activations.h has functions of one element,
   mcusim_moves.h what moves elements, mcusim_sequences.h what has a memory: all are included.

   Every operator has a plain struct of parameters that can be const and in flash, and where it needs scratch memory a
   function that says how many bytes. Scratch must be aligned to 4 bytes; tensors need no alignment (it saves cycles).

   Arithmetic is that of TensorFlow Lite: accumulators of 32 bits, requantised per channel or per tensor, clamped. How an
   accumulator is rounded is chosen at build for all operators (arithmetic.h):

       -DMK_ROUNDING=MK_ROUND_DOUBLE    gemmlowp's, as TensorFlow Lite Micro and CMSIS-NN (default)
       -DMK_ROUNDING=MK_ROUND_SINGLE    their build option
       -DMK_ROUNDING=MK_ROUND_FLOAT     a float scale and truncation, as TinyEngine: where a struct has scales, and for
                                        mk_add_s8; the other operators round as in MK_ROUND_DOUBLE

   On cores with the DSP extension (Cortex-M4, M7, M33) its instructions are used; -DMK_PORTABLE leaves them out. Both
   give the same bits. The reference, which every kernel here must equal bit for bit, is mcusim.kernels in Python.

   Parameters are not checked. Accumulators wrap as int32. */
#ifndef MCUSIM_KERNELS_H
#define MCUSIM_KERNELS_H

#include "mcusim_types.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Convolution. weights: [output channel][kernel y][kernel x][input channel]; bias: [output channel] or null.
   Padding has the value of the input's zero point. Also depthwise: weights [kernel y][kernel x][channel]. */
struct mk_conv2d {
    struct mk_shape input, output;
    int32_t kernel_height, kernel_width;
    int32_t stride_height, stride_width;
    int32_t dilation_height, dilation_width;
    int32_t pad_top, pad_left;
    int32_t input_zero_point;
    const int8_t *weights;
    const int32_t *bias;
    struct mk_output to_output;
};

int32_t mk_conv2d_scratch_bytes(const struct mk_conv2d *op);
void mk_conv2d_s8(const struct mk_conv2d *op, const int8_t *input, int8_t *output, void *scratch);

/* Depthwise convolution with one filter for each channel. `output` may be `input`, channel for channel in its place,
   where stride_height and stride_width are 1 and the shapes are equal: scratch holds what is still needed. */
int32_t mk_depthwise_conv2d_scratch_bytes(const struct mk_conv2d *op);
void mk_depthwise_conv2d_s8(const struct mk_conv2d *op, const int8_t *input, int8_t *output, void *scratch);

/* Transposed convolution: each input element adds a window of weights to the output. The window's first row and column
   fall onto output row y * stride_height - pad_top and column x * stride_width - pad_left; what is outside of the output
   is dropped. Weights as for a convolution; dilations are not read. */
int32_t mk_transpose_conv_scratch_bytes(const struct mk_conv2d *op);
void mk_transpose_conv_s8(const struct mk_conv2d *op, const int8_t *input, int8_t *output, void *scratch);

/* Fully connected: weights [output][input]. */
struct mk_fully_connected {
    int32_t inputs, outputs;
    int32_t input_zero_point;
    const int8_t *weights;
    const int32_t *bias;
    struct mk_output to_output;
};

int32_t mk_fully_connected_scratch_bytes(const struct mk_fully_connected *op);
void mk_fully_connected_s8(const struct mk_fully_connected *op, const int8_t *input, int8_t *output, void *scratch);

/* Products of matrices: output [rows][columns] = (first [rows][depth] - z1) * (second [depth][columns] - z2), for each of
   batches[0] * batches[1] * batches[2] pairs. A transposed operand is stored the other way round. `steps` are elements
   from one matrix to the next along each axis of batches: 0 where one serves all (broadcast). Fastest where
   transpose_first is 0 and transpose_second 1. */
struct mk_batch_matmul {
    int32_t rows, depth, columns;
    int32_t batches[3], first_steps[3], second_steps[3];
    int32_t transpose_first, transpose_second;
    int32_t zero_points[2];
    struct mk_output to_output; /* per_channel 0 */
};

int32_t mk_batch_matmul_scratch_bytes(const struct mk_batch_matmul *op);
void mk_batch_matmul_s8(const struct mk_batch_matmul *op, const int8_t *first, const int8_t *second, int8_t *output,
                        void *scratch);

/* Pooling. Padding does not count. An average is rounded half away from zero. */
struct mk_pool {
    struct mk_shape input, output;
    int32_t kernel_height, kernel_width;
    int32_t stride_height, stride_width;
    int32_t pad_top, pad_left;
    int32_t activation_min, activation_max;
};

void mk_average_pool_s8(const struct mk_pool *op, const int8_t *input, int8_t *output);
void mk_max_pool_s8(const struct mk_pool *op, const int8_t *input, int8_t *output);

/* Mean over height and width, with a scale of its own: output = sum * (input scale / (count * output scale)). */
struct mk_mean {
    struct mk_shape input;
    int32_t input_zero_point;
    struct mk_output to_output; /* per_channel 0 */
};

void mk_mean_s8(const struct mk_mean *op, const int8_t *input, int8_t *output);

/* Sum over height and width: output = sum * (input scale / output scale). */
void mk_sum_s8(const struct mk_mean *op, const int8_t *input, int8_t *output);

/* Element by element. Integer rounding: both inputs are moved left by `left_shift`, scaled to the larger of the two
   scales doubled, added, scaled to the output. Float rounding: round(((x1 - z1) * s1 + (x2 - z2) * s2) / s + z). */
struct mk_add {
    int32_t size;
    int32_t left_shift;
    int32_t zero_points[2], multipliers[2], shifts[2];
    int32_t output_multiplier, output_shift;
    float input_scales[2], output_scale; /* float rounding only */
    int32_t output_zero_point, activation_min, activation_max;
};

void mk_add_s8(const struct mk_add *op, const int8_t *first, const int8_t *second, int8_t *output);

/* first - second; always with integers. */
void mk_sub_s8(const struct mk_add *op, const int8_t *first, const int8_t *second, int8_t *output);

/* output = (first - z1) * (second - z2) * factor + zero point. */
struct mk_mul {
    int32_t size;
    int32_t zero_points[2];
    struct mk_output to_output; /* per_channel 0 */
};

void mk_mul_s8(const struct mk_mul *op, const int8_t *first, const int8_t *second, int8_t *output);

/* The larger and the smaller of two elements; all tensors have one scale and zero point. */
void mk_maximum_s8(int32_t size, const int8_t *first, const int8_t *second, int8_t *output);
void mk_minimum_s8(int32_t size, const int8_t *first, const int8_t *second, int8_t *output);

/* Softmax over rows of `depth`. multiplier, shift: beta * input scale * 2^26 as a factor; differences to the largest
   input below `smallest_difference` give the smallest output. Output scale 1/256, zero point -128. */
struct mk_softmax {
    int32_t rows, depth;
    int32_t multiplier, shift;
    int32_t smallest_difference;
};

void mk_softmax_s8(const struct mk_softmax *op, const int8_t *input, int8_t *output);

/* The same with outputs of 16 bits: scale 1/65536, zero point -32768. */
void mk_softmax_s8_s16(const struct mk_softmax *op, const int8_t *input, int16_t *output);

/* Logarithm of softmax (beta 1): output scale 1/16, zero point 127. `to_input`: the inverse of multiplier and shift of
   `softmax`, 2^(31 - shift) / multiplier, as a factor. */
struct mk_log_softmax {
    struct mk_softmax softmax;
    struct mk_factor_q31 to_input;
};

void mk_log_softmax_s8(const struct mk_log_softmax *op, const int8_t *input, int8_t *output);

/* Spatial padding with a value. */
struct mk_pad {
    struct mk_shape input;
    int32_t top, bottom, left, right;
    int8_t value;
};

void mk_pad_s8(const struct mk_pad *op, const int8_t *input, int8_t *output);

/* From one scale and zero point to another: output = (input - z) * factor + zero point. RELU and other activations with
   it are the limits in `to_output`: RELU has its zero point as activation_min. */
struct mk_requantize {
    int32_t size;
    int32_t input_zero_point;
    struct mk_output to_output; /* per_channel 0 */
};

void mk_requantize_s8(const struct mk_requantize *op, const int8_t *input, int8_t *output);

/* Between real numbers and int8: output = round(input / scale) + zero point, halves away from zero, clamped; and
   output = scale * (input - zero point). Inputs must not be NaN. */
struct mk_quantize {
    int32_t size;
    float scale;
    int32_t zero_point;
};

void mk_quantize_s8(const struct mk_quantize *op, const float *input, int8_t *output);
void mk_dequantize_s8(const struct mk_quantize *op, const int8_t *input, float *output);

/* Patch by patch (MCUNetV2, arXiv 2110.15352): a tile of the last output is computed by itself, through several layers,
   and of every tensor between them only what that tile needs is ever there.

       struct mk_tile in = mk_tile_before(&conv, &out);                the part of the input that a part of the output needs
       struct mk_conv2d op = mk_conv2d_of_tile(&conv, &in, &out);      the same convolution on tensors of that size

   At the edges of the whole tensors a tile is smaller and has their padding. */
struct mk_tile {
    int32_t top, left, height, width;
};

struct mk_tile mk_tile_before(const struct mk_conv2d *op, const struct mk_tile *output);
struct mk_conv2d mk_conv2d_of_tile(const struct mk_conv2d *op, const struct mk_tile *input, const struct mk_tile *output);

/* Copy a tile out of a tensor of this shape, or into one. */
void mk_take_tile_s8(const struct mk_shape *shape, const struct mk_tile *tile, const int8_t *tensor, int8_t *output);
void mk_put_tile_s8(const struct mk_shape *shape, const struct mk_tile *tile, const int8_t *input, int8_t *tensor);

#ifdef __cplusplus
}
#endif

#include "mcusim_activations.h"
#include "mcusim_moves.h"
#include "mcusim_sequences.h"

#endif
