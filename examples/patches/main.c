/* SPDX-License-Identifier: Apache-2.0 */
/* Computes the same front end layer by layer and patch by patch, and compares what comes out. */
#include "front_end.h"
#include "int8_layers.h"
#include "print.h"

#include <stddef.h>

int memcmp(const void *left, const void *right, size_t size);

static int8_t image[IMAGE_SIZE];

/* Of each arena the first part is for what is between the layers; the features follow, at an odd address. */
static int8_t layers_arena[1 + FIRST_SIZE + FEATURES_SIZE];
static int8_t patches_arena[5 + LARGEST_PATCH + FEATURES_SIZE];

static void print_checksum(const char *name, const int8_t *features)
{
    print(name);
    print(": ");
    print_hex(checksum_s8(features, FEATURES_SIZE));
    print("\n");
}

int main(void)
{
    int8_t *const of_layers = layers_arena + 1 + FIRST_SIZE, *const of_patches = patches_arena + 5 + LARGEST_PATCH;

    fill_s8(image, IMAGE_SIZE);
    by_layers(image, layers_arena + 1, of_layers);
    by_patches(image, patches_arena, of_patches);

    print_checksum("by layers", of_layers);
    print_checksum("by patches", of_patches);
    print(memcmp(of_layers, of_patches, FEATURES_SIZE) ? "different\n" : "the same\n");
    print("done\n");
    return 0;
}
