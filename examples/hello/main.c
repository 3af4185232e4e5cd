/* SPDX-License-Identifier: Apache-2.0 */
/* Says hello and measures a loop whose cost is easy to work out by hand. */
#include "cycles.h"
#include "print.h"

#include <stdint.h>

#define ITERATIONS 500000u

/* Two instructions an iteration: a subtraction and a branch taken every time but the last.
   The loop starts on a word boundary, so that no fetch of it straddles one. */
static __attribute__((noipa, aligned(4))) void count_down(uint32_t iterations)
{
    __asm volatile(".balign 4\n"
                   "1: subs %0, %0, #1\n"
                   "bne 1b"
                   : "+l"(iterations)
                   :
                   : "cc");
}

int main(void)
{
    print("hello\n");

    cycles_start();
    uint32_t start = cycles_now();
    count_down(ITERATIONS);
    uint32_t cycles = cycles_now() - start;

    print("iterations: ");
    print_unsigned(ITERATIONS);
    print("\ncycles: ");
    print_unsigned(cycles);
    print("\ndone\n");
    return 0;
}
