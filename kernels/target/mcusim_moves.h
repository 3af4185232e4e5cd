/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that move elements, find them, or lie between them. Part of mcusim_kernels.h.

   Tensors have up to MK_AXES axes here. Elements of more than a byte are one more axis, the last, that is moved whole. */
#ifndef MCUSIM_MOVES_H
#define MCUSIM_MOVES_H

#include "mcusim_types.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MK_AXES 6

/* Copy a box of elements: `lengths` elements along each axis, `input_steps` and `output_steps` elements apart (any
   number: negative goes backwards, 0 repeats), from input[input_start] to output[output_start]. Axes are merged where the
   functions below can, so that the last one is long. Input and output must not overlap. */
struct mk_copy {
    int32_t axes;
    int32_t lengths[MK_AXES], input_steps[MK_AXES], output_steps[MK_AXES];
    int32_t input_start, output_start;
};

void mk_copy_s8(const struct mk_copy *op, const int8_t *input, int8_t *output);

/* TRANSPOSE: axis i of the output is axis permutation[i] of the input, whose shape is `lengths`. */
struct mk_copy mk_transpose_of(int32_t axes, const int32_t *lengths, const int32_t *permutation);

/* SLICE: the box of `sizes` at `begin`; -1 is what is left of an axis. */
struct mk_copy mk_slice_of(int32_t axes, const int32_t *lengths, const int32_t *begin, const int32_t *sizes);

/* STRIDED_SLICE: every stride-th element from `begin` to before `end`. Negative positions count from the end; bit i of a
   mask takes axis i from its start, to its end, or one element of it (`shrink_axis_mask`); with `offset`, `end` counts from
   `begin`. (TensorFlow Lite's definition.) */
struct mk_strided_slice {
    int32_t axes;
    int32_t lengths[MK_AXES], begin[MK_AXES], end[MK_AXES], strides[MK_AXES];
    uint32_t begin_mask, end_mask, shrink_axis_mask;
    int32_t offset;
};

struct mk_copy mk_strided_slice_of(const struct mk_strided_slice *op);

/* Repeat a tensor of shape `from` along its axes of length 1, so that it has shape `to`: what element-by-element
   operators need of the smaller of two inputs. */
struct mk_copy mk_broadcast_of(int32_t axes, const int32_t *from, const int32_t *to);

/* RESHAPE, SQUEEZE, EXPAND_DIMS: the same elements. Does nothing where output is input; they may overlap. */
void mk_reshape_s8(int32_t size, const int8_t *input, int8_t *output);

/* CONCATENATION and SPLIT along an axis: `outer` is the product of the lengths before it; part i has `sizes[i]` elements
   from there on, its length along the axis times the product of those behind. */
struct mk_parts {
    int32_t count, outer;
    const int32_t *sizes;
};

void mk_concatenation_s8(const struct mk_parts *op, const int8_t *const *inputs, int8_t *output);
void mk_split_s8(const struct mk_parts *op, const int8_t *input, int8_t *const *outputs);

/* GATHER: slices of `inner` elements along an axis of `length`, `indices` of them for each of `batches`; `outer` is the
   product of the lengths between the batches' axes and this one. EMBEDDING_LOOKUP has batches 1 and outer 1. */
struct mk_gather {
    int32_t batches, outer, length, inner, indices;
};

void mk_gather_s8(const struct mk_gather *op, const int8_t *input, const int32_t *indices, int8_t *output);

/* Rows of a table by their numbers: EMBEDDING_LOOKUP. */
struct mk_embedding {
    int32_t count, row_size;
};

void mk_embedding_lookup_s8(const struct mk_embedding *op, const int32_t *indices, const int8_t *table, int8_t *output);

/* ARG_MAX and ARG_MIN along an axis of `length`, the first of several; `outer` and `inner` are the products of the lengths
   before and behind it. The output has outer * inner indices. */
struct mk_argmax {
    int32_t outer, length, inner;
    int32_t smallest;
};

void mk_argmax_s8(const struct mk_argmax *op, const int8_t *input, int32_t *output);

/* RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR; input and output have as many channels. */
struct mk_resize {
    struct mk_shape input, output;
    int32_t align_corners, half_pixel_centers;
};

int32_t mk_resize_nearest_scratch_bytes(const struct mk_resize *op);
void mk_resize_nearest_s8(const struct mk_resize *op, const int8_t *input, int8_t *output, void *scratch);
int32_t mk_resize_bilinear_scratch_bytes(const struct mk_resize *op);
void mk_resize_bilinear_s8(const struct mk_resize *op, const int8_t *input, int8_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
