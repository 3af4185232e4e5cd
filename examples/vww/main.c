/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at one picture with a network of the kind of MobileNet, in int8, and prints the CRC-32 of the features in the
   middle, the scores and the cycles. Layer by layer; with PATCHES, the first half patch by patch. */
#include "crc32.h"
#include "cycles.h"
#include "mcusim.h"
#include "print.h"
#include "vww.h"

#define FEATURES_BYTES (10 * 10 * 32) /* between the two halves */
/* The largest input and output: of a convolution behind the patches or of the patches, or of the first pointwise one. */
#if defined(PATCHES)
#define BEHIND_BYTES (10 * 10 * (32 + 64))
#define PATCHES_BYTES (FEATURES_BYTES + PATCH_ROOM_BYTES)
#define ARENA_BYTES (BEHIND_BYTES > PATCHES_BYTES ? BEHIND_BYTES : PATCHES_BYTES)
#else
#define ARENA_BYTES (40 * 40 * (8 + 16))
#endif

static int8_t arena[ARENA_BYTES];
static uint32_t scratch[900]; /* of the kernels: two columns and a patch, or the rows under a kernel */

static int32_t bytes_of(struct mk_shape shape)
{
    return shape.height * shape.width * shape.channels;
}

void run_convolution(const struct mk_conv2d *op, const char *name, const int8_t *input, int8_t *output)
{
    MCUSIM_LAYER(name) {
        if (name[0] == 'd')
            mk_depthwise_conv2d_s8(op, input, output, scratch);
        else
            mk_conv2d_s8(op, input, output, scratch);
    }
}

/* Tensors lie at the two ends of the arena in turn; a depthwise layer works in its input's place. */
static const int8_t *run_layers(int32_t first, int32_t end, const int8_t *tensor)
{
    int32_t at_start = tensor != arena;

    for (int32_t i = first; i < end; i++) {
        const struct mk_conv2d *const op = &model_convolutions[i];
        const int32_t in_place = model_names[i][0] == 'd' && bytes_of(op->input) == bytes_of(op->output);
        int8_t *output = at_start ? arena : arena + ARENA_BYTES - bytes_of(op->output);
        if (in_place)
            output = (int8_t *)tensor;
        else
            at_start = !at_start;
        run_convolution(op, model_names[i], tensor, output);
        tensor = output;
    }
    return tensor;
}

int main(void)
{
    int8_t pooled[128], scores[MODEL_CLASSES];

    print("visual wake words, int8, 80x80x3\n");
    cycles_start();
    uint32_t cycles = cycles_now();
#if defined(PATCHES)
    run_by_patches(model_input, arena, arena + FEATURES_BYTES);
    const int8_t *tensor = arena;
#else
    const int8_t *tensor = run_layers(0, MODEL_PATCHED, model_input);
#endif
    cycles = cycles_now() - cycles;
    const uint32_t crc = crc32(tensor, FEATURES_BYTES);

    const uint32_t start = cycles_now();
    tensor = run_layers(MODEL_PATCHED, MODEL_CONVOLUTIONS, tensor);
    MCUSIM_LAYER("average pool") {
        mk_average_pool_s8(&model_pool, tensor, pooled);
    }
    MCUSIM_LAYER("fully connected") {
        mk_fully_connected_s8(&model_classifier, pooled, scores, scratch);
    }
    MCUSIM_LAYER("softmax") {
        mk_softmax_s8(&model_softmax, scores, scores);
    }
    cycles += cycles_now() - start;

    print("features 10x10x32 crc ");
    print_hex(crc);
    print("\nscores:");
    for (int32_t i = 0; i < MODEL_CLASSES; i++) {
        print(" ");
        print_signed(scores[i]);
    }
    print("\ncycles: ");
    print_unsigned(cycles);
    print("\ndone\n");
    return 0;
}
