/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#if defined(PLAN_BAD)

/* No planning at all: a slot for each tensor, every slot as large as the largest tensor. */
const struct place plan[TENSORS] = {
    [INPUT] = {0 * 1665, 999},    [STEM] = {1 * 1665, 1665}, [NARROW] = {2 * 1665, 666}, [WIDE] = {3 * 1665, 1665},
    [POOLED] = {4 * 1665, 810},   [HEAD] = {5 * 1665, 324},  [SCORES_A] = {6 * 1665, 5}, [SCORES_B] = {7 * 1665, 5},
};

#else

/* Tensors share bytes where they are not needed at the same time. The arena is as large as what is needed at the same
   time while WIDE is computed: STEM, NARROW and WIDE. */
const struct place plan[TENSORS] = {
    [INPUT] = {1667, 999}, [STEM] = {0, 1665},   [NARROW] = {3330, 666},  [WIDE] = {1665, 1665},
    [POOLED] = {3, 810},   [HEAD] = {815, 324},  [SCORES_A] = {1141, 5},  [SCORES_B] = {1147, 5},
};

#endif
