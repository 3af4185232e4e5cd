/* SPDX-License-Identifier: Apache-2.0 */
/* Every way into a layer and out of it. */
#include "layers.h"

uint32_t jump_buffer[10];

/* r4 to r11, sp, lr. */
__asm(".text\n.syntax unified\n.balign 4\n.thumb_func\n.global save_here\n.type save_here, %function\n"
      "save_here: mov r12, sp\n"
      "    stmia r0!, {r4-r7}\n"
      "    str r8, [r0], #4\n    str r9, [r0], #4\n    str r10, [r0], #4\n    str r11, [r0], #4\n"
      "    str r12, [r0], #4\n    str lr, [r0]\n"
      "    movs r0, #0\n    bx lr\n"
      ".size save_here, . - save_here\n"
      ".balign 4\n.thumb_func\n.global jump_back\n.type jump_back, %function\n"
      "jump_back: ldmia r0!, {r4-r7}\n"
      "    ldr r8, [r0], #4\n    ldr r9, [r0], #4\n    ldr r10, [r0], #4\n    ldr r11, [r0], #4\n"
      "    ldr r12, [r0], #4\n    ldr lr, [r0]\n"
      "    mov sp, r12\n    mov r0, r1\n    bx lr\n"
      ".size jump_back, . - jump_back\n");

static volatile uint32_t work_done;

static APART void work(void)
{
    work_done++;
}

APART void layer_leaf(void)
{
    work_done++;
}

APART void layer_two_leaves(void)
{
    layer_leaf();
    work();
    layer_leaf();
}

/* Tail calls: into a layer, out of one, from one layer to another. A layer that is split in two: its cold part, which
   is a symbol of its own, jumps back into it, once with a call on the way. */
void tail_into(void);
void layer_tail_out(void);
void layer_tail_layer(void);
void layer_split(uint32_t cold);
__asm(".text\n.balign 4\n.thumb_func\n.global tail_into\n.type tail_into, %function\n"
      "tail_into: b layer_leaf\n.size tail_into, . - tail_into\n"
      ".balign 4\n.thumb_func\n.global layer_tail_out\n.type layer_tail_out, %function\n"
      "layer_tail_out: b plain\n.size layer_tail_out, . - layer_tail_out\n"
      ".balign 4\n.thumb_func\n.type plain, %function\n"
      "plain: nop\n    bx lr\n.size plain, . - plain\n"
      ".balign 4\n.thumb_func\n.global layer_tail_layer\n.type layer_tail_layer, %function\n"
      "layer_tail_layer: b layer_leaf\n.size layer_tail_layer, . - layer_tail_layer\n"
      ".balign 4\n.thumb_func\n.type layer_split.cold, %function\n"
      "layer_split.cold: bl layer_leaf\n    b split_rest\n.size layer_split.cold, . - layer_split.cold\n"
      ".balign 4\n.thumb_func\n.global layer_split\n.type layer_split, %function\n"
      "layer_split: push {r4, lr}\n    cmp r0, #0\n    bne layer_split.cold\n"
      "split_rest: nop\n    pop {r4, pc}\n.size layer_split, . - layer_split\n");

static APART void layer_jumps(void)
{
    jump_back(jump_buffer, 1);
}

static APART void layer_around_jump(void)
{
    work();
    layer_jumps();
    work();
}

static APART void jumps_out_of_one(void)
{
    if (save_here(jump_buffer) == 0)
        layer_jumps();
    work();
}

static APART void jumps_out_of_two(void)
{
    if (save_here(jump_buffer) == 0)
        layer_around_jump();
    work();
}

/* The jump lands in the outer layer, which goes on. */
static APART void layer_catches(void)
{
    if (save_here(jump_buffer) == 0)
        layer_around_jump();
    work();
}

static APART void layer_recursive(uint32_t depth)
{
    work();
    if (depth)
        layer_recursive(depth - 1);
    work();
}

/* In RAM, where the start-up code copies it to. */
void layer_in_ram(void);
__asm(".section .data.code,\"aw\",%progbits\n.balign 4\n.thumb_func\n.global layer_in_ram\n"
      ".type layer_in_ram, %function\n"
      "layer_in_ram: nop\n    bx lr\n.size layer_in_ram, . - layer_in_ram\n.text\n");

static void (*volatile pointer)(void) = layer_two_leaves;
static void (*volatile in_ram)(void) = layer_in_ram;

void run_ways(void)
{
    layer_leaf();
    layer_two_leaves();
    tail_into();
    layer_tail_out();
    layer_tail_layer();
    layer_split(0);
    layer_split(1);
    jumps_out_of_one();
    jumps_out_of_two();
    layer_catches();
    layer_recursive(2);
    pointer();
    in_ram();
}
