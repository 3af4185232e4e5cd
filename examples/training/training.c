/* SPDX-License-Identifier: Apache-2.0 */
/* A training step. All tensors lie in one arena; plan.py says where, for the order of calls that is here. */
#include "training.h"

#include "mcusim.h"

#define LAST (MODEL_LAYERS - 1) /* the classifier */

static _Alignas(4) uint8_t arena[MODEL_ARENA_BYTES];
static uint32_t scratch[64]; /* of the forward kernels: two columns and a patch, or the rows under a kernel */

static int8_t *activation_of(int32_t layer)
{
    return (int8_t *)arena + model_plan.activation[layer];
}

static uint8_t *mask_of(int32_t layer)
{
    return arena + model_plan.mask[layer];
}

static float *floats_at(int32_t offset)
{
    return (float *)(void *)(arena + offset);
}

static int32_t pixels_of(struct mk_shape shape)
{
    return shape.height * shape.width;
}

/* What a convolution reads: null behind the first one's, which is the image. */
static const int8_t *source_of(int32_t layer, const int8_t *image)
{
    return layer ? activation_of(layer - 1) : image;
}

static void forward_convolution(int32_t layer, const int8_t *input)
{
    const struct mk_conv2d *const op = &model_convolutions[layer];
    int8_t *const output = activation_of(layer);

    if (model_is_depthwise[layer])
        mk_depthwise_conv2d_s8(op, input, output, scratch);
    else
        mk_conv2d_s8(op, input, output, scratch);
    if (layer < MODEL_FIRST_TRAINED)
        return;
    if (model_is_depthwise[layer])
        mk_depthwise_conv2d_mask(op, input, output, mask_of(layer));
    else
        mk_conv2d_mask(op, input, output, mask_of(layer));
}

static void forward(const int8_t *image)
{
    int8_t *const pooled = (int8_t *)arena + model_plan.pooled;

    for (int32_t i = 0; i < MODEL_CONVOLUTIONS; i++) {
        MCUSIM_LAYER(model_names[i]) {
            forward_convolution(i, source_of(i, image));
        }
    }
    MCUSIM_LAYER(model_names[LAST]) {
        mk_average_pool_s8(&model_pool, activation_of(LAST - 1), pooled);
        mk_fully_connected_s8(&model_classifier, pooled, activation_of(LAST), scratch);
        mk_fully_connected_mask(&model_classifier, pooled, activation_of(LAST), mask_of(LAST));
    }
}

/* Weights as [outer][channel][inner]; a classifier's and a convolution's have one filter after the other. */
static int32_t filter_of(int32_t layer)
{
    if (layer == LAST)
        return model_classifier.inputs;
    const struct mk_conv2d *const op = &model_convolutions[layer];
    return op->kernel_height * op->kernel_width * (model_is_depthwise[layer] ? 1 : op->input.channels);
}

static int32_t outputs_of(int32_t layer)
{
    return layer == LAST ? MODEL_CLASSES : model_convolutions[layer].output.channels;
}

/* Subtract a layer's gradients, which are not needed any more. */
static void apply(int32_t layer)
{
    const struct model_trained *const to = &model_trained[layer];
    const int32_t channels = outputs_of(layer), filter = filter_of(layer);
    const int32_t depthwise = layer != LAST && model_is_depthwise[layer];
    const float *const gradients = floats_at(model_plan.weight_gradient[layer]);

    mk_update_weights(&model_sgd, to->weight_factors, depthwise ? filter : 1, channels, depthwise ? 1 : filter,
                      gradients, to->weights);
    mk_update_bias(&model_sgd, to->bias_factors, channels, gradients + channels * filter, to->bias);
}

static void backward_classifier(void)
{
    const int8_t *const pooled = (const int8_t *)arena + model_plan.pooled;
    float *const gradients = floats_at(model_plan.gradient[LAST]);
    float *const of_pooled = floats_at(model_plan.pooled_gradient);
    float *const of_weights = floats_at(model_plan.weight_gradient[LAST]);

    mk_output_gradient(&model_classifier.to_output, 1, MODEL_CLASSES, mask_of(LAST), gradients);
    mk_fully_connected_input_gradient(&model_classifier, gradients, of_pooled);
    mk_fully_connected_weight_gradient(&model_classifier, pooled, gradients, of_weights);
    mk_bias_gradient(gradients, 1, MODEL_CLASSES, of_weights + MODEL_CLASSES * filter_of(LAST));
#if defined(REORDERED)
    apply(LAST);
#endif
    mk_average_pool_gradient(&model_pool, of_pooled, floats_at(model_plan.gradient[LAST - 1]));
}

/* The input's gradient comes first: it needs the weights as they were. */
static void backward_convolution(int32_t layer, const int8_t *input)
{
    const struct mk_conv2d *const op = &model_convolutions[layer];
    const int32_t pixels = pixels_of(op->output), channels = op->output.channels;
    float *const gradients = floats_at(model_plan.gradient[layer]);
    float *const of_weights = floats_at(model_plan.weight_gradient[layer]);

    mk_output_gradient(&op->to_output, pixels, channels, mask_of(layer), gradients);
    if (layer > MODEL_FIRST_TRAINED) {
        float *const of_input = floats_at(model_plan.gradient[layer - 1]);
        if (model_is_depthwise[layer])
            mk_depthwise_conv2d_input_gradient(op, gradients, of_input);
        else
            mk_conv2d_input_gradient(op, gradients, of_input);
    }
    if (model_is_depthwise[layer])
        mk_depthwise_conv2d_weight_gradient(op, input, gradients, of_weights);
    else
        mk_conv2d_weight_gradient(op, input, gradients, of_weights);
    mk_bias_gradient(gradients, pixels, channels, of_weights + channels * filter_of(layer));
#if defined(REORDERED)
    apply(layer);
#endif
}

float train_step(const int8_t *image, int32_t label)
{
    float loss = 0.0f;

    forward(image);
    MCUSIM_LAYER("loss") {
        loss = mk_softmax_cross_entropy(activation_of(LAST), MODEL_CLASSES, MODEL_LOGIT_SCALE, label,
                                        floats_at(model_plan.gradient[LAST]));
    }
    MCUSIM_LAYER("backward classifier") {
        backward_classifier();
    }
    for (int32_t i = LAST - 1; i >= MODEL_FIRST_TRAINED; i--) {
        MCUSIM_LAYER(model_backward_names[i]) {
            backward_convolution(i, source_of(i, image));
        }
    }
#if !defined(REORDERED)
    MCUSIM_LAYER("update") {
        for (int32_t i = MODEL_FIRST_TRAINED; i < MODEL_LAYERS; i++)
            apply(i);
    }
#endif
    return loss;
}
