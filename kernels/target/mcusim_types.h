/* SPDX-License-Identifier: Apache-2.0 */
/* What the operators' structs are made of. Part of mcusim_kernels.h, which is the header to include. */
#ifndef MCUSIM_TYPES_H
#define MCUSIM_TYPES_H

#include <stdint.h>

struct mk_shape {
    int32_t height, width, channels;
};

/* factor = multiplier * 2^(shift - 31), -31 <= shift <= 30. Rounded once in builds with MK_ROUND_SINGLE, else twice. */
struct mk_factor_q31 {
    int32_t multiplier, shift;
};

/* How an accumulator becomes an output: scaled, moved by the zero point, clamped.
   Double and single rounding read `multipliers` and `shifts` (a factor as in mk_factor_q31, -31 <= shift <= 30),
   float rounding reads `scales`. `per_channel` is 1 where each output channel has its own, 0 where one serves all. */
struct mk_output {
    const int32_t *multipliers;
    const int32_t *shifts;
    const float *scales;
    int32_t per_channel;
    int32_t zero_point;
    int32_t activation_min, activation_max; /* -128 and 127 where nothing is fused */
};

#endif
