/* SPDX-License-Identifier: Apache-2.0 */
/* Cycles between two reads of a counter, with a few instructions between them, all in one basic block where the
   instructions allow it. Prints one line each; the tests hold them against counts made by hand. */
#include "cycles.h"
#include "print.h"

#include <stdint.h>

#define SYSTICK_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYSTICK_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYSTICK_CVR_ADDRESS 0xE000E018u
#define DWT_CYCCNT_ADDRESS 0xE0001004u

typedef uint32_t snippet(uintptr_t counter, uint32_t *memory, uint32_t a, uint32_t b);

/* The counter's address is in r4, memory in r1, a and b in r5 and r6. The body starts on a word boundary. */
#define SNIPPET(name, body)                                                                                            \
    uint32_t name(uintptr_t counter, uint32_t *memory, uint32_t a, uint32_t b);                                        \
    __asm(".text\n.syntax unified\n.balign 4\n.thumb_func\n.global " #name "\n.type " #name ", %function\n" #name ":\n" \
          "    push {r4-r7, lr}\n    mov r4, r0\n    mov r5, r2\n    mov r6, r3\n"                                     \
          "    nop\n    ldr r2, [r4]\n" body "\n    ldr r3, [r4]\n    subs r0, r3, r2\n    pop {r4-r7, pc}\n"         \
          ".size " #name ", . - " #name "\n.ltorg\n");

SNIPPET(time_nothing, "")
SNIPPET(time_nop, "nop")
SNIPPET(time_add, "adds r0, #1")
SNIPPET(time_adds, "adds r0, #1\nadds r0, #1\nadds r0, #1")
SNIPPET(time_multiply, "muls r0, r5, r0")
SNIPPET(time_load, "ldr r0, [r1]")
SNIPPET(time_load_add, "ldr r0, [r1]\nadds r0, #1")
SNIPPET(time_load_address, "ldr r0, [r1, #4]\nldr r0, [r0]")
SNIPPET(time_store, "str r0, [r1]")
SNIPPET(time_store_add, "str r0, [r1]\nadds r0, #1")
SNIPPET(time_push_pop, "push {r5, r6}\npop {r5, r6}")
SNIPPET(time_address, "adds r1, #4\nldr r0, [r1]")
SNIPPET(time_it_load, "cmp r0, r0\nit eq\nldreq r0, [r1]\nadd r5, r6")
SNIPPET(time_it_skipped_load, "cmp r0, r0\nit ne\nldrne r0, [r1]\nadd r5, r6")
SNIPPET(time_it_skipped_load_flags, "cmp r0, r0\nit ne\nldrne r0, [r1]\nadds r5, #1")
SNIPPET(time_not_taken, "cmp r0, r0\nbne 1f\n1:")
SNIPPET(time_taken, "b 1f\nnop\n1:")
SNIPPET(time_call, "bl leaf")
SNIPPET(time_barrier, "isb")
SNIPPET(time_float, "vadd.f32 s0, s1, s2\nvadd.f32 s3, s0, s0")
SNIPPET(time_float_divide, "vdiv.f32 s0, s1, s2\nadds r0, #1\nadds r0, #1\nadds r0, #1\nvmov.f32 s3, s1")
SNIPPET(time_udiv, "udiv r0, r5, r6")
SNIPPET(time_sdiv, "sdiv r0, r5, r6")
SNIPPET(time_udiv_overwritten, "udiv r5, r5, r6")

__asm(".text\n.balign 4\n.thumb_func\n.type leaf, %function\nleaf: bx lr\n.size leaf, . - leaf\n");

static const struct {
    const char *name;
    snippet *run;
} snippets[] = {
    {"nothing", time_nothing},
    {"nop", time_nop},
    {"add", time_add},
    {"adds", time_adds},
    {"multiply", time_multiply},
    {"load", time_load},
    {"load add", time_load_add},
    {"load address", time_load_address},
    {"store", time_store},
    {"store add", time_store_add},
    {"push pop", time_push_pop},
    {"address", time_address},
    {"it load", time_it_load},
    {"it skipped load", time_it_skipped_load},
    {"it skipped load, flags lost", time_it_skipped_load_flags},
    {"not taken", time_not_taken},
    {"taken", time_taken},
    {"call", time_call},
    {"barrier", time_barrier},
    {"float", time_float},
    {"float divide", time_float_divide},
};

static const uint32_t operands[] = {0, 1, 2, 3, 7, 15, 16, 255, 256, 65535, 0x12345, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF};
#define OPERANDS (sizeof operands / sizeof *operands)

/* [kind][dividend][divisor]: what a division took, with the two cycles around it. Read by the test.
   The kinds are UDIV, SDIV, and UDIV whose quotient replaces the dividend. */
uint32_t division_cycles[3][OPERANDS][OPERANDS];

static uint32_t memory[4] = {(uint32_t)0x20000000u, (uint32_t)0x20000000u};

static void show(const char *counter, const char *name, uint32_t cycles)
{
    print(counter);
    print(name);
    print(": ");
    print_unsigned(cycles);
    print("\n");
}

int main(void)
{
    cycles_start();
    SYSTICK_RVR = 0xFFFFFF;
    *(volatile uint32_t *)SYSTICK_CVR_ADDRESS = 0;
    SYSTICK_CSR = 5;
    for (uint32_t i = 0; i < sizeof snippets / sizeof *snippets; i++) {
        show("", snippets[i].name, snippets[i].run(DWT_CYCCNT_ADDRESS, memory, 1, 1));
        show("systick ", snippets[i].name, 0u - snippets[i].run(SYSTICK_CVR_ADDRESS, memory, 1, 1));
    }
    for (uint32_t i = 0; i < OPERANDS; i++)
        for (uint32_t j = 0; j < OPERANDS; j++) {
            division_cycles[0][i][j] = time_udiv(DWT_CYCCNT_ADDRESS, memory, operands[i], operands[j]);
            division_cycles[1][i][j] = time_sdiv(DWT_CYCCNT_ADDRESS, memory, operands[i], operands[j]);
            division_cycles[2][i][j] = time_udiv_overwritten(DWT_CYCCNT_ADDRESS, memory, operands[i], operands[j]);
        }
    return 0;
}
