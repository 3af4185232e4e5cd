/* SPDX-License-Identifier: Apache-2.0 */
/* Some functions of a training step that TinyEngine has, by their names, parameters and meaning: plain loops of our own
   for the bindings of mcusim check; and some with a mistake, which must be found. */
#include <stdbool.h>
#include <stdint.h>

#include "mcusim_training.h"

#define API __attribute__((used, noinline, noipa))
#define POINTWISE_PARAMETERS                                                                                          \
    const float *gradients, const uint16_t rows, const uint16_t columns, const uint16_t outputs,                      \
        const int8_t *weights, const float *bias, float *result, const uint16_t result_rows,                          \
        const uint16_t result_columns, const uint16_t inputs, const float least, const float most, float *buffer,     \
        const uint16_t batches
#define UPDATE_PARAMETERS(kind)                                                                                       \
    const kind *input, const uint16_t rows, const uint16_t columns, const uint16_t inputs, const float *gradients,    \
        const float *bias, int8_t *weights, const uint16_t one_row, const uint16_t one_column, const uint16_t count,  \
        const float least, const float most, float *buffer, const uint16_t batches, const uint16_t groups,            \
        const float *factors, const float rate
#define IN_PLACE_PARAMETERS                                                                                           \
    float *gradients, const uint16_t rows, const uint16_t columns, const uint16_t channels, const int8_t *weights,    \
        const float *bias, float *result, const uint16_t result_rows, const uint16_t result_columns,                  \
        const uint16_t result_channels, const float least, const float most, float *buffer, const uint16_t batches,   \
        const int padding

static float clamp(float value, float least, float most)
{
    return value < least ? least : value > most ? most : value;
}

/* gradients of inputs */

API int32_t pointwise_conv_fp_4row4col_IOHW_int8weight(POINTWISE_PARAMETERS)
{
    (void)bias, (void)result_rows, (void)result_columns, (void)buffer, (void)batches;
    for (int32_t pixel = 0; pixel < rows * columns; pixel++)
        for (int32_t i = 0; i < inputs; i++) {
            float sum = 0;
            for (int32_t o = outputs - 1; o >= 0; o--) /* another order than the reference's */
                sum += gradients[pixel * outputs + o] * (float)weights[o * inputs + i];
            *result++ = clamp(sum, least, most);
        }
    return 0;
}

/* Keeps eleven bits of each product. */
API int32_t imprecise_pointwise(POINTWISE_PARAMETERS)
{
    (void)bias, (void)result_rows, (void)result_columns, (void)buffer, (void)batches;
    for (int32_t pixel = 0; pixel < rows * columns; pixel++)
        for (int32_t i = 0; i < inputs; i++) {
            float sum = 0;
            for (int32_t o = 0; o < outputs; o++) {
                union { float value; uint32_t bits; } product = {gradients[pixel * outputs + o] * (float)weights[o * inputs + i]};
                product.bits &= 0xFFFFE000u;
                sum += product.value;
            }
            *result++ = clamp(sum, least, most);
        }
    return 0;
}

/* One channel of a depthwise convolution's step back; `turned` is -1 where the kernel is not turned around. */
static float depthwise_sum(const float *gradients, int32_t rows, int32_t columns, int32_t channels,
                           const int8_t *weights, int32_t step, int32_t size, int32_t stride, int32_t y, int32_t x,
                           bool turned)
{
    float sum = 0;
    for (int32_t ky = 0; ky < size; ky++)
        for (int32_t kx = 0; kx < size; kx++) {
            int32_t up = y + size / 2 - ky, left = x + size / 2 - kx;
            if (up < 0 || left < 0 || up % stride || left % stride || up / stride >= rows || left / stride >= columns)
                continue;
            int32_t place = turned ? ky * size + kx : size * size - 1 - (ky * size + kx);
            sum += gradients[(up / stride * columns + left / stride) * channels] * (float)weights[place * step];
        }
    return sum;
}

API int32_t transpose_depthwise_conv_fp_kernel3_stride2_inpad1_outpad1_IOHW_int8weight_partialCH(
    float *gradients, const uint16_t rows, const uint16_t columns, const uint16_t channels, const int8_t *in_sram,
    const int8_t *in_flash, const uint16_t first, const float *bias, float *result, const uint16_t result_rows,
    const uint16_t result_columns, const uint16_t result_channels, const float least, const float most, float *buffer,
    const uint16_t batches, const int padding)
{
    (void)bias, (void)result_channels, (void)buffer, (void)batches, (void)padding;
    for (int32_t y = 0; y < result_rows; y++)
        for (int32_t x = 0; x < result_columns; x++)
            for (int32_t c = 0; c < channels; c++) {
                const int8_t *weights = c < first ? in_sram + c : in_flash + c - first;
                int32_t step = c < first ? first : channels - first;
                float sum = depthwise_sum(gradients + c, rows, columns, channels, weights, step, 3, 2, y, x, true);
                *result++ = clamp(sum, least, most);
            }
    return 0;
}

