/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASES_H
#define CASES_H

#include <stdint.h>

#define SEPARATE __attribute__((noipa)) /* a call stays a call, whatever the compiler knows of the function */
#define ARENA_BYTES 512

extern int8_t arena[ARENA_BYTES];
extern volatile int32_t sink;

/* Each does one thing that is wrong, at a line that says which: "found: KIND". */
void overlapping_buffers(void);
void write_behind_the_arena(void);
void write_beside_the_arena(void);
void read_of_fresh_memory(void);
void copy_of_padding(void);
void read_of_freed_memory(void);
void write_to_freed_memory(void);
void freed_twice(void);
void freed_but_not_allocated(void);
void write_to_nobodys_memory(void);
void stack_into_variable(void);
void write_to_flash(void);
void unaligned_pair(void);
void unaligned_with_trap(void);
void keep_neighbours(void);

/* Right, and much like what is wrong. */
void kernel_in_place(void);
void unused_output(void);
void cleared_then_written_in_part(void);
void fresh_memory_written_first(void);
void cleared_allocation(void);
void growing_allocation(void);
void allocation_where_one_was_freed(void);
void unaligned_word(void);

#endif
