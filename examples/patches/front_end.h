/* SPDX-License-Identifier: Apache-2.0 */
/* Two convolutions, the first with stride 1, the second with stride 2, computed in two ways. */
#ifndef FRONT_END_H
#define FRONT_END_H

#include <stdint.h>

#define IMAGE_SIZE (18 * 14 * 3)
#define FIRST_SIZE (18 * 14 * 6)
#define FEATURES_SIZE (9 * 7 * 8)
#define LARGEST_PATCH (10 * 8 * 6) /* of the first convolution's output, with its halo */

/* One layer after the other. `arena` holds the first one's output. */
void by_layers(const int8_t *image, int8_t *arena, int8_t *features);

/* Both layers on one patch after the other, 2 x 2 patches. What neighbours share of the first convolution's output, the
   halo, is computed twice, and `arena` holds no more than one patch of it. */
void by_patches(const int8_t *image, int8_t *arena, int8_t *features);

#endif
