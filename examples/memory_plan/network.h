/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETWORK_H
#define NETWORK_H

#include <stdint.h>

/* Runs the layers on the tensors in the arena, from INPUT to SCORES_B. */
void run_network(int8_t *arena);

#endif
