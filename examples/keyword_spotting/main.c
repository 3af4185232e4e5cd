/* SPDX-License-Identifier: Apache-2.0 */
/* Classifies one utterance with a depthwise-separable convolutional network in int8 and prints the
   CRC-32 of every layer's output, the scores, and the cycles that the inference took. */
#include "crc32.h"
#include "cycles.h"
#include "model_data.h"
#include "network.h"
#include "print.h"

/* The layers write to the two halves in turn. */
static int8_t arena[2][MODEL_LARGEST_OUTPUT];

static uint32_t layer_crc[MODEL_LAYERS];

static uint32_t size_of(struct shape shape)
{
    return (uint32_t)(shape.height * shape.width * shape.channels);
}

static void print_shape(struct shape shape)
{
    print_signed(shape.height);
    print("x");
    print_signed(shape.width);
    print("x");
    print_signed(shape.channels);
}

int main(void)
{
    print("keyword spotting, int8, ");
    print_shape(model_input_shape);
    print("\n");

    /* Only the layers are timed, not their checksums. */
    uint32_t cycles = 0;
    const int8_t *tensor = model_input;
    cycles_start();
    for (uint32_t i = 0; i < MODEL_LAYERS; i++) {
        int8_t *output = arena[i % 2];
        uint32_t start = cycles_now();
        run_layer(&model_layers[i], tensor, output);
        cycles += cycles_now() - start;
        layer_crc[i] = crc32(output, size_of(model_layers[i].output));
        tensor = output;
    }

    for (uint32_t i = 0; i < MODEL_LAYERS; i++) {
        print("layer ");
        print_unsigned(i);
        print(" ");
        print(model_layers[i].name);
        print(" ");
        print_shape(model_layers[i].output);
        print(" crc ");
        print_hex(layer_crc[i]);
        print("\n");
    }

    uint32_t top = 0;
    print("scores:");
    for (uint32_t i = 0; i < MODEL_CLASSES; i++) {
        print(" ");
        print_signed(tensor[i]);
        if (tensor[i] > tensor[top])
            top = i;
    }
    print("\ntop: ");
    print_unsigned(top);
    print(" (");
    print(model_class_names[top]);
    print(")\ncycles: ");
    print_unsigned(cycles);
    print("\ndone\n");
    return 0;
}
