/* SPDX-License-Identifier: Apache-2.0 */
/* Written by generate.py. */
#ifndef MODEL_DATA_H
#define MODEL_DATA_H

#include "network.h"

#define MODEL_LAYERS 12
#define MODEL_CLASSES 12
#define MODEL_LARGEST_OUTPUT 8000

extern const struct shape model_input_shape;
extern const int8_t model_input[490];
extern const struct layer model_layers[MODEL_LAYERS];
extern const char *const model_class_names[MODEL_CLASSES];

#endif
