/* SPDX-License-Identifier: Apache-2.0 */
#include "int8_layers.h"

#define W1(n) (int8_t)((n) * 73 % 251 - 125)
#define W4(n) W1(n), W1((n) + 1), W1((n) + 2), W1((n) + 3)
#define W16(n) W4(n), W4((n) + 4), W4((n) + 8), W4((n) + 12)
#define W64(n) W16(n), W16((n) + 16), W16((n) + 32), W16((n) + 48)
#define W256(n) W64(n), W64((n) + 64), W64((n) + 128), W64((n) + 192)
#define W1024(n) W256(n), W256((n) + 256), W256((n) + 512), W256((n) + 768)

const int8_t weights[WEIGHTS_SIZE] = {
    W1024(0), W1024(1024), W1024(2048), W1024(3072), W1024(4096), W1024(5120), W256(6144),
};

static int8_t saturate(int32_t value)
{
    return (int8_t)(value < INT8_MIN ? INT8_MIN : value > INT8_MAX ? INT8_MAX : value);
}

void conv2d_s8(const struct conv2d *op, const int8_t *input, int8_t *output)
{
    const int32_t channels = op->input.channels;

    for (int32_t y = 0; y < op->output.height; y++)
        for (int32_t x = 0; x < op->output.width; x++)
            for (int32_t channel = 0; channel < op->output.channels; channel++) {
                const int8_t *kernel = op->weights + channel * op->kernel_height * op->kernel_width * channels;
                int32_t sum = 0;
                for (int32_t ky = 0; ky < op->kernel_height; ky++)
                    for (int32_t kx = 0; kx < op->kernel_width; kx++, kernel += channels) {
                        const int32_t row = y * op->stride - op->pad_top + ky;
                        const int32_t column = x * op->stride - op->pad_left + kx;
                        if (row < 0 || row >= op->input.height || column < 0 || column >= op->input.width)
                            continue;
                        const int8_t *pixel = input + (row * op->input.width + column) * channels;
                        for (int32_t i = 0; i < channels; i++)
                            sum += pixel[i] * kernel[i];
                    }
                *output++ = saturate(sum >> op->shift);
            }
}

void max_pool_rows_s8(const struct shape *input_shape, const int8_t *input, int8_t *output)
{
    const int32_t row = input_shape->width * input_shape->channels;

    for (int32_t y = 0; y + 1 < input_shape->height; y += 2, input += 2 * row)
        for (int32_t i = 0; i < row; i++)
            *output++ = input[i] > input[row + i] ? input[i] : input[row + i];
}

void add_s8(int8_t *sum, const int8_t *other, int32_t size)
{
    for (int32_t i = 0; i < size; i++)
        sum[i] = (int8_t)((sum[i] + other[i]) >> 1);
}

void leaky_relu_s8(int8_t *values, int32_t size)
{
    for (int32_t i = 0; i < size; i++)
        values[i] = (int8_t)(values[i] < 0 ? values[i] >> 3 : values[i]);
}

void fully_connected_s8(const int8_t *rows, int32_t shift, const int8_t *input, int32_t inputs, int8_t *output,
                        int32_t outputs)
{
    for (int32_t i = 0; i < outputs; i++, rows += inputs) {
        int32_t sum = 0;
        for (int32_t j = 0; j < inputs; j++)
            sum += input[j] * rows[j];
        output[i] = saturate(sum >> shift);
    }
}

void fill_s8(int8_t *values, int32_t size)
{
    uint32_t state = 1;
    for (int32_t i = 0; i < size; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (int8_t)(state >> 24);
    }
}

uint32_t checksum_s8(const int8_t *values, int32_t size)
{
    uint32_t low = 1, high = 0;
    for (int32_t i = 0; i < size; i++) {
        low = (low + (uint8_t)values[i]) % 65521;
        high = (high + low) % 65521;
    }
    return high << 16 | low;
}
