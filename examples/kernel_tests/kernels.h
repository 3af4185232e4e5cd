/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel to be tested: a fully connected layer with int8 values, as TensorFlow Lite computes it. */
#ifndef KERNELS_H
#define KERNELS_H

#include <stdint.h>

struct layer {
    int32_t inputs, outputs;
    int32_t input_zero_point, output_zero_point;
    int32_t multiplier, shift; /* of the sums: multiplier / 2^31 * 2^shift, rounded twice as gemmlowp does */
    int32_t activation_min, activation_max;
};

/* weights: [output][input]; bias may be null. */
void fully_connected_s8(const struct layer *layer, const int8_t *input, const int8_t *weights, const int32_t *bias,
                        int8_t *output);

/* Runs a layer on what read_sensor gives and returns the index of the largest output. */
int32_t classify(const struct layer *layer, const int8_t *weights, const int32_t *bias);

/* A value of the sensor; tests put a Python function in its place. */
int8_t read_sensor(int32_t channel);

#endif
