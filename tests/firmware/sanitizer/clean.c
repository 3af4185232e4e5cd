/* SPDX-License-Identifier: Apache-2.0 */
/* What the sanitizer must not find, although it looks much like what it must. */
#include "allocator.h"
#include "cases.h"
#include "mcusim.h"

void *memset(void *destination, int value, size_t size);

static int8_t words[8] = {1, 2, 3, 4, 5, 6, 7, 8};

SEPARATE static void make(int8_t *output, int32_t count, int32_t seed)
{
    for (int32_t i = 0; i < count; i++)
        output[i] = (int8_t)(i * 7 + seed);
}

SEPARATE static int32_t sum(const int8_t *input, int32_t count)
{
    int32_t total = 0;
    for (int32_t i = 0; i < count; i++)
        total += input[i];
    return total;
}

/* Halves a row in its own place: the second half of the input is overwritten by nobody, the first while it is read. */
SEPARATE static void halve(int8_t *row, int32_t count)
{
    for (int32_t i = 0; i < count / 2; i++)
        row[i] = (int8_t)(row[2 * i] + row[2 * i + 1]);
}

void kernel_in_place(void)
{
    MCUSIM_LAYER("row") { make(arena + 192, 64, 1); }
    MCUSIM_LAYER("halves") { halve(arena + 192, 64); }
    MCUSIM_LAYER("total of halves") { sink = sum(arena + 192, 32); }
}

/* The second output of a layer is needed by nobody; its place is used again while the first one is still live. */
void unused_output(void)
{
    MCUSIM_LAYER("two outputs")
    {
        make(arena + 256, 32, 1);
        make(arena + 320, 32, 2);
    }
    MCUSIM_LAYER("over the unused") { make(arena + 320, 32, 9); }
    MCUSIM_LAYER("total of both") { sink = sum(arena + 256, 32) + sum(arena + 320, 32); }
}

/* A buffer is cleared by one layer, and written in part by another one. */
void cleared_then_written_in_part(void)
{
    MCUSIM_LAYER("clear") { memset(arena + 384, 0, 64); }
    MCUSIM_LAYER("part") { make(arena + 400, 16, 4); }
    MCUSIM_LAYER("total") { sink = sum(arena + 384, 64); }
}

void fresh_memory_written_first(void)
{
    int8_t *const block = malloc(32);
    make(block, 32, 1);
    sink = sum(block, 32);
    free(block);
}

void cleared_allocation(void)
{
    int8_t *const block = calloc(4, 8);
    sink = sum(block, 32);
    free(block);
}

void growing_allocation(void)
{
    int8_t *block = malloc(16);
    int8_t *const wall = malloc(8); /* so that the block has to move */
    make(block, 16, 1);
    block = realloc(block, 48);
    make(block + 16, 32, 2);
    sink = sum(block, 48);
    free(block);
    free(wall);
}

void allocation_where_one_was_freed(void)
{
    int8_t *const first = malloc(64);
    make(first, 64, 1);
    free(first);
    int8_t *const second = malloc(64);
    make(second, 64, 2);
    sink = sum(second, 64);
    free(second);
}

void unaligned_word(void)
{
    uint32_t word;
    __asm volatile("ldr.w %0, [%1]" : "=r"(word) : "r"(words + 1) : "memory");
    sink = (int32_t)word;
}
