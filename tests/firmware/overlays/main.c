/* SPDX-License-Identifier: Apache-2.0 */
/* Code in RAM that changes: two overlays in turn at one address, and an instruction that is patched in place. */
#include "print.h"

#include <stdint.h>

#define SYNC() __asm volatile("dsb\n\tisb" ::: "memory")

uint32_t overlay_add(uint32_t x);
uint32_t overlay_multiply(uint32_t x);
extern const uint32_t overlay_add_code[], overlay_add_end[], overlay_multiply_code[], overlay_multiply_end[];
__asm(".text\n.syntax unified\n.balign 4\n.global overlay_add\n.type overlay_add, %function\n"
      ".global overlay_add_code\noverlay_add_code:\n.thumb_func\noverlay_add: adds r0, #3\n    bx lr\n"
      ".size overlay_add, . - overlay_add\n.balign 4\n.global overlay_add_end\noverlay_add_end:\n"
      ".balign 4\n.global overlay_multiply\n.type overlay_multiply, %function\n"
      ".global overlay_multiply_code\noverlay_multiply_code:\n.thumb_func\n"
      "overlay_multiply: movs r1, #5\n    muls r0, r1, r0\n1:  subs r1, #1\n    bne 1b\n    bx lr\n"
      ".size overlay_multiply, . - overlay_multiply\n.balign 4\n.global overlay_multiply_end\noverlay_multiply_end:\n");

static uint32_t area[16];

static __attribute__((noipa)) void load_overlay(const uint32_t *from, const uint32_t *end)
{
    for (uint32_t *to = area; from < end;)
        *to++ = *from++;
    SYNC();
}

static __attribute__((noipa)) uint32_t call_overlay(uint32_t x)
{
    return ((uint32_t(*)(uint32_t))((uintptr_t)area | 1))(x);
}

int main(void)
{
    for (uint32_t round = 1; round <= 10; round++) {
        load_overlay(overlay_add_code, overlay_add_end);
        print_unsigned(call_overlay(round));
        print(" ");
        load_overlay(overlay_multiply_code, overlay_multiply_end);
        print_unsigned(call_overlay(round));
        print("\n");
    }
    load_overlay(overlay_add_code, overlay_add_end);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 20; i++) {
        *(volatile uint8_t *)area = (uint8_t)i; /* adds r0, #i */
        SYNC();
        sum += call_overlay(100);
    }
    print("patched: ");
    print_unsigned(sum);
    print("\n");
    return 0;
}
