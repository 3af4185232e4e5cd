/* SPDX-License-Identifier: Apache-2.0 */
/* First fit, in a list of free blocks in the order of their addresses; neighbours are joined when a block is freed. */
#include "allocator.h"

#include <stdint.h>

struct block {
    size_t size; /* with this header, a multiple of 8 */
    struct block *next;
};

static struct block *first_free;

void *memcpy(void *restrict destination, const void *restrict source, size_t size);
void *memset(void *destination, int value, size_t size);

/* A block's size for a payload; 0 where there is none so large. */
static size_t block_size(size_t payload)
{
    if (payload > PTRDIFF_MAX - 2 * sizeof(struct block))
        return 0;
    return (payload + sizeof(struct block) + 7) & ~(size_t)7;
}

/* Cuts a block in two where the rest can hold anything; returns the rest, or NULL. */
static struct block *split(struct block *block, size_t size)
{
    if (block->size < size + 2 * sizeof(struct block))
        return NULL;
    struct block *rest = (struct block *)((char *)block + size);
    rest->size = block->size - size;
    block->size = size;
    return rest;
}

void *malloc(size_t payload)
{
    const size_t size = block_size(payload);
    if (!size)
        return NULL;

    for (struct block **link = &first_free; *link; link = &(*link)->next) {
        struct block *const block = *link;
        if (block->size < size)
            continue;
        struct block *const next = block->next, *const rest = split(block, size);
        *link = rest ? rest : next;
        if (rest)
            rest->next = next;
        return block + 1;
    }

    struct block *const block = _sbrk((ptrdiff_t)size);
    if (block == (void *)-1)
        return NULL;
    block->size = size;
    return block + 1;
}

static void join_next(struct block *block)
{
    if ((char *)block + block->size == (char *)block->next) {
        block->size += block->next->size;
        block->next = block->next->next;
    }
}

void free(void *payload)
{
    if (!payload)
        return;
    struct block *const block = (struct block *)payload - 1;
    struct block *before = NULL, *after = first_free;
    while (after && after < block) {
        before = after;
        after = after->next;
    }
    block->next = after;
    join_next(block);
    if (!before) {
        first_free = block;
        return;
    }
    before->next = block;
    join_next(before);
}

void *calloc(size_t count, size_t size)
{
    if (size && count > PTRDIFF_MAX / size)
        return NULL;
    void *const payload = malloc(count * size);
    return payload ? memset(payload, 0, count * size) : NULL;
}

void *realloc(void *old, size_t payload)
{
    if (!old)
        return malloc(payload);
    const size_t room = ((struct block *)old - 1)->size - sizeof(struct block);
    if (payload <= room)
        return old;
    void *const new = malloc(payload);
    if (!new)
        return NULL;
    memcpy(new, old, room);
    free(old);
    return new;
}
