/* SPDX-License-Identifier: Apache-2.0 */
/* The heap, as the C standard has it (allocator.c, or a C library's), and what it grows by (sbrk.c). */
#ifndef ALLOCATOR_H
#define ALLOCATOR_H

#include <stddef.h>

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t size);
void free(void *block);

/* Moves the end of the heap by `change` bytes and returns where it was; (void *)-1 where there is no room. */
void *_sbrk(ptrdiff_t change);

#endif
