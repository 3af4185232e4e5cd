/* SPDX-License-Identifier: Apache-2.0 */
/* Training on the device: gradients of the int8 operators of mcusim_kernels.h, and steps of gradient descent on their int8
   weights and int32 biases. One image, NHWC, no allocation, no global state.

   Forward in int8, with a bit for each output that says whether it was clamped; backward in float over int8 weights and
   activations; the update truncates. What a gradient is here: kernels/gradients.py. Sums start at zero and add one product
   after the other, in the order that the reference in Python (mcusim.kernels) says; built with -ffp-contract=off, every
   function gives its bits. The arithmetic is that of TinyEngine (mit-han-lab; "On-Device Training Under 256KB Memory",
   arXiv 2206.15472).

   Scales are floats: struct mk_output's `scales` must be set whatever the build's rounding is. Parameters are not
   checked. */
#ifndef MCUSIM_TRAINING_H
#define MCUSIM_TRAINING_H

#include "mcusim_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What was not clamped: one bit for each output in its order, the lowest bit of a byte first, 1 where it lay within the
   activation's range before it was clamped. `output` is what the operator made of `input`. Only outputs at an end of the
   range are summed again. */
static inline int32_t mk_mask_bytes(int32_t outputs)
{
    return (outputs + 7) / 8;
}

void mk_conv2d_mask(const struct mk_conv2d *op, const int8_t *input, const int8_t *output, uint8_t *mask);
void mk_depthwise_conv2d_mask(const struct mk_conv2d *op, const int8_t *input, const int8_t *output, uint8_t *mask);
void mk_fully_connected_mask(const struct mk_fully_connected *op, const int8_t *input, const int8_t *output,
                             uint8_t *mask);

/* From gradients of outputs to those of the sums, in place: times the scale where not clamped, 0 where clamped. */
void mk_output_gradient(const struct mk_output *to, int32_t pixels, int32_t channels, const uint8_t *mask,
                        float *gradients);

/* Gradients of the sums' operands; `gradients` are those of the sums, in the output's shape, results are overwritten.
   Weights' gradients have the weights' layout. */
void mk_conv2d_input_gradient(const struct mk_conv2d *op, const float *gradients, float *result);
void mk_conv2d_weight_gradient(const struct mk_conv2d *op, const int8_t *input, const float *gradients, float *result);
void mk_depthwise_conv2d_input_gradient(const struct mk_conv2d *op, const float *gradients, float *result);
void mk_depthwise_conv2d_weight_gradient(const struct mk_conv2d *op, const int8_t *input, const float *gradients,
                                         float *result);
void mk_fully_connected_input_gradient(const struct mk_fully_connected *op, const float *gradients, float *result);
void mk_fully_connected_weight_gradient(const struct mk_fully_connected *op, const int8_t *input,
                                        const float *gradients, float *result);
void mk_bias_gradient(const float *gradients, int32_t pixels, int32_t channels, float *result);
void mk_average_pool_gradient(const struct mk_pool *op, const float *gradients, float *result);

/* Cross-entropy of the softmax of one row of logits: returns the loss, writes the logits' gradient. */
float mk_softmax_cross_entropy(const int8_t *logits, int32_t classes, float scale, int32_t label, float *gradients);

/* One step of stochastic gradient descent. Quantisation-aware scaling multiplies each channel's gradients by a factor:
   1 / s^2 for weights of scale s, 1 / (input scale * s)^2 for biases. */
struct mk_sgd {
    float learning_rate;
    float gradient_min, gradient_max; /* weights' gradients are clamped to this range */
};

/* Weights as [outer][channel][inner]: outer is 1 for conv2d and fully connected, inner is 1 for depthwise ones.
   weight = saturate(trunc(weight - clamp(gradient) * factor * rate)) */
void mk_update_weights(const struct mk_sgd *step, const float *factors, int32_t outer, int32_t channels, int32_t inner,
                       const float *gradients, int8_t *weights);

/* bias -= trunc(gradient * rate * factor) */
void mk_update_bias(const struct mk_sgd *step, const float *factors, int32_t channels, const float *gradients,
                    int32_t *bias);

/* exp and natural logarithm of kernels/float_math.py, bit for bit. */
float mk_exp(float x);
float mk_log(float x);

#ifdef __cplusplus
}
#endif

#endif
