/* SPDX-License-Identifier: Apache-2.0 */
/* Holds every kernel, so that tests can call it. Runs none. */
#include "mcusim_kernels.h"

static void *const volatile kernels[] = {
    mk_conv2d_scratch_bytes, mk_conv2d_s8, mk_depthwise_conv2d_scratch_bytes, mk_depthwise_conv2d_s8,
    mk_fully_connected_scratch_bytes, mk_fully_connected_s8, mk_average_pool_s8, mk_max_pool_s8, mk_mean_s8, mk_add_s8,
    mk_mul_s8, mk_softmax_s8, mk_pad_s8, mk_requantize_s8, mk_tile_before, mk_conv2d_of_tile, mk_take_tile_s8,
    mk_put_tile_s8,
};

int main(void)
{
    return kernels[0] == 0;
}
