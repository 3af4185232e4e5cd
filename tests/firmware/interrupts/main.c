/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions: what preempts what, in which order, and that they leave the interrupted code as it was. */
#include "print.h"

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define SYSTICK_CSR REGISTER(0xE000E010u)
#define SYSTICK_RVR REGISTER(0xE000E014u)
#define SYSTICK_CVR REGISTER(0xE000E018u)
#define NVIC_ISER REGISTER(0xE000E100u)
#define NVIC_ICER REGISTER(0xE000E180u)
#define NVIC_ISPR REGISTER(0xE000E200u)
#define NVIC_ICPR REGISTER(0xE000E280u)
#define NVIC_IPR0 REGISTER(0xE000E400u)
#define SCB_ICSR REGISTER(0xE000ED04u)
#define SCB_ICSR_PENDSVSET (1u << 28)
#define SCB_SHPR2 REGISTER(0xE000ED1Cu) /* SVCall in its top byte */
#define SCB_SHPR3 REGISTER(0xE000ED20u) /* PendSV, SysTick in its top bytes */
#define STIR REGISTER(0xE000EF00u)

#define SYNC() __asm volatile("dsb\n\tisb" ::: "memory")
#define APART __attribute__((noipa))

static char order[64];
static volatile uint32_t order_length;
static volatile uint32_t ticks;

static APART void note(char letter)
{
    order[order_length++] = letter;
}

static void show_order(const char *name)
{
    order[order_length] = '\0';
    order_length = 0;
    print(name);
    print(": ");
    print(order);
    print("\n");
}

static uint32_t this_exception(void)
{
    uint32_t number;
    __asm volatile("mrs %0, ipsr" : "=r"(number));
    return number;
}

/* Interrupt 0 is the most urgent; 3 starts the others. */
void External_Handler(void);
void External_Handler(void)
{
    uint32_t number = this_exception() - 16;
    note((char)('0' + number));
    if (number == 3) {
        STIR = 0; /* preempts at once */
        SYNC();
        NVIC_ISPR = 1u << 1 | 1u << 2; /* 1 preempts, 2 has our priority and waits */
        SYNC();
        note(')');
    }
}

static volatile float handler_float;

void PendSV_Handler(void);
void PendSV_Handler(void)
{
    note('P');
    float value = handler_float;
    __asm volatile("vmov.f32 s0, %0\n\tvadd.f32 s1, s0, s0\n\tvadd.f32 s15, s1, s0\n\tvmov.f32 %0, s15"
                   : "+t"(value) : : "s0", "s1", "s15");
    handler_float = value;
}

static APART void tick_work(void)
{
    ticks++;
}

void SysTick_Handler(void);
void SysTick_Handler(void)
{
    tick_work();
}

/* r0 of the caller's frame: number + 1. */
void SVC_Handler(void);
__attribute__((naked)) void SVC_Handler(void)
{
    __asm volatile("tst lr, #4\n\t"
                   "ite eq\n\t"
                   "mrseq r1, msp\n\t"
                   "mrsne r1, psp\n\t"
                   "ldr r0, [r1]\n\t"
                   "adds r0, #1\n\t"
                   "str r0, [r1]\n\t"
                   "bx lr");
}

static APART uint32_t call_supervisor(uint32_t value)
{
    register uint32_t r0 __asm("r0") = value;
    __asm volatile("svc 7" : "+r"(r0) : : "memory");
    return r0;
}

/* The same with the process stack, whose pointer is not a multiple of 8. */
static uint32_t process_stack[64];

uint32_t on_process_stack(uint32_t value, uint32_t *stack);
__asm(".text\n.syntax unified\n.balign 4\n.thumb_func\n.global on_process_stack\n.type on_process_stack, %function\n"
      "on_process_stack: push {r4, lr}\n"
      "    msr psp, r1\n    movs r4, #2\n    msr control, r4\n    isb\n"
      "    svc 1\n"
      "    mrs r2, psp\n    movs r4, #0\n    msr control, r4\n    isb\n"
      "    cmp r1, r2\n    it ne\n    movne r0, #0\n"
      "    pop {r4, pc}\n.size on_process_stack, . - on_process_stack\n");

static void nested(void)
{
    NVIC_IPR0 = 0x80804000u; /* 0: 0x00, 1: 0x40, 2 and 3: 0x80 */
    NVIC_ISER = 15;
    NVIC_ISPR = 1u << 3;
    SYNC();
    note('t');
    show_order("nested");
}

static void masked(void)
{
    SCB_SHPR3 = 0xF0F00000u;
    __asm volatile("cpsid i" ::: "memory");
    SCB_ICSR = SCB_ICSR_PENDSVSET;
    NVIC_ISPR = 1u << 1;
    NVIC_ISPR = 1u << 0;
    SYNC();
    note('m');
    __asm volatile("cpsie i\n\tisb" ::: "memory");
    note('t');
    show_order("primask");

    __asm volatile("msr basepri, %0" : : "r"(0x40) : "memory");
    NVIC_ISPR = 7;
    SYNC();
    note('b');
    __asm volatile("msr basepri, %0\n\tisb" : : "r"(0) : "memory");
    note('t');
    show_order("basepri");

    NVIC_ICER = 1u << 1;
    NVIC_ISPR = 7;
    SYNC();
    note('d');
    NVIC_ICPR = 1u << 1;
    NVIC_ISER = 1u << 1;
    SYNC();
    note('t');
    show_order("disabled");
}

static void floating(void)
{
    float result;
    handler_float = 5.0f;
    __asm volatile("vmov.f32 s0, #2.0\n\t"
                   "vmov.f32 s15, #3.0\n\t"
                   "vmov.f32 s16, #1.0\n\t"
                   "str %1, [%2]\n\t"
                   "dsb\n\tisb\n\t"
                   "vadd.f32 s0, s0, s15\n\t"
                   "vadd.f32 %0, s0, s16"
                   : "=t"(result)
                   : "r"(SCB_ICSR_PENDSVSET), "r"(&SCB_ICSR)
                   : "s0", "s15", "s16", "memory");
    print("thread float: ");
    print_unsigned((uint32_t)result);
    print(", handler float: ");
    print_unsigned((uint32_t)handler_float);
    print("\n");
    show_order("pendsv");
}

static APART uint32_t busy(uint32_t n)
{
    return n == 0 ? 0 : 1 + busy(n - 1);
}

static void systick(void)
{
    uint32_t wrong = 0;
    SYSTICK_RVR = 1499;
    SYSTICK_CVR = 0;
    SYSTICK_CSR = 7;
    while (ticks < 5)
        wrong += busy(20) != 20;
    SYSTICK_CSR = 0;
    print(wrong ? "systick: wrong\n" : "systick: five ticks\n");
}

int main(void)
{
    nested();
    masked();
    floating();
    print("supervisor: ");
    print_unsigned(call_supervisor(41));
    print(", on the process stack: ");
    print_unsigned(on_process_stack(1, process_stack + 63));
    print("\n");
    systick();
    return 0;
}
