/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one int8 element. Part of mcusim_kernels.h.

   There are only 256 inputs, so those that take some arithmetic are a table, `table[input + 128]`, in the caller's
   memory: mk_..._table fills it once for a layer (it can as well be const, made on a computer), and mk_lookup_s8 is the
   operator. Input and output may be the same. */
#ifndef MCUSIM_ACTIVATIONS_H
#define MCUSIM_ACTIVATIONS_H

#include "mcusim_types.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MK_TABLE_BYTES 256

void mk_lookup_s8(int32_t size, const int8_t *table, const int8_t *input, int8_t *output);

/* Logistic function, output scale 1/256 and zero point -128, and hyperbolic tangent, output scale 1/128 and zero point 0.
   `factor`: input scale * 2^27. Inputs further than `radius` from the zero point give an end of the range. */
struct mk_sigmoid {
    int32_t input_zero_point, input_radius;
    struct mk_factor_q31 factor;
};

void mk_logistic_table(const struct mk_sigmoid *op, int8_t *table);
void mk_tanh_table(const struct mk_sigmoid *op, int8_t *table);

/* x * relu6(x + 3) / 6. Factors have 16 bits, factor = multiplier * 2^(exponent - 15): `output` is input scale / 128 /
   output scale (exponent <= 0), `slope` is input scale / 128 / (3 / 32768). */
struct mk_hard_swish {
    int32_t input_zero_point, output_zero_point;
    int32_t output_multiplier, output_exponent;
    int32_t slope_multiplier, slope_exponent;
};

void mk_hard_swish_table(const struct mk_hard_swish *op, int8_t *table);

/* Rescaled, with another factor below zero: `below` is input scale * |alpha| / output scale. */
struct mk_leaky_relu {
    int32_t input_zero_point, output_zero_point;
    struct mk_factor_q31 above, below;
    int32_t alpha_is_negative;
};

void mk_leaky_relu_table(const struct mk_leaky_relu *op, int8_t *table);

/* Rescaled and cut: from `activation_min`, the output's zero point for RELU, to `activation_max`. */
struct mk_relu {
    int32_t input_zero_point, output_zero_point;
    struct mk_factor_q31 factor;
    int32_t activation_min, activation_max;
};

void mk_relu_table(const struct mk_relu *op, int8_t *table);

/* Cut to [zero, six], which are 0 and 6 at the scale of input and output. Needs no table. */
struct mk_relu6 {
    int32_t size;
    int8_t zero, six;
};

void mk_relu6_s8(const struct mk_relu6 *op, const int8_t *input, int8_t *output);

/* Rescaled, below zero times a slope: `alphas` of them, one after the other, over and over (one for each channel, one for
   each element, or a single one). `below` is input scale * alpha scale / output scale. */
struct mk_prelu {
    int32_t size, alphas;
    int32_t input_zero_point, alpha_zero_point, output_zero_point;
    struct mk_factor_q31 above, below;
};

void mk_prelu_s8(const struct mk_prelu *op, const int8_t *input, const int8_t *slopes, int8_t *output);

#ifdef __cplusplus
}
#endif

#endif
