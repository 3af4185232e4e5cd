/* SPDX-License-Identifier: Apache-2.0 */
/* Trains the last layers of a small network on the device (FULL: all of them), one image a step, and prints after each
   step the loss before it, as the bits of a float, and a CRC-32 of the weights and biases. */
#include "crc32.h"
#include "cycles.h"
#include "print.h"
#include "training.h"

static int32_t weights_of(int32_t layer)
{
    if (layer == MODEL_CONVOLUTIONS)
        return model_classifier.inputs * MODEL_CLASSES;
    const struct mk_conv2d *const op = &model_convolutions[layer];
    const int32_t filters = model_is_depthwise[layer] ? 1 : op->output.channels;
    return filters * op->kernel_height * op->kernel_width * op->input.channels;
}

/* The CRC-32 of the CRC-32s of all trained weights and biases. */
static uint32_t crc_of_parameters(void)
{
    uint32_t parts[2 * MODEL_LAYERS];
    uint32_t count = 0;

    for (int32_t i = MODEL_FIRST_TRAINED; i < MODEL_LAYERS; i++) {
        const int32_t biases = i == MODEL_CONVOLUTIONS ? MODEL_CLASSES : model_convolutions[i].output.channels;
        parts[count++] = crc32(model_trained[i].weights, (uint32_t)weights_of(i));
        parts[count++] = crc32(model_trained[i].bias, (uint32_t)biases * sizeof(int32_t));
    }
    return crc32(parts, count * sizeof parts[0]);
}

static uint32_t bits_of(float x)
{
    union {
        float number;
        uint32_t bits;
    } both = {.number = x};
    return both.bits;
}

int main(void)
{
    uint32_t cycles = 0;
    float sum = 0.0f; /* of the losses since the first image */

    print("training, int8, 16x16x3, layers ");
    print_unsigned(MODEL_FIRST_TRAINED);
    print(" to ");
    print_unsigned(MODEL_LAYERS - 1);
    print("\n");
    cycles_start();
    for (uint32_t step = 0; step < MODEL_STEPS; step++) {
        const uint32_t label = step % MODEL_CLASSES, start = cycles_now();
        const float loss = train_step(model_images[label], (int32_t)label);
        cycles += cycles_now() - start;
        print("step ");
        print_unsigned(step);
        print(" loss ");
        print_hex(bits_of(loss));
        print(" weights ");
        print_hex(crc_of_parameters());
        print("\n");
        sum = sum + loss;
        if (label == MODEL_CLASSES - 1) {
            print("mean loss of all images, in thousandths: ");
            print_unsigned((uint32_t)(sum * 1000.0f / (float)MODEL_CLASSES));
            print("\n");
            sum = 0.0f;
        }
    }
    print("cycles: ");
    print_unsigned(cycles);
    print("\ndone\n");
    return 0;
}
