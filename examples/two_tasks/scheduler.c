/* SPDX-License-Identifier: Apache-2.0 */
/* Context switch by PendSV at the lowest priority (Armv7-M ARM, B1.5): hardware stacks r0-r3, r12, lr, pc, xPSR and,
   if the task has used the floating-point unit, s0-s15; the handler adds r4-r11, EXC_RETURN and s16-s31. */
#include "scheduler.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define SCB_ICSR REGISTER(0xE000ED04u)
#define SCB_ICSR_PENDSVSET (1u << 28)
#define SCB_SHPR3 REGISTER(0xE000ED20u)
#define SHPR3_PENDSV_LOWEST (0xFFu << 16)
#define SYST_CSR REGISTER(0xE000E010u)
#define SYST_RVR REGISTER(0xE000E014u)
#define SYST_CVR REGISTER(0xE000E018u)
#define SYST_CSR_RUN_WITH_INTERRUPT 7u

#define XPSR_THUMB (1u << 24)
#define EXC_RETURN_THREAD_PSP_BASIC 0xFFFFFFFDu
#define EXC_RETURN_THREAD_MSP_BASIC 0xFFFFFFF9u
#define SAVED_WORDS 9u    /* r4-r11, EXC_RETURN */
#define HARDWARE_WORDS 8u /* r0-r3, r12, lr, pc, xPSR */

static uint32_t *saved_sp[MAX_TASKS];
static uint32_t task_count;
static volatile uint32_t running;
static volatile uint32_t stopping;

static void task_returned(void)
{
    __asm volatile("bkpt 1");
}

void task_add(void (*entry)(void), uint32_t *stack, uint32_t stack_words)
{
    uint32_t *sp = stack + stack_words - HARDWARE_WORDS - SAVED_WORDS;
    for (uint32_t index = 0; index < HARDWARE_WORDS + SAVED_WORDS; index++)
        sp[index] = 0;
    sp[SAVED_WORDS - 1] = EXC_RETURN_THREAD_PSP_BASIC;
    sp[SAVED_WORDS + 5] = (uint32_t)task_returned;
    sp[SAVED_WORDS + 6] = (uint32_t)entry & ~1u;
    sp[SAVED_WORDS + 7] = XPSR_THUMB;
    saved_sp[task_count++] = sp;
}

/* Returns where the next task's registers are, having noted where those of the last one went. */
__attribute__((used)) static uint32_t *next_task(uint32_t *sp)
{
    saved_sp[running] = sp;
    running = running + 1 < task_count ? running + 1 : 0;
    return saved_sp[running];
}

__attribute__((used)) static uint32_t *first_task(void)
{
    return saved_sp[running];
}

__attribute__((naked)) void PendSV_Handler(void)
{
    __asm volatile("mrs r0, psp\n\t"
                   "tst lr, #16\n\t"
                   "it eq\n\t"
                   "vstmdbeq r0!, {s16-s31}\n\t"
                   "stmdb r0!, {r4-r11, lr}\n\t"
                   "bl next_task\n\t"
                   "ldmia r0!, {r4-r11, lr}\n\t"
                   "tst lr, #16\n\t"
                   "it eq\n\t"
                   "vldmiaeq r0!, {s16-s31}\n\t"
                   "msr psp, r0\n\t"
                   "bx lr");
}

/* SVC 0 starts the first task, SVC 1 goes back to the stack that SVC 0 was called on. */
__attribute__((naked)) void SVC_Handler(void)
{
    __asm volatile("tst lr, #4\n\t"
                   "bne 1f\n\t"
                   "push {r4-r11}\n\t"
                   "bl first_task\n\t"
                   "ldmia r0!, {r4-r11, lr}\n\t"
                   "msr psp, r0\n\t"
                   "bx lr\n"
                   "1:\n\t"
                   "pop {r4-r11}\n\t"
                   "mvn lr, #6\n\t" /* 0xFFFFFFF9 */
                   "bx lr");
}

void SysTick_Handler(void)
{
    if (!stopping)
        SCB_ICSR = SCB_ICSR_PENDSVSET;
}

void task_yield(void)
{
    SCB_ICSR = SCB_ICSR_PENDSVSET;
    __asm volatile("dsb\n\tisb" ::: "memory");
}

void scheduler_run(uint32_t cycles_per_tick)
{
    SCB_SHPR3 |= SHPR3_PENDSV_LOWEST;
    SYST_RVR = cycles_per_tick - 1;
    SYST_CVR = 0;
    SYST_CSR = SYST_CSR_RUN_WITH_INTERRUPT;
    __asm volatile("svc 0" ::: "memory", "r0", "r1", "r2", "r3", "r12", "lr");
    SYST_CSR = 0;
}

void scheduler_stop(void)
{
    stopping = 1;
    __asm volatile("svc 1" ::: "memory");
}
