/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the firmware share. Functions named layer_* are the layers; the others must not be. */
#ifndef LAYERS_H
#define LAYERS_H

#include <stdint.h>

#define APART __attribute__((noipa))
#define REGISTER(address) (*(volatile uint32_t *)(address))
#define SYNC() __asm volatile("dsb\n\tisb" ::: "memory")

extern uint32_t jump_buffer[10];
int save_here(uint32_t *buffer); /* setjmp and longjmp */
_Noreturn void jump_back(uint32_t *buffer, int value);

void layer_leaf(void);
void layer_two_leaves(void);

void run_ways(void);       /* calls, tail calls, jumps: ways.c */
void run_interrupts(void); /* tasks.c */
void run_tasks(void);
void run_markers(void);   /* main.c */
void run_allocator(void); /* allocator.c */

void *malloc(uint32_t size);
void free(void *block);
void jump_to_free(void *block); /* a tail call */

#endif
