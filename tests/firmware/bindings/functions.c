/* SPDX-License-Identifier: Apache-2.0 */
/* Some functions of CMSIS-NN and TinyEngine, by their names, parameters and meaning: plain loops of our own, so that
   the bindings of mcusim check have something to call. Three are not as the libraries have them, and say so. */
#include <stdbool.h>
#include <stdint.h>

#include "arithmetic.h"

#define API __attribute__((used, noinline, noipa))
#define AXES 4

struct context { void *buf; int32_t size; };
struct dims { int32_t n, h, w, c; };
struct tile { int32_t w, h; };
struct activation { int32_t min, max; };
struct channel_quant { const int32_t *multiplier, *shift; };
struct tensor_quant { int32_t multiplier, shift; };
struct fc_params { int32_t input_offset, filter_offset, output_offset; struct activation activation; };
struct bmm_params { bool adj_x, adj_y; struct fc_params fc; };
struct transpose_params { int32_t num_dims; const uint32_t *permutations; };
struct transpose_conv_params {
    int32_t input_offset, output_offset;
    struct tile stride, padding, padding_offsets, dilation;
    struct activation activation;
};
struct svdf_params {
    int32_t rank, input_offset, output_offset;
    struct activation input_activation, output_activation;
};

/* sums */

API int32_t arm_elementwise_mul_s8(const int8_t *first, const int8_t *second, int32_t first_offset,
                                   int32_t second_offset, int8_t *output, int32_t out_offset, int32_t multiplier,
                                   int32_t shift, int32_t low, int32_t high, int32_t size)
{
    for (int32_t i = 0; i < size; i++) {
        int32_t product = (first[i] + first_offset) * (second[i] + second_offset);
        output[i] = (int8_t)mk_clamp(mk_scale_double(product, multiplier, shift) + out_offset, low, high);
    }
    return 0;
}

API int32_t arm_batch_matmul_s8(const struct context *context, const struct bmm_params *params,
                                const struct tensor_quant *quant, const struct dims *first_dims, const int8_t *first,
                                const struct dims *second_dims, const int8_t *second, const struct dims *output_dims,
                                int8_t *output)
{
    (void)context;
    const struct fc_params *fc = &params->fc;
    for (int32_t n = 0; n < output_dims->n; n++)
        for (int32_t h = 0; h < output_dims->h; h++) {
            int32_t left = (first_dims->n > 1 ? n : 0) * first_dims->h + (first_dims->h > 1 ? h : 0);
            int32_t right = (second_dims->n > 1 ? n : 0) * second_dims->h + (second_dims->h > 1 ? h : 0);
            for (int32_t row = 0; row < output_dims->w; row++)
                for (int32_t column = 0; column < output_dims->c; column++) {
                    const int8_t *a = first + (left * first_dims->w + row) * first_dims->c;
                    const int8_t *b = second + (right * second_dims->w + column) * second_dims->c;
                    int32_t sum = 0;
                    for (int32_t i = 0; i < first_dims->c; i++)
                        sum += (a[i] + fc->input_offset) * (b[i] + fc->filter_offset);
                    sum = mk_scale_double(sum, quant->multiplier, quant->shift) + fc->output_offset;
                    *output++ = (int8_t)mk_clamp(sum, fc->activation.min, fc->activation.max);
                }
        }
    return 0;
}

API int32_t arm_transpose_conv_s8(const struct context *context, const struct context *turned,
                                  const struct transpose_conv_params *params, const struct channel_quant *quant,
                                  const struct dims *in, const int8_t *input, const struct dims *filter,
                                  const int8_t *weights, const struct dims *bias_dims, const int32_t *bias,
                                  const struct dims *out, int8_t *output)
{
    (void)context, (void)turned, (void)bias_dims;
    for (int32_t n = 0; n < out->n; n++)
        for (int32_t y = 0; y < out->h; y++)
            for (int32_t x = 0; x < out->w; x++)
                for (int32_t o = 0; o < out->c; o++) {
                    int32_t sum = bias[o];
                    for (int32_t ky = 0; ky < filter->h; ky++)
                        for (int32_t kx = 0; kx < filter->w; kx++) {
                            int32_t top = y + params->padding.h - ky, left = x + params->padding.w - kx;
                            if (top < 0 || left < 0 || top % params->stride.h || left % params->stride.w)
                                continue;
                            top /= params->stride.h, left /= params->stride.w;
                            if (top >= in->h || left >= in->w)
                                continue;
                            const int8_t *pixel = input + ((n * in->h + top) * in->w + left) * in->c;
                            const int8_t *kernel = weights + ((o * filter->h + ky) * filter->w + kx) * in->c;
                            for (int32_t i = 0; i < in->c; i++)
                                sum += kernel[i] * (pixel[i] + params->input_offset);
                        }
                    sum = mk_scale_double(sum, quant->multiplier[o], quant->shift[o]) + params->output_offset;
                    *output++ = (int8_t)mk_clamp(sum, params->activation.min, params->activation.max);
                }
    return 0;
}

