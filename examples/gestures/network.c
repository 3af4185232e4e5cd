/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

#include "model_data.h"
#include "operators.h"
#include "pointwise.h"

#define RELU(layer) {layer##_multiplier, layer##_shift, .zero_point = -128, .min = -128, .max = 127}

static const struct conv2d first = {
    .input = {24, 24, 1}, .output = {12, 12, 8}, .kernel_height = 3, .kernel_width = 3, .stride = 2,
    .pad_top = 0, .pad_left = 0, .input_zero_point = -128,
    .weights = first_weights, .bias = first_bias, .stage = RELU(first),
};
static const struct conv2d second = {
    .input = {12, 12, 8}, .output = {12, 12, 8}, .kernel_height = 3, .kernel_width = 3, .stride = 1,
    .pad_top = 1, .pad_left = 1, .input_zero_point = -128,
    .weights = second_weights, .bias = second_bias, .stage = RELU(second),
};
static const struct pointwise third = {
    .input = {12, 12, 8}, .output = {12, 12, 32}, .input_zero_point = -128,
    .weights = third_weights, .bias = third_bias, .multiplier = third_multiplier, .shift = third_shift,
    .output_zero_point = -128, .min = -128, .max = 127,
};
static const struct conv2d fourth = {
    .input = {12, 12, 32}, .output = {6, 6, 32}, .kernel_height = 3, .kernel_width = 3, .stride = 2,
    .pad_top = 0, .pad_left = 0, .input_zero_point = -128,
    .weights = fourth_weights, .bias = fourth_bias, .stage = RELU(fourth),
};
static const struct pointwise fifth = {
    .input = {6, 6, 32}, .output = {6, 6, 128}, .input_zero_point = -128,
    .weights = fifth_weights, .bias = fifth_bias, .multiplier = fifth_multiplier, .shift = fifth_shift,
    .output_zero_point = -128, .min = -128, .max = 127,
};
static const struct average_pool pool = {.input = {6, 6, 128}};
static const struct fully_connected last = {
    .inputs = 128, .outputs = GESTURES, .input_zero_point = -128,
    .weights = last_weights, .bias = last_bias,
    .stage = {last_multiplier, last_shift, .zero_point = 0, .min = -128, .max = 127},
};

/* Layers read one half and write the other one. */
static int8_t arena[2][12 * 12 * 32];

void network_run(int8_t scores[GESTURES])
{
    conv2d_s8(&first, picture, arena[0]);
    depthwise_conv2d_s8(&second, arena[0], arena[1]);
    pointwise_conv2d_s8(&third, arena[1], arena[0]);
    depthwise_conv2d_s8(&fourth, arena[0], arena[1]);
    pointwise_conv2d_s8(&fifth, arena[1], arena[0]);
    average_pool_s8(&pool, arena[0], arena[1]);
    fully_connected_s8(&last, arena[1], scores);
}
