/* SPDX-License-Identifier: Apache-2.0 */
/* What is right first, since what is wrong spoils the heap. Faults are passed over: the next instruction goes on. */
#include "cases.h"

volatile int32_t sink;

void HardFault_Handler(void);
__attribute__((naked)) void HardFault_Handler(void)
{
    __asm volatile("ldr r1, [sp, #24]\n ldrh r2, [r1]\n cmp r2, #0xE800\n ite hs\n addhs r1, #4\n addlo r1, #2\n"
                   " str r1, [sp, #24]\n bx lr");
}

int main(void)
{
    keep_neighbours();
    kernel_in_place();
    unused_output();
    cleared_then_written_in_part();
    fresh_memory_written_first();
    cleared_allocation();
    growing_allocation();
    allocation_where_one_was_freed();
    unaligned_word();

    overlapping_buffers();
    write_behind_the_arena();
    write_beside_the_arena();
    read_of_fresh_memory();
    copy_of_padding();
    read_of_freed_memory();
    write_to_freed_memory();
    write_to_nobodys_memory();
    stack_into_variable();
    write_to_flash();
    unaligned_pair();
    unaligned_with_trap();
    freed_but_not_allocated();
    freed_twice(); /* the list of free blocks has no end now */
    return 0;
}
