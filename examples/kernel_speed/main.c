/* SPDX-License-Identifier: Apache-2.0 */
/* The int8 kernels, each a layer of mcusim's profile: convolutions on shapes of MobileNet, then every other operator. */
#include "data.h"
#include "mcusim.h"
#include "print.h"

#include <stdint.h>

int8_t input[40 * 40 * 24], output[40 * 40 * 24], weights[256 * 256];
int32_t bias[MAX_CHANNELS];
static int32_t multipliers[MAX_CHANNELS], shifts[MAX_CHANNELS];
static float scales[MAX_CHANNELS];
uint32_t scratch[4096];

static uint32_t random_state = 1;

uint32_t next_random(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

void fill(int8_t *data, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        data[i] = (int8_t)next_random();
}

static uint32_t digest(const uint8_t *data, int32_t count)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (int32_t i = 0; i < count; i++)
        hash = (hash ^ data[i]) * 16777619u;
    return hash;
}

void report(const char *name, int32_t count, const char *unit, const void *data, int32_t bytes)
{
    print(name);
    print(": ");
    print_unsigned((uint32_t)count);
    print(" ");
    print(unit);
    print(", ");
    print_hex(digest(data, bytes));
    print("\n");
}

const struct mk_output per_channel = {
    .multipliers = multipliers,
    .shifts = shifts,
    .scales = scales,
    .per_channel = 1,
    .zero_point = -3,
    .activation_min = -128,
    .activation_max = 127,
};

const struct mk_output per_tensor = {
    .multipliers = multipliers,
    .shifts = shifts,
    .scales = scales,
    .zero_point = -3,
    .activation_min = -128,
    .activation_max = 127,
};

struct convolution {
    const char *name;
    int32_t size, channels, outputs, kernel, stride, depthwise;
};

/* MobileNetV1 0.25 and MCUNet (mcunet-vww1) at sizes of their layers. */
static const struct convolution convolutions[] = {
    {"conv 3x3 s2 3>16 80x80", 80, 3, 16, 3, 2, 0},
    {"conv 1x1 16>8 40x40", 40, 16, 8, 1, 1, 0},
    {"conv 1x1 8>24 40x40", 40, 8, 24, 1, 1, 0},
    {"conv 1x1 48>16 20x20", 20, 48, 16, 1, 1, 0},
    {"conv 1x1 16>48 20x20", 20, 16, 48, 1, 1, 0},
    {"conv 1x1 64>64 12x12", 12, 64, 64, 1, 1, 0},
    {"conv 1x1 96>160 5x5", 5, 96, 160, 1, 1, 0},
    {"conv 1x1 256>256 3x3", 3, 256, 256, 1, 1, 0},
    {"dw 3x3 16 40x40", 40, 16, 16, 3, 1, 1},
    {"dw 3x3 s2 48 20x20", 20, 48, 48, 3, 2, 1},
    {"dw 3x3 64 12x12", 12, 64, 64, 3, 1, 1},
    {"dw 5x5 96 10x10", 10, 96, 96, 5, 1, 1},
    {"dw 7x7 48 10x10", 10, 48, 48, 7, 1, 1},
};

static void convolve(const struct convolution *shape)
{
    const int32_t pad = shape->kernel / 2, size = (shape->size + shape->stride - 1) / shape->stride;
    const struct mk_conv2d op = {
        .input = {shape->size, shape->size, shape->channels},
        .output = {size, size, shape->outputs},
        .kernel_height = shape->kernel,
        .kernel_width = shape->kernel,
        .stride_height = shape->stride,
        .stride_width = shape->stride,
        .dilation_height = 1,
        .dilation_width = 1,
        .pad_top = pad,
        .pad_left = pad,
        .input_zero_point = -128,
        .weights = weights,
        .bias = bias,
        .to_output = per_channel,
    };
    const int32_t depth = shape->kernel * shape->kernel * (shape->depthwise ? 1 : shape->channels);

    fill(input, shape->size * shape->size * shape->channels);
    fill(weights, depth * shape->outputs);
    MCUSIM_LAYER(shape->name) {
        if (shape->depthwise)
            mk_depthwise_conv2d_s8(&op, input, output, scratch);
        else
            mk_conv2d_s8(&op, input, output, scratch);
    }
    report(shape->name, size * size * shape->outputs * depth, "MACs", output, size * size * shape->outputs);
}

int main(void)
{
    for (int32_t i = 0; i < MAX_CHANNELS; i++) {
        bias[i] = (int32_t)(next_random() & 0xFFFF) - 0x8000;
        multipliers[i] = (int32_t)(0x40000000u | (next_random() << 6 & 0x3FFFFFFFu));
        shifts[i] = -8 - (int32_t)(next_random() & 1);
        scales[i] = 1.0f / 512.0f;
    }
    for (uint32_t i = 0; i < sizeof convolutions / sizeof *convolutions; i++)
        convolve(&convolutions[i]);
    run_operators();
    return 0;
}