/* Sums go to the buffer of units, one batch after the other. */
API int32_t arm_svdf_s8(const struct context *context, const struct context *filters_buffer,
                        const struct context *units_buffer, const struct svdf_params *params,
                        const struct tensor_quant *first, const struct tensor_quant *last, const struct dims *in,
                        const int8_t *input, const struct dims *state_dims, int8_t *state, const struct dims *features,
                        const int8_t *feature_weights, const struct dims *times, const int8_t *time_weights,
                        const struct dims *bias_dims, const int32_t *bias, const struct dims *out, int8_t *output)
{
    (void)context, (void)filters_buffer, (void)state_dims, (void)bias_dims, (void)out;
    int32_t memory = times->h, units = features->n / params->rank, *sums = units_buffer->buf;
    for (int32_t n = 0; n < in->n; n++)
        for (int32_t f = 0; f < features->n; f++) {
            int8_t *row = state + (n * features->n + f) * memory;
            int32_t sum = 0, total = 0;
            for (int32_t i = 0; i < in->h; i++)
                sum += feature_weights[f * in->h + i] * (input[n * in->h + i] - params->input_offset);
            for (int32_t t = 0; t + 1 < memory; t++)
                row[t] = row[t + 1];
            sum = mk_scale_double(sum, first->multiplier, first->shift);
            row[memory - 1] = (int8_t)mk_clamp(sum, params->input_activation.min, params->input_activation.max);
            for (int32_t t = 0; t < memory; t++)
                total += row[t] * time_weights[f * memory + t];
            int32_t unit = f / params->rank;
            sums[unit] = (f % params->rank ? sums[unit] : bias[unit]) + total;
            if ((f + 1) % params->rank == 0) {
                total = mk_scale_double(sums[unit], last->multiplier, last->shift) + params->output_offset;
                total = mk_clamp(total, params->output_activation.min, params->output_activation.max);
                output[n * units + unit] = (int8_t)total;
            }
        }
    return 0;
}

/* For a test to put a function of its own in its place: this one does nothing, and succeeds. */
API int32_t arm_lstm_unidirectional_s8(const int8_t *input, int8_t *output, const void *params, void *buffers)
{
    (void)input, (void)output, (void)params, (void)buffers;
    return 0;
}

/* element by element */

static int32_t place_in(const struct dims *dims, int32_t n, int32_t h, int32_t w, int32_t c)
{
    n = dims->n > 1 ? n : 0, h = dims->h > 1 ? h : 0, w = dims->w > 1 ? w : 0, c = dims->c > 1 ? c : 0;
    return ((n * dims->h + h) * dims->w + w) * dims->c + c;
}

API int32_t arm_minimum_s8(const struct context *context, const int8_t *first, const struct dims *first_dims,
                           const int8_t *second, const struct dims *second_dims, int8_t *output,
                           const struct dims *out)
{
    (void)context;
    for (int32_t n = 0; n < out->n; n++)
        for (int32_t h = 0; h < out->h; h++)
            for (int32_t w = 0; w < out->w; w++)
                for (int32_t c = 0; c < out->c; c++) {
                    int8_t a = first[place_in(first_dims, n, h, w, c)], b = second[place_in(second_dims, n, h, w, c)];
                    *output++ = a < b ? a : b;
                }
    return 0;
}

API void arm_relu_q7(int8_t *data, uint16_t size)
{
    for (int32_t i = 0; i < size; i++)
        data[i] = data[i] < 0 ? 0 : data[i];
}

API void arm_relu6_s8(int8_t *data, uint16_t size)
{
    for (int32_t i = 0; i < size; i++)
        data[i] = (int8_t)mk_clamp(data[i], 0, 6);
}

/* Not as the library has it: with another parameter. */
API void arm_relu_q15(int16_t *data, uint16_t size, int32_t slope)
{
    for (int32_t i = 0; i < size; i++)
        data[i] = (int16_t)(data[i] < 0 ? data[i] * slope : data[i]);
}

/* Not as the library has it: right only for small tensors; behind the 40th element it puts zero. */
API void arm_reshape_s8(const int8_t *input, int8_t *output, const uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        output[i] = i < 40 ? input[i] : 0;
}

/* moves */

