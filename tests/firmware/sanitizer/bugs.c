/* SPDX-License-Identifier: Apache-2.0 */
/* What the sanitizer must find: one of each, at the lines that say so. */
#include "allocator.h"
#include "cases.h"
#include "mcusim.h"

void *memcpy(void *restrict destination, const void *restrict source, size_t size);

#define SMALL_STACK_BYTES 256

static int8_t before_arena[32] __attribute__((aligned(32)));
int8_t arena[ARENA_BYTES] __attribute__((aligned(32)));
static int8_t behind_arena[32];
static int8_t below_stack[128];
static uint64_t small_stack[SMALL_STACK_BYTES / 8];
static int8_t copied[8];
static int8_t numbers[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static const uint32_t constants[2] = {1, 2};

/* Nobody else names these. */
void keep_neighbours(void)
{
    sink = before_arena[0] + behind_arena[0] + below_stack[0];
}

/* Layers */

SEPARATE static void make(int8_t *output, int32_t count, int32_t seed)
{
    for (int32_t i = 0; i < count; i++)
        output[i] = (int8_t)(i * 7 + seed);
}

SEPARATE static void make_over(int8_t *output, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        output[i] = (int8_t)(i * 5 + 1); /* found: overlap */
}

SEPARATE static void add(const int8_t *left, const int8_t *right, int8_t *output, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        output[i] = (int8_t)(left[i] + right[i]);
}

/* The second buffer begins 16 bytes before the end of the first one, which is still needed. */
void overlapping_buffers(void)
{
    MCUSIM_LAYER("first") { make(arena, 64, 3); }
    MCUSIM_LAYER("second") { make_over(arena + 48, 64); }
    MCUSIM_LAYER("sum") { add(arena, arena + 48, arena + 128, 64); }
    sink = arena[190];
}

SEPARATE static void make_too_much(int8_t *output, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        output[i] = (int8_t)i; /* found: outside-arena */
}

void write_behind_the_arena(void)
{
    MCUSIM_LAYER("too much") { make_too_much(arena + 480, 36); }
    sink = arena[511];
}

SEPARATE static void end_with_zero(int8_t *output)
{
    output[-1] = 0; /* found: outside-arena */
}

void write_beside_the_arena(void)
{
    MCUSIM_LAYER("beside") { end_with_zero(arena); }
}

/* The heap */

SEPARATE static void show_third(const int32_t *words)
{
    sink = words[2]; /* found: unwritten */
}

void read_of_fresh_memory(void)
{
    int32_t *const words = malloc(16);
    words[0] = words[1] = words[3] = 1;
    show_third(words);
    free(words);
}

void copy_of_padding(void)
{
    int8_t *const record = malloc(8);
    for (int32_t i = 0; i < 8; i++)
        if (i < 1 || i > 3) /* a structure of a byte and a word */
            record[i] = 1;
    memcpy(copied, record, 8); /* memory.c reads the padding */
    free(record);
}

void read_of_freed_memory(void)
{
    volatile int32_t *const block = malloc(24);
    block[1] = 5;
    free((void *)block);
    sink = block[1]; /* found: freed-read */
}

void write_to_freed_memory(void)
{
    volatile int32_t *const block = malloc(40);
    free((void *)block);
    block[2] = 5; /* found: freed-written */
}

void freed_twice(void)
{
    void *const block = malloc(56);
    free(block);
    free(block); /* found: freed-twice */
}

void freed_but_not_allocated(void)
{
    int8_t *const block = malloc(72);
    void *const inside = block + 20;
    /* What free will take for the block's size, and the next free block. */
    *(volatile int32_t *)(block + 12) = 8;
    *(volatile int32_t *)(block + 16) = 0;
    free(inside); /* found: never-allocated */
}

/* Elsewhere */

void write_to_nobodys_memory(void)
{
    volatile int32_t *const middle = (int32_t *)0x20050000u;
    *middle = 1; /* found: unreserved */
}

SEPARATE static void recurse(int32_t times)
{ /* found: stack */
    volatile int32_t local[8];
    local[0] = times;
    if (times > 0)
        recurse(times - 1);
    sink = local[0];
}

/* Calls `function(argument)` with another stack. */
__attribute__((naked)) static void on_stack(void *top, void (*function)(int32_t), int32_t argument)
{
    (void)top, (void)function, (void)argument;
    __asm volatile("push {r4, lr}\n mov r4, sp\n mov sp, r0\n mov r0, r2\n blx r1\n mov sp, r4\n pop {r4, pc}");
}

void stack_into_variable(void)
{
    on_stack(small_stack + SMALL_STACK_BYTES / 8, recurse, 6);
}

void write_to_flash(void)
{
    *(volatile uint32_t *)(uintptr_t)&constants[1] = 3; /* found: read-only */
}

void unaligned_pair(void)
{
    uint32_t low, high;
    __asm volatile("ldrd %0, %1, [%2]" : "=&r"(low), "=&r"(high) : "r"(numbers + 1) : "memory"); /* found: unaligned */
    sink = (int32_t)(low + high);
}

#define SCB_CCR (*(volatile uint32_t *)0xE000ED14u)
#define SCB_CCR_UNALIGN_TRP (1u << 3)

void unaligned_with_trap(void)
{
    uint32_t word;
    SCB_CCR |= SCB_CCR_UNALIGN_TRP;
    __asm volatile("ldr.w %0, [%1]" : "=r"(word) : "r"(numbers + 2) : "memory"); /* found: unaligned */
    SCB_CCR &= ~SCB_CCR_UNALIGN_TRP;
    sink = (int32_t)word;
}
