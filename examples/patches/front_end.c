/* SPDX-License-Identifier: Apache-2.0 */
#include "front_end.h"

#include "convolution.h"
#include "int8_layers.h"
#include "mcusim.h"

static const struct convolution first = {18, 14, 3, 6, .stride = 1, .weights = weights, .shift = 9};
static const struct convolution second = {18, 14, 6, 8, .stride = 2, .weights = weights + 6 * 9 * 3, .shift = 9};

static const struct region whole_image = {0, 18, 0, 14};
static const struct region whole_output = {0, 9, 0, 7};

/* Functions of their own, so that a profile can tell the two layers apart without the markers, too. */
__attribute__((noinline)) static void first_convolution(const int8_t *image, const struct view *output)
{
    MCUSIM_LAYER_SCOPE("first convolution");
    const struct view input = {(int8_t *)image, whole_image};
    convolve(&first, &input, output, &output->region);
}

__attribute__((noinline)) static void second_convolution(const struct view *input, int8_t *features,
                                                         const struct region *part)
{
    MCUSIM_LAYER_SCOPE("second convolution");
    const struct view output = {features, whole_output};
    convolve(&second, input, &output, part);
}

void by_layers(const int8_t *image, int8_t *arena, int8_t *features)
{
    MCUSIM_LAYER("by layers") {
        const struct view between = {arena, whole_image};
        first_convolution(image, &between);
        second_convolution(&between, features, &whole_output);
    }
}

void by_patches(const int8_t *image, int8_t *arena, int8_t *features)
{
    static const struct {
        const char *name;
        struct region part;
    } patches[] = {
        {"patch 0,0", {0, 5, 0, 4}},
        {"patch 0,1", {0, 5, 4, 7}},
        {"patch 1,0", {5, 9, 0, 4}},
        {"patch 1,1", {5, 9, 4, 7}},
    };

    MCUSIM_LAYER_SCOPE("by patches");
    for (uint32_t i = 0; i < sizeof patches / sizeof patches[0]; i++)
        MCUSIM_LAYER(patches[i].name) {
            const struct view between = {arena, needed(&second, &patches[i].part)};
            first_convolution(image, &between);
            second_convolution(&between, features, &patches[i].part);
        }
}
