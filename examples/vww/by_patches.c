/* SPDX-License-Identifier: Apache-2.0 */
/* The network's first convolutions, one patch of their output after the other (MCUNetV2, arXiv 2110.15352). Between the
   layers there is only what a patch needs, at the price of computing the rims of patches more than once. */
#include "mcusim.h"
#include "vww.h"

#if defined(PATCHES)

static int32_t bytes_of(const struct mk_tile *tile, int32_t channels)
{
    return tile->height * tile->width * channels;
}

/* Run all layers for one tile of the last one's output. Tensors lie at the two ends of the room in turn. */
static void run_patch(const int8_t *input, const struct mk_tile *patch, int8_t *features, int8_t *room)
{
    struct mk_tile tiles[MODEL_PATCHED + 1]; /* tiles[i] is read by layer i */
    const struct mk_conv2d *const ops = model_convolutions;

    tiles[MODEL_PATCHED] = *patch;
    for (int32_t i = MODEL_PATCHED - 1; i >= 0; i--)
        tiles[i] = mk_tile_before(&ops[i], &tiles[i + 1]);

    int8_t *tensor = room;
    int32_t at_start = 1;
    mk_take_tile_s8(&ops[0].input, &tiles[0], input, tensor);
    for (int32_t i = 0; i < MODEL_PATCHED; i++, at_start = !at_start) {
        const struct mk_conv2d op = mk_conv2d_of_tile(&ops[i], &tiles[i], &tiles[i + 1]);
        const int32_t output_bytes = bytes_of(&tiles[i + 1], op.output.channels);
        int8_t *output = at_start ? room + PATCH_ROOM_BYTES - output_bytes : room;
        run_convolution(&op, model_names[i], tensor, output);
        tensor = output;
    }
    mk_put_tile_s8(&ops[MODEL_PATCHED - 1].output, patch, tensor, features);
}

void run_by_patches(const int8_t *input, int8_t *features, int8_t *room)
{
    const struct mk_shape *const shape = &model_convolutions[MODEL_PATCHED - 1].output;

    for (int32_t top = 0; top < shape->height; top += PATCH_SIZE)
        for (int32_t left = 0; left < shape->width; left += PATCH_SIZE) {
            const struct mk_tile patch = {.top = top, .left = left, .height = PATCH_SIZE, .width = PATCH_SIZE};
            MCUSIM_LAYER("patch") {
                run_patch(input, &patch, features, room);
            }
        }
}

#endif
