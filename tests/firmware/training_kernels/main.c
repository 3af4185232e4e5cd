/* SPDX-License-Identifier: Apache-2.0 */
/* Holds every training kernel, so that tests can call it. Runs none. */
#include "mcusim_training.h"

static void *const volatile kernels[] = {
    mk_conv2d_mask, mk_depthwise_conv2d_mask, mk_fully_connected_mask, mk_output_gradient, mk_bias_gradient,
    mk_conv2d_input_gradient, mk_conv2d_weight_gradient, mk_depthwise_conv2d_input_gradient,
    mk_depthwise_conv2d_weight_gradient, mk_fully_connected_input_gradient, mk_fully_connected_weight_gradient,
    mk_average_pool_gradient, mk_softmax_cross_entropy, mk_update_weights, mk_update_bias,
};

/* Of some numbers each, so that a test need not call once for every one. */
void exp_of_all(const float *x, int32_t count, float *result)
{
    for (int32_t i = 0; i < count; i++)
        result[i] = mk_exp(x[i]);
}

void log_of_all(const float *x, int32_t count, float *result)
{
    for (int32_t i = 0; i < count; i++)
        result[i] = mk_log(x[i]);
}

static void *const volatile functions[] = {exp_of_all, log_of_all};

int main(void)
{
    return kernels[0] == functions[0];
}
