/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a small network whose tensors a table places in one arena, and prints its scores: the same with a good plan and
   with a bad one. */
#include "int8_layers.h"
#include "network.h"
#include "plan.h"
#include "print.h"

static int8_t arena[ARENA_SIZE];

int main(void)
{
    fill_s8(arena + plan[INPUT].offset, plan[INPUT].size);
    run_network(arena);

    const int8_t *scores = arena + plan[SCORES_B].offset;
    print("scores:");
    for (int32_t i = 0; i < plan[SCORES_B].size; i++) {
        print(" ");
        print_signed(scores[i]);
    }
    print("\nchecksum: ");
    print_hex(checksum_s8(scores, plan[SCORES_B].size));
    print("\ndone\n");
    return 0;
}
