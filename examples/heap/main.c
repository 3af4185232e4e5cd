/* SPDX-License-Identifier: Apache-2.0 */
/* Runs layers whose tensors are on the heap, and prints the scores. */
#include "allocator.h"
#include "int8_layers.h"
#include "layers.h"
#include "print.h"

__attribute__((noinline)) static int8_t *run_network(int8_t *input)
{
    int8_t *tensor = stem(input);
    tensor = features(tensor);
    tensor = grow(tensor);
    tensor = leaky(tensor);
    return classify(tensor);
}

int main(void)
{
    int8_t *input = malloc(INPUT_SIZE);
    fill_s8(input, INPUT_SIZE);
    int8_t *scores = run_network(input);

    print("scores:");
    for (int32_t i = 0; i < SCORES_SIZE; i++) {
        print(" ");
        print_signed(scores[i]);
    }
    print("\nchecksum: ");
    print_hex(checksum_s8(scores, SCORES_SIZE));
    free(scores);
    print("\na gigabyte: ");
    print(malloc((size_t)1 << 30) ? "granted" : "refused");
    print("\ndone\n");
    return 0;
}
