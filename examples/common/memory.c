/* SPDX-License-Identifier: Apache-2.0 */
/* The memory functions that GCC may call in a freestanding program. Built with
   -fno-tree-loop-distribute-patterns, lest the loops be turned into calls to themselves. */
#include <stddef.h>

void *memcpy(void *restrict destination, const void *restrict source, size_t size);
void *memmove(void *destination, const void *source, size_t size);
void *memset(void *destination, int value, size_t size);
int memcmp(const void *left, const void *right, size_t size);

void *memcpy(void *restrict destination, const void *restrict source, size_t size)
{
    unsigned char *to = destination;
    const unsigned char *from = source;
    while (size--)
        *to++ = *from++;
    return destination;
}

void *memmove(void *destination, const void *source, size_t size)
{
    unsigned char *to = destination;
    const unsigned char *from = source;
    if (to < from)
        while (size--)
            *to++ = *from++;
    else
        while (size--)
            to[size] = from[size];
    return destination;
}

void *memset(void *destination, int value, size_t size)
{
    unsigned char *to = destination;
    while (size--)
        *to++ = (unsigned char)value;
    return destination;
}

int memcmp(const void *left, const void *right, size_t size)
{
    const unsigned char *a = left, *b = right;
    for (; size--; a++, b++)
        if (*a != *b)
            return *a - *b;
    return 0;
}
