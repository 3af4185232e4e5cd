/* SPDX-License-Identifier: Apache-2.0 */
/* A network is a list of layers, each reading what the one before it wrote. */
#ifndef NETWORK_H
#define NETWORK_H

#include "operators.h"

enum operator_kind {
    CONV2D,
    CONV2D_1X1,
    DEPTHWISE_CONV2D,
    AVERAGE_POOL,
    FULLY_CONNECTED,
    SOFTMAX,
};

struct layer {
    enum operator_kind kind;
    const char *name;
    struct shape output;
    union {
        const struct conv2d *conv2d; /* all three convolutions */
        const struct average_pool *average_pool;
        const struct fully_connected *fully_connected;
        const struct softmax *softmax;
    } op;
};

void run_layer(const struct layer *layer, const int8_t *input, int8_t *output);

#endif
