/* SPDX-License-Identifier: Apache-2.0 */
/* What the two ways to run the network share. */
#ifndef VWW_H
#define VWW_H

#include <stdint.h>

#include "model_data.h"

/* Runs one convolution; depthwise ones may have input and output at the same place. */
void run_convolution(const struct mk_conv2d *op, const char *name, const int8_t *input, int8_t *output);

/* Runs the first MODEL_PATCHED convolutions patch by patch. `room` is PATCH_ROOM_BYTES of the arena. */
void run_by_patches(const int8_t *input, int8_t *features, int8_t *room);

/* A patch is so many rows and columns of the features. Of two tensors that follow each other the largest pair has so
   many bytes, in a patch that no edge cuts: input and output of the first or of the third layer. */
#if !defined(PATCH_SIZE)
#define PATCH_SIZE 5
#endif
#define PATCH_THIRD (4 * PATCH_SIZE + 7) /* rows that the third layer reads */
#define PATCH_FIRST (2 * (PATCH_THIRD + 2) + 1)
#define PATCH_FIRST_BYTES (PATCH_FIRST * PATCH_FIRST * 3 + (PATCH_THIRD + 2) * (PATCH_THIRD + 2) * 8)
#define PATCH_THIRD_BYTES (PATCH_THIRD * PATCH_THIRD * (8 + 16))
#define PATCH_ROOM_BYTES (PATCH_FIRST_BYTES > PATCH_THIRD_BYTES ? PATCH_FIRST_BYTES : PATCH_THIRD_BYTES)

#endif
