/* SPDX-License-Identifier: Apache-2.0 */
/* Vector table, reset handler and default exception handlers for any Armv7-M core. */
#include "board.h"

#include <stdint.h>

#define EXTERNAL_INTERRUPTS 96 /* the STM32L4R5 has 95; spare entries do no harm elsewhere */

#define SCB_CPACR (*(volatile uint32_t *)0xE000ED88u)
#define CPACR_FPU_FULL_ACCESS (0xFu << 20) /* coprocessors 10 and 11 */

/* Set by the linker script. */
extern uint32_t _stack_top[];
extern uint32_t _data_load[], _data_start[], _data_end[];
extern uint32_t _bss_start[], _bss_end[];

int main(void);
void Reset_Handler(void);

/* Where an exception ends that nobody handles: a spin that a debugger can find. */
void Default_Handler(void);
__attribute__((naked, used)) void Default_Handler(void)
{
    __asm volatile("b .");
}

/* Define a function of the same name to handle one of these. */
#define DEFAULT(name) __attribute__((weak, alias("Default_Handler"))) void name(void)
DEFAULT(NMI_Handler);
DEFAULT(HardFault_Handler);
DEFAULT(MemManage_Handler);
DEFAULT(BusFault_Handler);
DEFAULT(UsageFault_Handler);
DEFAULT(SVC_Handler);
DEFAULT(DebugMon_Handler);
DEFAULT(PendSV_Handler);
DEFAULT(SysTick_Handler);
DEFAULT(External_Handler); /* every external interrupt; IPSR - 16 is its number */

typedef void (*vector)(void);

__attribute__((section(".vectors"), used)) static const vector vectors[16 + EXTERNAL_INTERRUPTS] = {
    [0] = (vector)_stack_top,
    [1] = Reset_Handler,
    [2] = NMI_Handler,
    [3] = HardFault_Handler,
    [4] = MemManage_Handler,
    [5] = BusFault_Handler,
    [6] = UsageFault_Handler,
    [11] = SVC_Handler,
    [12] = DebugMon_Handler,
    [14] = PendSV_Handler,
    [15] = SysTick_Handler,
    [16 ... 15 + EXTERNAL_INTERRUPTS] = External_Handler,
};

void Reset_Handler(void)
{
    const uint32_t *load = _data_load;
    for (uint32_t *word = _data_start; word < _data_end; word++)
        *word = *load++;
    for (uint32_t *word = _bss_start; word < _bss_end; word++)
        *word = 0;

    SCB_CPACR |= CPACR_FPU_FULL_ACCESS;
    __asm volatile("dsb\n\tisb" ::: "memory");

    board_init();
    board_exit(main());
}

__attribute__((naked)) void _exit(int status)
{
    (void)status; /* stays in r0 */
    __asm volatile("b .");
}
