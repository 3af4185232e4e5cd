/* SPDX-License-Identifier: Apache-2.0 */
/* An allocator that hands out memory and never takes it back, used in odd ways. */
#include "layers.h"

#define JUMPING 666u /* so many bytes are not to be had: the allocator jumps out */

#define NVIC_ISPR REGISTER(0xE000E200u)

static uint8_t pool[2048];
static uint32_t used;

APART void *malloc(uint32_t size)
{
    if (size == JUMPING)
        jump_back(jump_buffer, 1);
    if (size > sizeof pool - used)
        return 0;
    void *block = pool + used;
    used += (size + 7u) & ~7u;
    return block;
}

APART void free(void *block)
{
    if (block)
        __asm volatile("nop");
}

__asm(".text\n.balign 4\n.thumb_func\n.global jump_to_free\n.type jump_to_free, %function\n"
      "jump_to_free: b free\n.size jump_to_free, . - jump_to_free\n");

static APART void leave_by_jump(void)
{
    if (save_here(jump_buffer) == 0)
        malloc(JUMPING);
}

static APART void *allocate(uint32_t size)
{
    return malloc(size);
}

void run_allocator(void)
{
    void *first = allocate(10);
    leave_by_jump();
    void *second = malloc(20);
    free(first);
    malloc(5000); /* fails */
    jump_to_free(second);
    free(0);
    malloc(7); /* never freed */
}
