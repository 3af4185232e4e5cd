/* SPDX-License-Identifier: Apache-2.0 */
/* Written by generate.py. */
#ifndef MODEL_DATA_H
#define MODEL_DATA_H

#include "mcusim_kernels.h"

#define MODEL_CONVOLUTIONS 15
#define MODEL_PATCHED 8
#define MODEL_CLASSES 2

extern const int8_t model_input[19200];
extern const struct mk_conv2d model_convolutions[MODEL_CONVOLUTIONS];
extern const char *const model_names[MODEL_CONVOLUTIONS]; /* they begin with "depthwise" where they are */
extern const struct mk_pool model_pool;
extern const struct mk_fully_connected model_classifier;
extern const struct mk_softmax model_softmax;

#endif
