/* SPDX-License-Identifier: Apache-2.0 */
/* Holds every kernel, so that tests can call it. Runs none. */
#include "mcusim_kernels.h"

static void *const volatile kernels[] = {
    mk_conv2d_scratch_bytes, mk_conv2d_s8, mk_depthwise_conv2d_scratch_bytes, mk_depthwise_conv2d_s8,
    mk_transpose_conv_scratch_bytes, mk_transpose_conv_s8, mk_fully_connected_scratch_bytes, mk_fully_connected_s8,
    mk_batch_matmul_scratch_bytes, mk_batch_matmul_s8, mk_average_pool_s8, mk_max_pool_s8, mk_mean_s8, mk_sum_s8,
    mk_add_s8, mk_sub_s8, mk_mul_s8, mk_maximum_s8, mk_minimum_s8, mk_softmax_s8, mk_softmax_s8_s16, mk_log_softmax_s8,
    mk_pad_s8, mk_requantize_s8, mk_quantize_s8, mk_dequantize_s8, mk_tile_before, mk_conv2d_of_tile, mk_take_tile_s8,
    mk_put_tile_s8, mk_lookup_s8, mk_logistic_table, mk_tanh_table, mk_hard_swish_table,
    mk_leaky_relu_table, mk_relu_table, mk_relu6_s8, mk_prelu_s8, mk_copy_s8, mk_transpose_of, mk_slice_of,
    mk_strided_slice_of, mk_broadcast_of, mk_reshape_s8, mk_concatenation_s8, mk_split_s8, mk_gather_s8,
    mk_embedding_lookup_s8, mk_argmax_s8, mk_resize_nearest_scratch_bytes, mk_resize_nearest_s8,
    mk_resize_bilinear_scratch_bytes, mk_resize_bilinear_s8, mk_svdf_scratch_bytes, mk_svdf_s8, mk_svdf_state_s16_s8,
    mk_lstm_scratch_bytes, mk_lstm_s8,
};

int main(void)
{
    return kernels[0] == 0;
}
