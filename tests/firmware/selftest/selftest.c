/* SPDX-License-Identifier: Apache-2.0 */
/* Sets the highest clock, prints it, takes 1000 SysTick interrupts of a millisecond, prints that, and exits. */
#include "selftest.h"

#define SYST_CSR REGISTER(0xE000E010u)
#define SYST_RVR REGISTER(0xE000E014u)
#define SYST_CVR REGISTER(0xE000E018u)
#define SYST_CSR_RUN_WITH_INTERRUPT 7u
#define SCB_CPACR REGISTER(0xE000ED88u)
#define TICKS 1000u

extern uint32_t _stack_top[];
extern uint32_t _data_load[], _data_start[], _data_end[];
extern uint32_t _bss_start[], _bss_end[];

void Reset_Handler(void);
void SysTick_Handler(void);

__attribute__((naked, used)) static void Default_Handler(void)
{
    __asm volatile("b .");
}

typedef void (*vector)(void);

__attribute__((section(".vectors"), used)) static const vector vectors[16 + EXTERNAL_INTERRUPTS] = {
    [0] = (vector)_stack_top,
    [1] = Reset_Handler,
    [2 ... 14] = Default_Handler,
    [15] = SysTick_Handler,
    [16 ... 15 + EXTERNAL_INTERRUPTS] = Default_Handler,
};

static volatile uint32_t ticks;

void SysTick_Handler(void)
{
    ticks++;
}

static void print(const char *text)
{
    while (*text)
        board_putc(*text++);
}

static void print_number(uint32_t value)
{
    char digits[11];
    char *first = digits + sizeof digits - 1;
    *first = 0;
    do {
        *--first = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    print(first);
}

/* Semihosting SYS_EXIT (0x18) with ADP_Stopped_ApplicationExit: ends the program in simulators and debuggers. */
static void leave(void)
{
    register uint32_t operation __asm("r0") = 0x18;
    register uint32_t reason __asm("r1") = 0x20026;
    __asm volatile("bkpt 0xab" : : "r"(operation), "r"(reason) : "memory");
}

void Reset_Handler(void)
{
    const uint32_t *load = _data_load;
    for (uint32_t *word = _data_start; word < _data_end; word++)
        *word = *load++;
    for (uint32_t *word = _bss_start; word < _bss_end; word++)
        *word = 0;
#ifdef __ARM_FP
    SCB_CPACR |= 0xFu << 20;
    __asm volatile("dsb\n\tisb" ::: "memory");
#endif

    uint32_t core_hz = board_clock_init();
    board_console_init();
    print("selftest ");
    print(board_name);
    print("\nclock ");
    print_number(core_hz);
    print(" Hz\n");

    SYST_RVR = core_hz / 1000 - 1;
    SYST_CVR = 0;
    SYST_CSR = SYST_CSR_RUN_WITH_INTERRUPT;
    while (ticks < TICKS)
        __asm volatile("wfi");
    SYST_CSR = 0;
    print("ticks ");
    print_number(ticks);
    print("\n");
    board_flush();
    leave();
    for (;;)
        ;
}
