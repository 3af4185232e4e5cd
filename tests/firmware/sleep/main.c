/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeps until SysTick wakes it, with interrupts on and off, and then for ever. */
#include "cycles.h"
#include "print.h"

#include <stdint.h>

#define SYSTICK_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYSTICK_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYSTICK_CVR (*(volatile uint32_t *)0xE000E018u)
#define PERIOD 100000u

static volatile uint32_t ticks;

void SysTick_Handler(void);
void SysTick_Handler(void)
{
    ticks++;
}

int main(void)
{
    cycles_start();
    SYSTICK_RVR = PERIOD - 1;
    SYSTICK_CVR = 0;
    uint32_t start = cycles_now();
    SYSTICK_CSR = 7;
    while (ticks < 3)
        __asm volatile("wfi");
    uint32_t cycles = cycles_now() - start;
    print(cycles >= 3 * PERIOD && cycles < 3 * PERIOD + 100 ? "three periods\n" : "wrong time\n");

    __asm volatile("cpsid i" ::: "memory");
    __asm volatile("wfi");
    print(ticks == 3 ? "awake, masked\n" : "not masked\n");
    __asm volatile("cpsie i\n\tisb" ::: "memory");
    print(ticks == 4 ? "taken\n" : "lost\n");

    SYSTICK_CSR = 0;
    __asm volatile("wfi");
    print("never printed\n");
    return 0;
}
