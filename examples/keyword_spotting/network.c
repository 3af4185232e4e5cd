/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

void run_layer(const struct layer *layer, const int8_t *input, int8_t *output)
{
    switch (layer->kind) {
    case CONV2D:
        conv2d_s8(layer->op.conv2d, input, output);
        break;
    case CONV2D_1X1:
        conv2d_1x1_s8(layer->op.conv2d, input, output);
        break;
    case DEPTHWISE_CONV2D:
        depthwise_conv2d_s8(layer->op.conv2d, input, output);
        break;
    case AVERAGE_POOL:
        average_pool_s8(layer->op.average_pool, input, output);
        break;
    case FULLY_CONNECTED:
        fully_connected_s8(layer->op.fully_connected, input, output);
        break;
    case SOFTMAX:
        softmax_s8(layer->op.softmax, input, output);
        break;
    }
}
