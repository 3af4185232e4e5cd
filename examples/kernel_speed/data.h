/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers and random values that all operators share. */
#ifndef DATA_H
#define DATA_H

#include "mcusim_kernels.h"

#define MAX_CHANNELS 512

extern int8_t input[40 * 40 * 24], output[40 * 40 * 24], weights[256 * 256];
extern int32_t bias[MAX_CHANNELS];
extern uint32_t scratch[4096];
extern const struct mk_output per_channel, per_tensor;

uint32_t next_random(void);
void fill(int8_t *data, int32_t count);

/* Print a layer's name, how much it does, and a checksum of what it wrote. */
void report(const char *name, int32_t count, const char *unit, const void *data, int32_t bytes);

void run_operators(void);

#endif
