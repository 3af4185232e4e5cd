/* SPDX-License-Identifier: Apache-2.0 */
/* Operators with a memory, which the caller keeps between calls. Part of mcusim_kernels.h. Requantised with integers. */
#ifndef MCUSIM_SEQUENCES_H
#define MCUSIM_SEQUENCES_H

#include "mcusim_types.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* SVDF: `units` outputs of `rank` filters each. A filter's product with the features goes into its memory of `memory`
   steps, the oldest goes out, and the output is the sum over memories times time weights.
   feature_weights: [filter][feature]; time_weights and state: [filter][step], int8 or int16; bias: [unit] or null. */
struct mk_svdf {
    int32_t features, units, rank, memory;
    int32_t input_zero_point, state_zero_point, output_zero_point;
    const int8_t *feature_weights;
    const void *time_weights; /* as wide as the state */
    const int32_t *bias;
    struct mk_factor_q31 to_state, to_output;
};

int32_t mk_svdf_scratch_bytes(const struct mk_svdf *op);
void mk_svdf_s8(const struct mk_svdf *op, const int8_t *input, int8_t *state, int8_t *output, void *scratch);
void mk_svdf_state_s16_s8(const struct mk_svdf *op, const int8_t *input, int16_t *state, int8_t *output, void *scratch);

/* A gate of an LSTM: weights [unit][feature] and [unit][unit], bias [unit] or null; factors bring sums to 2^-12. */
struct mk_lstm_gate {
    const int8_t *input_weights, *recurrent_weights;
    const int32_t *bias;
    struct mk_factor_q31 input_factor, recurrent_factor;
};

/* UNIDIRECTIONAL_SEQUENCE_LSTM. The cell's scale is 2^cell_scale_power (-15 to 0); a cell_clip above 0 cuts the cell to
   [-cell_clip, cell_clip]. Factors as in mcusim.kernels.scaling.lstm_scaling. */
struct mk_lstm {
    int32_t steps, features, units;
    int32_t input_zero_point, hidden_zero_point;
    int32_t cell_scale_power, cell_clip;
    struct mk_lstm_gate input_gate, forget_gate, cell_gate, output_gate;
    struct mk_factor_q31 forget_factor, input_factor, hidden_factor;
};

/* input: [step][feature]; hidden: int8 [unit] and cell: int16 [unit], both read and written; output: [step][unit]. */
int32_t mk_lstm_scratch_bytes(const struct mk_lstm *op);
void mk_lstm_s8(const struct mk_lstm *op, const int8_t *input, int8_t *hidden, int16_t *cell, int8_t *output,
                void *scratch);

#ifdef __cplusplus
}
#endif

#endif
