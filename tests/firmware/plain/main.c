/* SPDX-License-Identifier: Apache-2.0 */
/* Computes, counts SysTick interrupts, prints over USART2 and then dumps its variables, all on the clock that reset
   leaves: what is printed depends on no clock. USART and RCC: ST RM0008, RM0090. */
#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))
#ifdef __ARM_FP
#define RCC_APB1ENR REGISTER(0x40023840u)
#else
#define RCC_APB1ENR REGISTER(0x4002101Cu)
#endif
#define USART2_SR REGISTER(0x40004400u)
#define USART2_DR REGISTER(0x40004404u)
#define USART2_BRR REGISTER(0x40004408u)
#define USART2_CR1 REGISTER(0x4000440Cu)
#define SYST_CSR REGISTER(0xE000E010u)
#define SYST_RVR REGISTER(0xE000E014u)
#define SYST_CVR REGISTER(0xE000E018u)
#define SCB_CPACR REGISTER(0xE000ED88u)
#define SR_TXE (1u << 7)
#define SR_TC (1u << 6)
#define TICKS 50u
#define WORDS 1024u
#define SORTED 128u

extern uint32_t _stack_top[];
extern uint32_t _data_load[], _data_start[], _data_end[];
extern uint32_t _bss_start[], _bss_end[], _time_start[];

void Reset_Handler(void);
void SysTick_Handler(void);

__attribute__((naked, used)) static void Default_Handler(void)
{
    __asm volatile("b .");
}

typedef void (*vector)(void);

__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    [0] = (vector)_stack_top,
    [1] = Reset_Handler,
    [2 ... 14] = Default_Handler,
    [15] = SysTick_Handler,
};

static uint32_t words[WORDS];
static uint32_t sorted[SORTED];
static uint32_t histogram[16];
static uint32_t state = 2463534242u; /* of the generator: initialised data */
static volatile uint32_t ticks;
#ifdef __ARM_FP
static float means[16];
#endif
/* What the count was while the program computed: depends on time, so it is not dumped. */
__attribute__((section(".time"))) static volatile uint32_t ticks_seen;
__attribute__((section(".time"))) static volatile uint32_t turns_waited;

void SysTick_Handler(void)
{
    if (ticks < TICKS)
        ticks++;
}

static void print_char(char character)
{
    while (!(USART2_SR & SR_TXE))
        ;
    USART2_DR = (uint8_t)character;
}

static void print(const char *text)
{
    while (*text)
        print_char(*text++);
}

static void print_hex(uint32_t value)
{
    for (int shift = 28; shift >= 0; shift -= 4)
        print_char("0123456789abcdef"[value >> shift & 15]);
}

static void print_result(const char *name, uint32_t value)
{
    print(name);
    print_char(' ');
    print_hex(value);
    print_char('\n');
}

/* Marsaglia's xorshift of 32 bits. */
static uint32_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static uint32_t adler(const uint8_t *data, uint32_t size)
{
    uint32_t a = 1, b = 0;
    for (uint32_t i = 0; i < size; i++) {
        a = (a + data[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

static void sort(uint32_t *values, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t value = values[i], j = i;
        for (; j && values[j - 1] > value; j--)
            values[j] = values[j - 1];
        values[j] = value;
    }
}

static void compute(void)
{
    uint64_t sum = 0;
    int64_t products = 0;
    for (uint32_t i = 0; i < WORDS; i++) {
        words[i] = next_random();
        histogram[words[i] >> 28]++;
        sum += (uint64_t)words[i] * (i + 1);
        products += (int64_t)(int32_t)words[i] / (int32_t)(i + 3) * (int16_t)words[i];
    }
    for (uint32_t i = 0; i < SORTED; i++)
        sorted[i] = words[i * (WORDS / SORTED)] / (i + 1);
    sort(sorted, SORTED);
#ifdef __ARM_FP
    for (uint32_t i = 0; i < 16; i++) {
        float mean = 0;
        for (uint32_t j = 0; j < WORDS / 16; j++)
            mean += (float)(int32_t)words[i * (WORDS / 16) + j] / 64.0f;
        means[i] = __builtin_sqrtf(mean < 0 ? -mean : mean);
    }
#endif
    ticks_seen = ticks;
    print_result("sum", (uint32_t)(sum >> 32) ^ (uint32_t)sum);
    print_result("products", (uint32_t)(products >> 32) ^ (uint32_t)products);
    print_result("adler", adler((const uint8_t *)words, sizeof words));
    print_result("median", sorted[SORTED / 2]);
}

static void dump(void)
{
    for (const uint32_t *word = _data_start; word < _time_start; word++) {
        if (((uintptr_t)word & 31) == 0) {
            print_char('\n');
            print_hex((uint32_t)(uintptr_t)word);
            print_char(':');
        }
        print_char(' ');
        print_hex(*word);
    }
    print_char('\n');
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
    RCC_APB1ENR |= 1u << 17; /* USART2; its pins are left alone */
    USART2_BRR = CORE_HZ / 115200;
    USART2_CR1 = 1u << 13 | 1u << 3; /* UE, TE */
    SYST_RVR = CORE_HZ / 1000 - 1;
    SYST_CVR = 0;
    SYST_CSR = 7;
    compute();
    while (ticks < TICKS)
        turns_waited++;
    SYST_CSR = 0;
    print_result("ticks", ticks);
    dump();
    while (!(USART2_SR & SR_TC))
        ;
    leave();
    for (;;)
        ;
}
