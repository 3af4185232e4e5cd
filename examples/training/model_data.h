/* SPDX-License-Identifier: Apache-2.0 */
/* Written by generate.py. */
#ifndef MODEL_DATA_H
#define MODEL_DATA_H

#include "mcusim_training.h"

#define MODEL_CLASSES 3
#define MODEL_CONVOLUTIONS 9
#define MODEL_LAYERS (MODEL_CONVOLUTIONS + 1) /* the classifier is the last */
#define MODEL_STEPS 9
#define MODEL_IMAGE_BYTES 768
#define MODEL_LOGIT_SCALE 0x1.0000000000000p-4f

/* Layers from MODEL_FIRST_TRAINED on are trained. */
#if defined(FULL)
#define MODEL_FIRST_TRAINED 0
#define MODEL_ARENA_BYTES 27660
#elif defined(SPARSE)
#define MODEL_FIRST_TRAINED 5
#define MODEL_ARENA_BYTES 12428
#elif defined(REORDERED)
#define MODEL_FIRST_TRAINED 5
#define MODEL_ARENA_BYTES 6192
#else
#error "define FULL, SPARSE or REORDERED"
#endif

/* Where a trained layer's parameters lie, and the factors of quantisation-aware scaling. */
struct model_trained {
    int8_t *weights;
    int32_t *bias;
    const float *weight_factors, *bias_factors;
};

/* Offsets of tensors in the arena, by layer; -1 where there is none. A weight gradient is followed by its bias's. */
struct model_plan {
    int32_t activation[MODEL_LAYERS], mask[MODEL_LAYERS], gradient[MODEL_LAYERS], weight_gradient[MODEL_LAYERS];
    int32_t pooled, pooled_gradient;
};

extern const int8_t model_images[MODEL_CLASSES][MODEL_IMAGE_BYTES]; /* one of each class */
extern const char *const model_names[MODEL_LAYERS];
extern const char *const model_backward_names[MODEL_CONVOLUTIONS];
extern const int32_t model_is_depthwise[MODEL_CONVOLUTIONS];
extern const struct mk_conv2d model_convolutions[MODEL_CONVOLUTIONS];
extern const struct mk_pool model_pool;
extern const struct mk_fully_connected model_classifier;
extern const struct model_trained model_trained[MODEL_LAYERS];
extern const struct mk_sgd model_sgd;
extern const struct model_plan model_plan;

#endif
