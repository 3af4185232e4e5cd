/* SPDX-License-Identifier: Apache-2.0 */
/* Two inferences of a small network. Factors are sums of few powers of two, so that a model's float32 scales give them
   exactly; tests/test_verify.py has the same numbers. */
#include "mcusim_kernels.h"
#include "print.h"

#define SIDE 6
#define CHANNELS 4
#define CLASSES 5

static int8_t conv_weights[CHANNELS * 9 * 2], depthwise_weights[9 * CHANNELS], dense_weights[CLASSES * 9 * CHANNELS];
static const int32_t conv_bias[CHANNELS] = {100, -200, 300, -400};
static const int32_t depthwise_bias[CHANNELS] = {-50, 60, -70, 80};
static const int32_t dense_bias[CLASSES] = {500, -400, 300, -200, 100};
/* 3 * 2^-9, 5 * 2^-10, 7 * 2^-10, 9 * 2^-11 */
static const int32_t conv_multipliers[CHANNELS] = {0x60000000, 0x50000000, 0x70000000, 0x48000000};
static const int32_t conv_shifts[CHANNELS] = {-7, -7, -7, -7};
/* 3 * 2^-8, 5 * 2^-9, 7 * 2^-9, 9 * 2^-10 */
static const int32_t depthwise_shifts[CHANNELS] = {-6, -6, -6, -6};
static const int32_t dense_multipliers[1] = {0x60000000}, dense_shifts[1] = {-7};

static const struct mk_conv2d conv = {
    .input = {SIDE, SIDE, 2}, .output = {SIDE, SIDE, CHANNELS}, .kernel_height = 3, .kernel_width = 3,
    .stride_height = 1, .stride_width = 1, .dilation_height = 1, .dilation_width = 1, .pad_top = 1, .pad_left = 1,
    .input_zero_point = 3, .weights = conv_weights, .bias = conv_bias,
    .to_output = {.multipliers = conv_multipliers, .shifts = conv_shifts, .per_channel = 1, .zero_point = -5,
                  .activation_min = -128, .activation_max = 127},
};
static const struct mk_conv2d depthwise = {
    .input = {SIDE, SIDE, CHANNELS}, .output = {SIDE, SIDE, CHANNELS}, .kernel_height = 3, .kernel_width = 3,
    .stride_height = 1, .stride_width = 1, .dilation_height = 1, .dilation_width = 1, .pad_top = 1, .pad_left = 1,
    .input_zero_point = -5, .weights = depthwise_weights, .bias = depthwise_bias,
    .to_output = {.multipliers = conv_multipliers, .shifts = depthwise_shifts, .per_channel = 1, .zero_point = 7,
                  .activation_min = -128, .activation_max = 127},
};
static const struct mk_pool pool = {
    .input = {SIDE, SIDE, CHANNELS}, .output = {3, 3, CHANNELS}, .kernel_height = 2, .kernel_width = 2,
    .stride_height = 2, .stride_width = 2, .activation_min = -128, .activation_max = 127,
};
static const struct mk_fully_connected dense = {
    .inputs = 9 * CHANNELS, .outputs = CLASSES, .input_zero_point = 7, .weights = dense_weights, .bias = dense_bias,
    .to_output = {.multipliers = dense_multipliers, .shifts = dense_shifts, .per_channel = 0, .zero_point = 11,
                  .activation_min = -128, .activation_max = 127},
};
/* The scale of its input is 1/16. */
static const struct mk_softmax softmax = {
    .rows = 1, .depth = CLASSES, .multiplier = 0x40000000, .shift = 23, .smallest_difference = -248,
};

static int8_t input[SIDE * SIDE * 2], arena[2][SIDE * SIDE * CHANNELS];
static uint32_t scratch[256];

static void fill(int8_t *to, uint32_t count, uint32_t seed)
{
    for (uint32_t i = 0; i < count; i++) {
        seed = seed * 1103515245u + 12345u;
        to[i] = (int8_t)(seed >> 16);
    }
}

int main(void)
{
    fill(conv_weights, sizeof conv_weights, 1);
    fill(depthwise_weights, sizeof depthwise_weights, 2);
    fill(dense_weights, sizeof dense_weights, 3);
    for (uint32_t inference = 0; inference < 2; inference++) {
        fill(input, sizeof input, 4 + inference);
        mk_conv2d_s8(&conv, input, arena[0], scratch);
        mk_depthwise_conv2d_s8(&depthwise, arena[0], arena[0], scratch);
        mk_average_pool_s8(&pool, arena[0], arena[1]);
        mk_fully_connected_s8(&dense, arena[1], arena[0], scratch);
        mk_softmax_s8(&softmax, arena[0], arena[1]);
        for (int32_t i = 0; i < CLASSES; i++) {
            print(i ? " " : "");
            print_signed(arena[1][i]);
        }
        print("\n");
    }
    return 0;
}
