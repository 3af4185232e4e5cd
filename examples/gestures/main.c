/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the gesture in one picture, at 120 MHz, and prints the scores. */
#include "clock.h"
#include "cycles.h"
#include "network.h"
#include "print.h"

int main(void)
{
    int8_t scores[GESTURES];

    clock_fast();
    cycles_start();
    network_run(scores);
    const uint32_t cycles = cycles_now();
    clock_slow();

    print("scores:");
    for (uint32_t i = 0; i < GESTURES; i++) {
        print(" ");
        print_signed(scores[i]);
    }
    print("\ncycles: ");
    print_unsigned(cycles);
    print("\n");
    return 0;
}
