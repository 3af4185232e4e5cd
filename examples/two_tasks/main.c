/* SPDX-License-Identifier: Apache-2.0 */
/* Two tasks on stacks of their own: one filters samples in floating point, the other sorts; each takes turns. */
#include "print.h"
#include "scheduler.h"

#include <stdint.h>

#define SAMPLES 64u
#define ROUNDS 40u
#define ITEMS 48u
#define CYCLES_PER_TICK 16000u

static uint32_t filter_stack[128] __attribute__((aligned(8)));
static uint32_t sort_stack[192] __attribute__((aligned(8)));
static volatile uint32_t rounds_filtered, rounds_sorted;
static float filtered;
static uint32_t items[ITEMS];

static __attribute__((noinline)) float low_pass(float state, uint32_t round)
{
    for (uint32_t sample = 0; sample < SAMPLES; sample++)
        state += 0.125f * ((float)((sample * 7 + round) % 32) - state);
    return state;
}

static void filter_task(void)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        filtered = low_pass(filtered, round);
        rounds_filtered++;
    }
    for (;;)
        task_yield();
}

static __attribute__((noinline)) void sort(uint32_t first, uint32_t end)
{
    if (end - first < 2)
        return;
    uint32_t pivot = items[first], boundary = first;
    for (uint32_t index = first + 1; index < end; index++) {
        if (items[index] < pivot) {
            uint32_t item = items[index];
            boundary++;
            items[index] = items[boundary];
            items[boundary] = item;
        }
    }
    items[first] = items[boundary];
    items[boundary] = pivot;
    sort(first, boundary);
    sort(boundary + 1, end);
}

static void sort_task(void)
{
    uint32_t state = 1;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t index = 0; index < ITEMS; index++) {
            state = state * 1664525u + 1013904223u; /* Numerical Recipes' generator */
            items[index] = state >> 8;
        }
        sort(0, ITEMS);
        rounds_sorted++;
    }
    while (rounds_filtered < ROUNDS)
        task_yield();
    scheduler_stop();
}

int main(void)
{
    task_add(filter_task, filter_stack, sizeof filter_stack / sizeof *filter_stack);
    task_add(sort_task, sort_stack, sizeof sort_stack / sizeof *sort_stack);
    scheduler_run(CYCLES_PER_TICK);

    uint32_t in_order = 1;
    for (uint32_t index = 1; index < ITEMS; index++)
        in_order &= items[index - 1] <= items[index];
    print("filtered: ");
    print_unsigned((uint32_t)(filtered * 1000.0f));
    print("\nsorted: ");
    print_unsigned(rounds_sorted);
    print(in_order ? " times, in order\n" : " times, wrong\n");
    print("done\n");
    return 0;
}
