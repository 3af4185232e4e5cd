/* SPDX-License-Identifier: Apache-2.0 */
/* Every way that control enters and leaves functions, each with counts that are known by hand. The firmware is built
   without tail-call optimisation, so that what recurses in C recurses in code; tail calls are asked for one by one. */
#include "print.h"

#include <stdint.h>

#define APART __attribute__((noipa))

static uint32_t jump_buffer[10];

/* r4 to r11, sp, lr. */
int save_here(uint32_t *buffer);
_Noreturn void jump_back(uint32_t *buffer, int value);
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

/* A tail call in assembly, and a function that is split in two: its cold part jumps back into it. */
uint32_t tail_first(uint32_t x);
uint32_t tail_second(uint32_t x);
uint32_t split(uint32_t x);
uint32_t dispatch(uint32_t x);
__asm(".text\n.balign 4\n.thumb_func\n.global tail_first\n.type tail_first, %function\n"
      "tail_first: adds r0, #1\n    b tail_second\n.size tail_first, . - tail_first\n"
      ".balign 4\n.thumb_func\n.type split.cold, %function\n"
      "split.cold: adds r0, #10\n    b split_rest\n.size split.cold, . - split.cold\n"
      ".balign 4\n.thumb_func\n.global tail_second\n.type tail_second, %function\n"
      "tail_second: adds r0, #2\n    bx lr\n.size tail_second, . - tail_second\n"
      ".balign 4\n.thumb_func\n.global split\n.type split, %function\n"
      "split: cmp r0, #0\n    beq split.cold\n"
      "split_rest: adds r0, #1\n    bx lr\n.size split, . - split\n"
      /* A jump through a table of byte offsets. */
      ".balign 4\n.thumb_func\n.global dispatch\n.type dispatch, %function\n"
      "dispatch: and r0, #3\n    tbb [pc, r0]\n"
      "1:  .byte (2f - 1b) / 2, (3f - 1b) / 2, (4f - 1b) / 2, (5f - 1b) / 2\n"
      "2:  movs r0, #7\n    bx lr\n"
      "3:  movs r0, #70\n    bx lr\n"
      "4:  mov r1, #700\n    mov r0, r1\n    bx lr\n"
      "5:  b tail_second\n"
      ".size dispatch, . - dispatch\n");

static APART uint32_t level3(uint32_t x)
{
    return x * 3;
}

static APART uint32_t level2(uint32_t x)
{
    return level3(x) + level3(x + 1);
}

static APART uint32_t level1(uint32_t x)
{
    return level2(x) + 1;
}

static APART uint32_t fibonacci(uint32_t n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static APART uint32_t is_odd(uint32_t n);

static APART uint32_t is_even(uint32_t n)
{
    return n == 0 ? 1 : is_odd(n - 1);
}

static APART uint32_t is_odd(uint32_t n)
{
    return n == 0 ? 0 : is_even(n - 1);
}

static APART uint32_t deep(uint32_t n)
{
    return n == 0 ? 0 : 1 + deep(n - 1);
}

__attribute__((noipa, optimize("optimize-sibling-calls"))) static uint32_t tail_in_c(uint32_t x)
{
    return level3(x + 5);
}

static uint32_t (*const computed[])(uint32_t) = {level1, level3, tail_first};

static APART uint32_t call_computed(uint32_t rounds)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 3 * rounds; i++)
        sum += computed[i % 3](i);
    return sum;
}

static volatile uint32_t zero;

static APART void throw(uint32_t depth)
{
    if (depth == zero)
        jump_back(jump_buffer, 9);
    if (depth > zero) /* always, but the compiler would warn of endless recursion */
        throw(depth - 1);
    zero = 0;
}

static APART uint32_t catch(uint32_t depth)
{
    uint32_t value = (uint32_t)save_here(jump_buffer);
    if (value == 0)
        throw(depth);
    return value + level3(depth);
}

static APART void show(const char *name, uint32_t value)
{
    print(name);
    print(": ");
    print_unsigned(value);
    print("\n");
}

int main(void)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 5; i++)
        sum += level1(i);
    show("nested", sum);
    show("recursion", fibonacci(7));
    show("mutual", is_even(9));
    show("deep", deep(1500));
    show("tail", tail_first(1) + tail_first(2) + tail_in_c(1));
    show("computed", call_computed(4));
    show("caught", catch(3) + catch(0) + catch(2));
    show("split", split(0) + split(1) + split(0) + split(5));
    sum = 0;
    for (uint32_t i = 0; i < 8; i++)
        sum += dispatch(i);
    show("dispatch", sum);
    return 0;
}
