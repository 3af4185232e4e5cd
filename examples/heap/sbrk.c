/* SPDX-License-Identifier: Apache-2.0 */
#include "allocator.h"

#include <stdint.h>

/* The heap is all that lies between the variables and the stack. */
extern char _bss_end[], _stack_top[], _stack_size[];

void *_sbrk(ptrdiff_t change)
{
    static char *top = _bss_end;
    char *const limit = (char *)((uintptr_t)_stack_top - (uintptr_t)_stack_size);
    char *const old = top;

    if (change > limit - old)
        return (void *)-1;
    top = old + change;
    return old;
}