static void in_place(float *gradients, int32_t rows, int32_t columns, int32_t channels, const int8_t *weights,
                     float *plane, bool turned)
{
    for (int32_t c = 0; c < channels; c++) {
        for (int32_t i = 0; i < rows * columns; i++)
            plane[i] = gradients[i * channels + c];
        for (int32_t i = 0; i < rows * columns; i++)
            gradients[i * channels + c] = depthwise_sum(plane, rows, columns, 1, weights + c, channels, 5, 1,
                                                        i / columns, i % columns, turned);
    }
}

API int32_t transpose_depthwise_conv_fp_kernel5_stride1_inpad2_outpad0_IOHW_int8weight(IN_PLACE_PARAMETERS)
{
    (void)bias, (void)result, (void)result_rows, (void)result_columns, (void)result_channels, (void)least, (void)most;
    (void)batches, (void)padding;
    in_place(gradients, rows, columns, channels, weights, buffer, true);
    return 0;
}

API int32_t not_turned_depthwise(IN_PLACE_PARAMETERS)
{
    (void)bias, (void)result, (void)result_rows, (void)result_columns, (void)result_channels, (void)least, (void)most;
    (void)batches, (void)padding;
    in_place(gradients, rows, columns, channels, weights, buffer, false);
    return 0;
}

/* steps on weights */

static int8_t moved(int8_t weight, float gradient, float factor, float rate)
{
    return (int8_t)(int32_t)((float)weight - gradient * factor * rate);
}

static float weight_gradient(const float *input, const float *gradients, int32_t pixels, int32_t inputs, int32_t outputs)
{
    float sum = 0;
    for (int32_t pixel = 0; pixel < pixels; pixel++)
        sum += input[pixel * inputs] * gradients[pixel * outputs];
    return sum;
}

/* Moves each weight of `outputs` filters; output o's gradients are scaled by factors[o * apart]. */
static void update(const float *input, int32_t pixels, int32_t inputs, const float *gradients, int8_t *weights,
                   int32_t outputs, float least, float most, const float *factors, int32_t apart, float rate,
                   int8_t (*next)(int8_t weight, float gradient, float factor, float rate))
{
    for (int32_t o = 0; o < outputs; o++)
        for (int32_t i = 0; i < inputs; i++, weights++) {
            float sum = weight_gradient(input + i, gradients + o, pixels, inputs, outputs);
            *weights = next(*weights, clamp(sum, least, most), factors[o * apart], rate);
        }
}

API int32_t group_conv_fp_kernel4_stride1_pad0_in4x4_out1x1_uniweight_4row8col_inplace(UPDATE_PARAMETERS(float))
{
    (void)bias, (void)one_row, (void)one_column, (void)buffer, (void)batches;
    update(input, rows * columns, inputs, gradients, weights, count / groups, least, most, factors, 1, rate, moved);
    return 0;
}

API int32_t unclamped_update(UPDATE_PARAMETERS(float))
{
    (void)bias, (void)one_row, (void)one_column, (void)least, (void)most, (void)buffer, (void)batches;
    const float endless = __builtin_inff();
    update(input, rows * columns, inputs, gradients, weights, count / groups, -endless, endless, factors, 1, rate,
           moved);
    return 0;
}

/* The weight moves by a whole number that is cut, where it should be the new weight that is. */
static int8_t moved_by_cut_step(int8_t weight, float gradient, float factor, float rate)
{
    return (int8_t)(weight - (int32_t)(gradient * factor * rate));
}

API int32_t step_cut_update(UPDATE_PARAMETERS(float))
{
    (void)bias, (void)one_row, (void)one_column, (void)buffer, (void)batches;
    update(input, rows * columns, inputs, gradients, weights, count / groups, least, most, factors, 1, rate,
           moved_by_cut_step);
    return 0;
}

API int32_t one_factor_update(UPDATE_PARAMETERS(float))
{
    (void)bias, (void)one_row, (void)one_column, (void)buffer, (void)batches;
    update(input, rows * columns, inputs, gradients, weights, count / groups, least, most, factors, 0, rate, moved);
    return 0;
}

