/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that allocate what they return and free what they are given. Sizes are in bytes. */
#ifndef LAYERS_H
#define LAYERS_H

#include <stdint.h>

#define INPUT_SIZE 333
#define STEM_SIZE 741
#define SCRATCH_COUNT 59
#define SCRATCH_ITEM 3
#define FEATURES_SIZE 1210
#define GROWN_SIZE 1999
#define TABLE_SIZE 101
#define LEAKY_SIZE 247
#define SCORES_SIZE 10

int8_t *stem(int8_t *input);
int8_t *features(int8_t *input);
int8_t *grow(int8_t *input);
int8_t *leaky(int8_t *input);
int8_t *classify(int8_t *input);

#endif
