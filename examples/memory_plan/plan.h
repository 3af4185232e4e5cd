/* SPDX-License-Identifier: Apache-2.0 */
/* Where each tensor of the network is in the arena. */
#ifndef PLAN_H
#define PLAN_H

#include <stdint.h>

enum tensor { INPUT, STEM, NARROW, WIDE, POOLED, HEAD, SCORES_A, SCORES_B, TENSORS };

struct place {
    uint16_t offset, size; /* bytes */
};

extern const struct place plan[TENSORS];

#if defined(PLAN_BAD)
#define ARENA_SIZE (TENSORS * 1665)
#else
#define ARENA_SIZE 3996
#endif

#endif