/* As the library has it: right only for ten outputs. */
API int32_t group_pointwise_conv_fp_in1x1_out1x1_1row10col_uniweight_int8input_inplace(UPDATE_PARAMETERS(int8_t))
{
    (void)rows, (void)columns, (void)bias, (void)one_row, (void)one_column, (void)buffer, (void)batches;
    int32_t outputs = count / groups;
    for (int32_t o = 0; o < outputs; o++)
        for (int32_t i = 0; i < inputs; i++)
            for (int32_t time = 0; time < outputs / 10; time++) {
                int8_t *weight = weights + (o % 10 ? o * inputs : o) + i;
                *weight = moved(*weight, clamp((float)input[i] * gradients[o], least, most), factors[o], rate);
            }
    return 0;
}

/* biases, masks, scales, parts */

API int32_t sum_4D_exclude(const float *input, const uint16_t n, const uint16_t h, const uint16_t w, const uint16_t c,
                           const uint16_t axis, float *output)
{
    for (int32_t i = 0; i < c && axis == 3; i++) {
        output[i] = 0;
        for (int32_t row = 0; row < n * h * w; row++)
            output[i] += input[row * c + i];
    }
    return 0;
}

API int32_t sum_without_last(const float *input, const uint16_t n, const uint16_t h, const uint16_t w, const uint16_t c,
                             const uint16_t axis, float *output)
{
    (void)axis;
    for (int32_t i = 0; i < c; i++) {
        output[i] = 0;
        for (int32_t row = 0; row + 1 < n * h * w; row++)
            output[i] += input[row * c + i];
    }
    return 0;
}

API int32_t where_zeros_inplace_bit(const unsigned char *mask, const uint16_t size, float *data)
{
    for (int32_t i = 0; i < size; i++)
        data[i] = mask[i / 8] >> (i % 8) & 1 ? data[i] : 0;
    return 0;
}

API int32_t zeros_where_not_clamped(const unsigned char *mask, const uint16_t size, float *data)
{
    for (int32_t i = 0; i < size; i++)
        data[i] = mask[i / 8] >> (i % 8) & 1 ? 0 : data[i];
    return 0;
}

API int32_t mul(const uint16_t size, const float *first, const float *second, float *output)
{
    for (int32_t i = 0; i < size; i++)
        output[i] = first[i] * second[i];
    return 0;
}

/* As the library has it: what it takes keeps its place. */
API int32_t strided_slice_4Dto4D(const float *input, const uint16_t n, const uint16_t c, const uint16_t h,
                                 const uint16_t w, const uint16_t *begin, const uint16_t *end, const uint16_t *stride,
                                 float *output, const uint16_t n_out, const uint16_t c_out, const uint16_t h_out,
                                 const uint16_t w_out)
{
    (void)n, (void)stride, (void)n_out;
    for (int32_t i = begin[0]; i < end[0]; i++)
        for (int32_t y = begin[2]; y < end[2]; y++)
            for (int32_t x = begin[3]; x < end[3]; x++)
                for (int32_t k = begin[1]; k < end[1]; k++)
                    output[((i * h_out + y) * w_out + x) * c_out + k] = input[((i * h + y) * w + x) * c + k];
    return 0;
}

/* the loss */

API int32_t LogSoftmax(const float *input, const uint16_t rows, const uint16_t columns, const uint16_t classes,
                       float *output, const uint16_t output_rows, const uint16_t output_columns,
                       const uint16_t output_classes)
{
    (void)rows, (void)columns, (void)output_rows, (void)output_columns, (void)output_classes;
    float largest = input[0], sum = 0;
    for (int32_t i = 1; i < classes; i++)
        largest = input[i] > largest ? input[i] : largest;
    for (int32_t i = 0; i < classes; i++)
        sum += mk_exp(input[i] - largest);
    for (int32_t i = 0; i < classes; i++)
        output[i] = input[i] - largest - mk_log(sum);
    return 0;
}

API int32_t tte_exp(const uint16_t size, const float *input, float *output)
{
    for (int32_t i = 0; i < size; i++)
        output[i] = mk_exp(input[i]);
    return 0;
}

API int32_t nll_loss(const float *input, const uint16_t rows, const uint16_t classes, const float *target,
                     const uint16_t count, float *output)
{
    (void)rows, (void)classes;
    for (int32_t i = 0; i < count; i++)
        if (target[i] > 0)
            output[0] = -input[i];
    return 0;
}
