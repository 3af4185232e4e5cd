/* SPDX-License-Identifier: Apache-2.0 */
/* A pointwise convolution: at each pixel every output channel is a sum over all input channels. */
#ifndef POINTWISE_H
#define POINTWISE_H

#include "operators.h"

struct pointwise {
    struct shape input, output;
    int32_t input_zero_point;
    const int8_t *weights; /* by input channel: [input][output]; with WEIGHTS_BY_OUTPUT: [output][input] */
    const int32_t *bias;   /* this and the next two: one for each output channel */
    const int32_t *multiplier, *shift;
    int32_t output_zero_point;
    int32_t min, max;
};

void pointwise_conv2d_s8(const struct pointwise *op, const int8_t *input, int8_t *output);

#endif