API int32_t arm_pad_s8(const int8_t *input, int8_t *output, const int8_t value, const struct dims *in,
                       const struct dims *before, const struct dims *after)
{
    int32_t h_all = before->h + in->h + after->h, w_all = before->w + in->w + after->w;
    int32_t c_all = before->c + in->c + after->c, n_all = before->n + in->n + after->n;
    for (int32_t n = 0; n < n_all; n++)
        for (int32_t h = 0; h < h_all; h++)
            for (int32_t w = 0; w < w_all; w++)
                for (int32_t c = 0; c < c_all; c++) {
                    int32_t y = h - before->h, x = w - before->w, z = c - before->c, m = n - before->n;
                    bool inside = m >= 0 && m < in->n && y >= 0 && y < in->h && x >= 0 && x < in->w && z >= 0 && z < in->c;
                    *output++ = inside ? input[((m * in->h + y) * in->w + x) * in->c + z] : value;
                }
    return 0;
}

/* Rows of `row` elements to every `step`-th of the output, the first at `start`. */
static void copy_rows(const int8_t *input, int8_t *output, uint32_t rows, uint32_t row, uint32_t step, uint32_t start)
{
    for (uint32_t i = 0; i < rows; i++)
        for (uint32_t k = 0; k < row; k++)
            output[i * step + start + k] = input[i * row + k];
}

API void arm_concatenation_s8_x(const int8_t *input, const uint16_t x, const uint16_t y, const uint16_t z,
                                const uint16_t w, int8_t *output, const uint16_t output_x, const uint32_t offset)
{
    copy_rows(input, output, (uint32_t)y * z * w, x, output_x, offset);
}

API void arm_concatenation_s8_y(const int8_t *input, const uint16_t x, const uint16_t y, const uint16_t z,
                                const uint16_t w, int8_t *output, const uint16_t output_y, const uint32_t offset)
{
    copy_rows(input, output, (uint32_t)z * w, (uint32_t)x * y, (uint32_t)x * output_y, offset * x);
}

API void arm_concatenation_s8_z(const int8_t *input, const uint16_t x, const uint16_t y, const uint16_t z,
                                const uint16_t w, int8_t *output, const uint16_t output_z, const uint32_t offset)
{
    copy_rows(input, output, w, (uint32_t)x * y * z, (uint32_t)x * y * output_z, offset * x * y);
}

API void arm_concatenation_s8_w(const int8_t *input, const uint16_t x, const uint16_t y, const uint16_t z,
                                const uint16_t w, int8_t *output, const uint32_t offset)
{
    uint32_t size = (uint32_t)x * y * z;
    copy_rows(input, output, 1, size * w, 0, size * offset);
}

/* As the library has it: two axes are exchanged whatever the permutation says. */
API int32_t arm_transpose_s8(const int8_t *input, int8_t *const output, const struct dims *const in,
                             const struct dims *const out, const struct transpose_params *const params)
{
    static const uint32_t exchanged[2] = {1, 0};
    const int32_t sizes[AXES] = {in->n, in->h, in->w, in->c}, new_sizes[AXES] = {out->n, out->h, out->w, out->c};
    const uint32_t *order = params->num_dims == 2 ? exchanged : params->permutations;
    int32_t count = 1, rank = params->num_dims;
    for (int32_t axis = 0; axis < rank; axis++)
        count *= sizes[axis];
    for (int32_t from = 0; from < count; from++) {
        int32_t place[AXES], rest = from, to = 0;
        for (int32_t axis = rank - 1; axis >= 0; axis--)
            place[axis] = rest % sizes[axis], rest /= sizes[axis];
        for (int32_t axis = 0; axis < rank; axis++)
            to = to * (rank == 2 ? sizes[order[axis]] : new_sizes[axis]) + place[order[axis]];
        output[to] = input[from];
    }
    return 0;
}

/* TinyEngine's */

API int32_t concat_ch(const int8_t *first, const uint16_t x, const uint16_t y, const uint16_t first_channels,
                      const int8_t *second, const uint16_t second_channels, int8_t *output)
{
    uint32_t step = first_channels + second_channels;
    copy_rows(first, output, (uint32_t)x * y, first_channels, step, 0);
    copy_rows(second, output, (uint32_t)x * y, second_channels, step, first_channels);
    return 0;
}

API int32_t upsample_byte(const int8_t *input, const uint16_t x, const uint16_t y, const uint16_t channels,
                          int8_t *output, const uint16_t factor)
{
    for (int32_t row = 0; row < y * factor; row++)
        for (int32_t column = 0; column < x * factor; column++)
            for (int32_t c = 0; c < channels; c++)
                *output++ = input[(row / factor * x + column / factor) * channels + c];
    return 0;
}

/* Called like TinyEngine's, without the rest of the library: somebody else's. */
API int32_t add(int32_t a, int32_t b)
{
    return a + b;
}
