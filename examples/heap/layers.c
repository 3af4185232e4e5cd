/* SPDX-License-Identifier: Apache-2.0 */
#include "layers.h"

#include "allocator.h"

/* Every output is made of several inputs, and all inputs are used. */
static void mix(const int8_t *input, int32_t inputs, int8_t *output, int32_t outputs)
{
    for (int32_t i = 0; i < outputs; i++)
        output[i] = (int8_t)(i + 1);
    for (int32_t i = 0; i < (inputs > outputs ? inputs : outputs); i++)
        output[i % outputs] = (int8_t)(3 * output[i % outputs] + input[i % inputs]);
}

int8_t *stem(int8_t *input)
{
    int8_t *output = malloc(STEM_SIZE);
    mix(input, INPUT_SIZE, output, STEM_SIZE);
    free(input);
    return output;
}

/* With a scratch buffer that starts as zeros. */
int8_t *features(int8_t *input)
{
    int8_t *scratch = calloc(SCRATCH_COUNT, SCRATCH_ITEM);
    int8_t *output = malloc(FEATURES_SIZE);
    for (int32_t i = 0; i < STEM_SIZE; i++)
        scratch[i % (SCRATCH_COUNT * SCRATCH_ITEM)] += input[i];
    mix(scratch, SCRATCH_COUNT * SCRATCH_ITEM, output, FEATURES_SIZE);
    free(scratch);
    free(input);
    return output;
}

/* Its output begins with its input. */
int8_t *grow(int8_t *input)
{
    int8_t *output = realloc(input, GROWN_SIZE);
    for (int32_t i = FEATURES_SIZE; i < GROWN_SIZE; i++)
        output[i] = (int8_t)(output[i - FEATURES_SIZE] ^ i);
    return output;
}

/* The table is forgotten: a leak, on purpose. */
int8_t *leaky(int8_t *input)
{
    int8_t *table = malloc(TABLE_SIZE);
    int8_t *output = malloc(LEAKY_SIZE);
    mix(input, GROWN_SIZE, table, TABLE_SIZE);
    mix(table, TABLE_SIZE, output, LEAKY_SIZE);
    free(input);
    return output;
}

int8_t *classify(int8_t *input)
{
    int8_t *output = malloc(SCORES_SIZE);
    mix(input, LEAKY_SIZE, output, SCORES_SIZE);
    free(input);
    return output;
}
