/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts within layers, layers within handlers, and two tasks that switch within their layers. */
#include "layers.h"

#define NVIC_ISER REGISTER(0xE000E100u)
#define NVIC_ISPR REGISTER(0xE000E200u)
#define NVIC_IPR0 REGISTER(0xE000E400u)
#define SCB_ICSR REGISTER(0xE000ED04u)
#define SCB_ICSR_PENDSVSET (1u << 28)
#define SCB_SHPR3 REGISTER(0xE000ED20u)
#define STIR REGISTER(0xE000EF00u)

static APART void layer_handled(void)
{
    __asm volatile("nop");
}

static APART void layer_interrupted_in_handler(void)
{
    STIR = 0; /* more urgent */
    SYNC();
}

/* Interrupt 0 runs a layer; 1 jumps to one, which returns from the exception; 2 is interrupted by 0 within a layer, and
   3, which has its priority, follows without unstacking; 3 leaves without returning to the layer's end. */
APART void handle(uint32_t number);
APART void handle(uint32_t number)
{
    if (number == 0)
        layer_handled();
    if (number == 2) {
        NVIC_ISPR = 1u << 3;
        layer_interrupted_in_handler();
    }
    if (number == 3)
        layer_two_leaves();
}

void External_Handler(void);
__attribute__((naked)) void External_Handler(void)
{
    __asm volatile("mrs r0, ipsr\n\tsubs r0, #16\n\tcmp r0, #1\n\tbne.w handle\n\tb.w layer_leaf");
}

static APART void layer_interrupted(uint32_t number)
{
    NVIC_ISPR = 1u << number;
    SYNC();
    layer_leaf();
}

void run_interrupts(void)
{
    NVIC_IPR0 = 0x80808000u;
    NVIC_ISER = 15;
    for (uint32_t number = 0; number < 4; number++)
        layer_interrupted(number);
}

/* Two tasks, switched by PendSV whenever one of them asks. */
static uint32_t first_stack[96] __attribute__((aligned(8)));
static uint32_t second_stack[96] __attribute__((aligned(8)));
static uint32_t *volatile saved_sp[3]; /* the tasks, and the thread of reset */
static volatile uint32_t running, next;

uint32_t *switch_stack(uint32_t *sp);
APART uint32_t *switch_stack(uint32_t *sp)
{
    saved_sp[running] = sp;
    running = next;
    return saved_sp[running];
}

void PendSV_Handler(void);
__attribute__((naked)) void PendSV_Handler(void)
{
    __asm volatile("mrs r0, psp\n\tstmdb r0!, {r4-r11, lr}\n\tpush {r4, lr}\n\tbl switch_stack\n\tpop {r4, lr}\n\t"
                   "ldmia r0!, {r4-r11, lr}\n\tmsr psp, r0\n\tbx lr");
}

static APART void switch_to(uint32_t task)
{
    next = task;
    SCB_ICSR = SCB_ICSR_PENDSVSET;
    SYNC();
}

static APART void layer_switches(uint32_t to)
{
    switch_to(to);
    layer_leaf();
}

static void first_task(void)
{
    layer_switches(1); /* to be continued when the second task has begun its layer */
    layer_leaf();
    switch_to(2);
    for (;;)
        ;
}

static void second_task(void)
{
    layer_switches(0);
    for (;;)
        ;
}

static void prepare(uint32_t number, void (*task)(void), uint32_t *stack_end)
{
    uint32_t *sp = stack_end - 17;
    for (uint32_t index = 0; index < 17; index++)
        sp[index] = 0;
    sp[8] = 0xFFFFFFFDu; /* EXC_RETURN: thread mode, process stack */
    sp[15] = (uint32_t)task & ~1u;
    sp[16] = 1u << 24; /* xPSR: Thumb */
    saved_sp[number] = sp;
}

void run_tasks(void)
{
    static uint32_t reset_stack[64] __attribute__((aligned(8)));
    prepare(0, first_task, first_stack + 96);
    prepare(1, second_task, second_stack + 96);
    SCB_SHPR3 = 0xFFu << 16;
    running = 2;
    uint32_t control;
    __asm volatile("mrs %0, control\n\tmsr psp, %1\n\tmsr control, %2\n\tisb"
                   : "=&r"(control) : "r"(reset_stack + 64), "r"(2) : "memory");
    switch_to(0);
    __asm volatile("msr control, %0\n\tisb" : : "r"(control) : "memory");
}
