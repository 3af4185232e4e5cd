/* SPDX-License-Identifier: Apache-2.0 */
/* Layers entered and left in every way. Each part of the firmware is a function run_*, whose layers the tests know. */
#include "layers.h"
#include "mcusim.h"

static APART void begin_only(void)
{
    mcusim_layer_begin("left open");
}

static APART void end_of_callers(void)
{
    mcusim_layer_end();
}

static APART void closed_by_callee(void)
{
    mcusim_layer_begin("closed below");
    end_of_callers();
    mcusim_layer_begin("beside it");
    mcusim_layer_end();
}

void run_markers(void)
{
    MCUSIM_LAYER("outer")
    {
        MCUSIM_LAYER("inner")
            layer_leaf();
        layer_leaf();
    }
    begin_only();
    mcusim_layer_end(); /* one too many */
    closed_by_callee();
    mcusim_layer_begin((const char *)0xF0000000u); /* no memory there */
    mcusim_layer_end();
}

static APART void layer_forever(void)
{
    for (;;)
        __asm volatile("b ."); /* the run ends here */
}

int main(void)
{
    run_ways();
    run_interrupts();
    run_tasks();
    run_markers();
    run_allocator();
    layer_forever();
    return 0;
}
