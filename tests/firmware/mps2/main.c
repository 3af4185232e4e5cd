/* SPDX-License-Identifier: Apache-2.0 */
/* A bit of everything, for comparison with QEMU: int8 kernels, sorting, strings, recursion, floating point of both
   precisions, exceptions and interrupts of the CMSDK timers. Prints what it computes, and writes its whole RAM, but for
   the part that holds the stack, to the file sram.bin by semihosting. */
#include "selftest.h"

#ifdef MPS2_IOTKIT
#define TIMER0 0x50000000u
#define TIMER1 0x50001000u
#define DUALTIMER 0x50002000u
#define FIRST_TIMER_IRQ 3u
#else
#define TIMER0 0x40000000u
#define TIMER1 0x40001000u
#define DUALTIMER 0x40002000u
#define FIRST_TIMER_IRQ 8u
#endif
#define TIMER_CTRL(base) REGISTER((base) + 0x0u)
#define TIMER_VALUE(base) REGISTER((base) + 0x4u)
#define TIMER_RELOAD(base) REGISTER((base) + 0x8u)
#define TIMER_INTCLEAR(base) REGISTER((base) + 0xCu)
#define DUAL_LOAD REGISTER(DUALTIMER + 0x00u)
#define DUAL_CONTROL REGISTER(DUALTIMER + 0x08u)
#define DUAL_INTCLR REGISTER(DUALTIMER + 0x0Cu)
#define NVIC_ISER REGISTER(0xE000E100u)
#define NVIC_ICER REGISTER(0xE000E180u)
#define NVIC_IPR(number) (*(volatile uint8_t *)(0xE000E400u + (number)))
#define SCB_ICSR REGISTER(0xE000ED04u)
#define SCB_CPACR REGISTER(0xE000ED88u)
#define PENDSV_SET (1u << 28)
#define SYNC() __asm volatile("dsb\n\tisb" ::: "memory")
#define APART __attribute__((noipa))

typedef void (*vector)(void);
extern uint32_t _data_load[], _data_start[], _data_end[], _bss_start[], _bss_end[], _stack_top[];
void Reset_Handler(void);

/* state that the comparison sees */

static uint32_t seed = 12345;
static int8_t image_in[14][14][8], kernel[8][3][3][8], image_out[12][12][8];
static int32_t bias[8];
static int8_t left[16][24], right[20][24];
static int32_t product[16][20];
static int32_t numbers[700];
static char text[256], backwards[256], words[16][12];
static uint32_t crc_table[256];
static float float_results[64];
static double double_results[64];
static uint64_t long_results[32];
static uint32_t dsp_results[16];
static volatile uint32_t timer0_interrupts, timer1_interrupts, dual_interrupts, pendsv_calls, svc_sum;
static volatile char order[32];
static volatile uint32_t order_length;
static const uint32_t initialised[4] = {1, 22, 333, 4444};
static uint32_t copied[4] = {5, 66, 777, 8888};

static uint32_t next_random(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

/* text */

static void print(const char *string)
{
    while (*string)
        board_putc(*string++);
}

static void print_hex(uint32_t value)
{
    for (int shift = 28; shift >= 0; shift -= 4)
        board_putc("0123456789abcdef"[value >> shift & 15]);
}

static void show(const char *name, uint32_t value)
{
    print(name);
    print(" ");
    print_hex(value);
    print("\n");
}

void *memset(void *to, int byte, uint32_t count);
void *memcpy(void *to, const void *from, uint32_t count);

APART void *memset(void *to, int byte, uint32_t count)
{
    for (uint8_t *place = to; count; count--)
        *place++ = (uint8_t)byte;
    return to;
}

APART void *memcpy(void *to, const void *from, uint32_t count)
{
    const uint8_t *source = from;
    for (uint8_t *place = to; count; count--)
        *place++ = *source++;
    return to;
}

static APART uint32_t crc32(const void *data, uint32_t size)
{
    const uint8_t *byte = data;
    uint32_t crc = ~0u;
    while (size--)
        crc = crc_table[(crc ^ *byte++) & 255] ^ crc >> 8;
    return ~crc;
}

static void make_crc_table(void)
{
    for (uint32_t number = 0; number < 256; number++) {
        uint32_t value = number;
        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1 ? 0xEDB88320u : 0);
        crc_table[number] = value;
    }
}

/* kernels */

static int8_t requantize(int32_t sum, int32_t multiplier, int shift)
{
    int64_t scaled = (int64_t)sum * multiplier + (1ll << (30 + shift));
    int32_t result = (int32_t)(scaled >> (31 + shift)) - 3;
    return (int8_t)(result > 127 ? 127 : result < -128 ? -128 : result);
}

static APART void convolve(void)
{
    for (int y = 0; y < 12; y++)
        for (int x = 0; x < 12; x++)
            for (int channel = 0; channel < 8; channel++) {
                int32_t sum = bias[channel];
                for (int ky = 0; ky < 3; ky++)
                    for (int kx = 0; kx < 3; kx++)
                        for (int input = 0; input < 8; input++)
                            sum += (image_in[y + ky][x + kx][input] + 5) * kernel[channel][ky][kx][input];
                image_out[y][x][channel] = requantize(sum, 0x5A827999, 7);
            }
}

static APART void multiply(void)
{
    for (int row = 0; row < 16; row++)
        for (int column = 0; column < 20; column++) {
            int32_t sum = 0;
            for (int index = 0; index < 24; index++)
                sum += left[row][index] * right[column][index];
            product[row][column] = sum;
        }
}

static void fill(int8_t *place, uint32_t count)
{
    while (count--)
        *place++ = (int8_t)next_random();
}

static void kernels(void)
{
    fill(&image_in[0][0][0], sizeof image_in);
    fill(&kernel[0][0][0][0], sizeof kernel);
    fill(&left[0][0], sizeof left);
    fill(&right[0][0], sizeof right);
    for (int channel = 0; channel < 8; channel++)
        bias[channel] = (int32_t)next_random() - (1 << 23);
    convolve();
    multiply();
    show("convolution", crc32(image_out, sizeof image_out));
    show("product", crc32(product, sizeof product));
}

/* sorting and strings */

static APART int ascending(const int32_t *first, const int32_t *second)
{
    return *first < *second ? -1 : *first > *second;
}

static APART int by_low_byte(const int32_t *first, const int32_t *second)
{
    int difference = (uint8_t)*first - (uint8_t)*second;
    return difference ? difference : ascending(first, second);
}

static APART void sort(int32_t *first, int32_t *last, int (*compare)(const int32_t *, const int32_t *))
{
    if (first >= last)
        return;
    int32_t pivot = first[(last - first) / 2], *low = first, *high = last;
    while (low <= high) {
        while (compare(low, &pivot) < 0)
            low++;
        while (compare(high, &pivot) > 0)
            high--;
        if (low <= high) {
            int32_t kept = *low;
            *low++ = *high;
            *high-- = kept;
        }
    }
    sort(first, high, compare);
    sort(low, last, compare);
}

static void sorting(void)
{
    for (uint32_t index = 0; index < 700; index++)
        numbers[index] = (int32_t)(next_random() << 8 | next_random() >> 16);
    sort(numbers, numbers + 349, ascending);
    sort(numbers + 350, numbers + 699, by_low_byte);
    show("sorted", crc32(numbers, sizeof numbers));
}

static APART uint32_t length_of(const char *string)
{
    const char *end = string;
    while (*end)
        end++;
    return (uint32_t)(end - string);
}

static APART char *decimal(char *place, int32_t value)
{
    char digits[12], *digit = digits;
    uint32_t rest = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    do
        *digit++ = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        *digit++ = '-';
    while (digit > digits)
        *place++ = *--digit;
    *place = 0;
    return place;
}

static void strings(void)
{
    char *end = text;
    for (uint32_t index = 0; index < 16; index++) {
        decimal(words[index], numbers[index * 40] / (int32_t)(index * 7 + 1));
        uint32_t length = length_of(words[index]);
        memcpy(end, words[index], length);
        end += length;
        *end++ = index % 4 == 3 ? ';' : ' ';
    }
    *end = 0;
    uint32_t length = length_of(text);
    for (uint32_t index = 0; index < length; index++)
        backwards[length - 1 - index] = text[index];
    print(text);
    print("\n");
    show("text", crc32(backwards, sizeof backwards));
}

/* recursion and long arithmetic */

static APART uint32_t ackermann(uint32_t m, uint32_t n)
{
    return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

static APART uint32_t fibonacci(uint32_t n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static APART uint64_t power(uint64_t base, uint32_t exponent, uint64_t modulus)
{
    uint64_t result = 1;
    for (; exponent; exponent >>= 1) {
        if (exponent & 1)
            result = result * base % modulus;
        base = base * base % modulus;
    }
    return result;
}

static void recursion(void)
{
    show("ackermann", ackermann(2, 9));
    show("fibonacci", fibonacci(17));
    for (uint32_t index = 0; index < 16; index++) {
        uint64_t wide = (uint64_t)next_random() << 40 | (uint64_t)next_random() << 16 | next_random();
        long_results[2 * index] = wide / (next_random() + 1) + (uint64_t)((int64_t)wide / -77777);
        long_results[2 * index + 1] = power(next_random() & 0xFFFF, index * 3 + 1, 65521) << index ^ wide >> index;
    }
    show("long", crc32(long_results, sizeof long_results));
}

static void dsp(void)
{
#ifdef __ARM_FEATURE_DSP
    for (uint32_t index = 0; index < 16; index++) {
        uint32_t first = next_random() << 8 ^ next_random(), second = next_random() << 9 ^ next_random(), sum = index;
        __asm("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(first), "r"(second));
        __asm("sadd8 %0, %0, %1" : "+r"(sum) : "r"(second));
        __asm("uqsub16 %0, %1, %0" : "+r"(sum) : "r"(first));
        __asm("ssat16 %0, #9, %0" : "+r"(sum));
        __asm("usada8 %0, %1, %2, %0" : "+r"(sum) : "r"(first), "r"(second));
        __asm("pkhbt %0, %0, %1, lsl #7" : "+r"(sum) : "r"(first));
        dsp_results[index] = sum;
    }
#endif
    show("dsp", crc32(dsp_results, sizeof dsp_results));
}

/* Armv8-M: load-acquire and store-release, plain and exclusive, of each size. */
static void acquire_release(void)
{
#ifdef __ARM_ARCH_8M_MAIN__
    uint32_t *cell = &dsp_results[3], value, old, failed, sum = 0;
    for (uint32_t index = 0; index < 8; index++) {
        __asm volatile("lda %0, [%1]" : "=r"(value) : "r"(cell) : "memory");
        __asm volatile("ldaex %0, [%2]\n\tadds %0, %3\n\tstlex %1, %0, [%2]"
                       : "=&r"(old), "=&r"(failed) : "r"(cell), "r"(value) : "cc", "memory");
        sum = sum * 5 + old + failed;
        __asm volatile("ldab %0, [%1]" : "=r"(value) : "r"((uint8_t *)cell + 1) : "memory");
        __asm volatile("stlh %0, [%1]" : : "r"(value + index), "r"((uint16_t *)cell + 1) : "memory");
        __asm volatile("ldaexh %0, [%2]\n\tmvns %0, %0\n\tstlexh %1, %0, [%2]"
                       : "=&r"(old), "=&r"(failed) : "r"((uint16_t *)cell) : "cc", "memory");
        __asm volatile("stlb %0, [%1]" : : "r"(sum), "r"((uint8_t *)cell + 7) : "memory");
        __asm volatile("ldah %0, [%1]" : "=r"(value) : "r"((uint16_t *)cell + 3) : "memory");
        __asm volatile("stl %0, [%1]" : : "r"(sum ^ value ^ failed), "r"(cell + 2) : "memory");
        __asm volatile("ldaexb %0, [%2]\n\tstlexb %1, %3, [%2]"
                       : "=&r"(old), "=&r"(failed) : "r"((uint8_t *)cell + 9), "r"(index) : "memory");
        sum += old ^ failed;
    }
    show("acquire", sum ^ crc32(dsp_results, sizeof dsp_results));
#endif
}

/* floating point */

static APART float sine(float x)
{
    float term = x, sum = x;
    for (int n = 1; n < 9; n++) {
        term *= -x * x / (float)(2 * n * (2 * n + 1));
        sum += term;
    }
    return sum;
}

static APART double root(double x)
{
    double guess = x > 1 ? x : 1;
    for (int round = 0; round < 30; round++)
        guess = (guess + x / guess) / 2;
    return guess;
}

static APART int escapes(double x, double y)
{
    double a = 0, b = 0;
    for (int round = 0; round < 40; round++) {
        double next = a * a - b * b + x;
        b = 2 * a * b + y;
        a = next;
        if (a * a + b * b > 4)
            return round;
    }
    return 40;
}

static void floating(void)
{
    for (int index = 0; index < 64; index++) {
        float x = (float)((int32_t)next_random() - (1 << 23)) / 3000000.0f;
        float_results[index] = sine(x) + (index % 3 ? x : 1.0f / (x + 0.001f));
        double_results[index] = root((double)index * 1.37) + escapes(-2 + index * 0.04, 0.3) * 1e-9 - x;
    }
    float_results[0] = (float)double_results[9];
    double_results[0] = float_results[9] * 1e-3;
    long_results[0] ^= (uint64_t)(int64_t)(double_results[20] * 1e12);
    show("single", crc32(float_results, sizeof float_results));
    show("double", crc32(double_results, sizeof double_results));
}

/* exceptions */

static void note(char letter)
{
    order[order_length++] = letter;
}

void Timer0_Handler(void);
void Timer0_Handler(void)
{
    TIMER_INTCLEAR(TIMER0) = 1;
    if (timer0_interrupts < 50 && ++timer0_interrupts == 50) /* one more may be pending when it stops */
        TIMER_CTRL(TIMER0) = 0;
}

/* Asks for PendSV, which waits until it is done, and starts the timer again. */
void Timer1_Handler(void);
void Timer1_Handler(void)
{
    TIMER_CTRL(TIMER1) = 0;
    TIMER_INTCLEAR(TIMER1) = 1;
    timer1_interrupts++;
    note('(');
    SCB_ICSR = PENDSV_SET;
    SYNC();
    note(')');
}

void Dualtimer_Handler(void);
void Dualtimer_Handler(void)
{
    DUAL_INTCLR = 1;
    dual_interrupts++;
    note('d');
}

void PendSV_Handler(void);
void PendSV_Handler(void)
{
    note('p');
    if (++pendsv_calls < 3)
        TIMER_CTRL(TIMER1) = 9;
}

void SVC_Main(uint32_t *frame);
__attribute__((used)) void SVC_Main(uint32_t *frame)
{
    svc_sum += frame[0] * (((uint8_t *)frame[6])[-2]);
    frame[0] = svc_sum;
}

void SVC_Handler(void);
__attribute__((naked)) void SVC_Handler(void)
{
    __asm volatile("mrs r0, msp\n\tpush {r4, lr}\n\tbl SVC_Main\n\tpop {r4, pc}");
}

static APART uint32_t supervisor(uint32_t value)
{
    register uint32_t r0 __asm("r0") = value;
    __asm volatile("svc 7" : "+r"(r0) : : "memory");
    return r0;
}

static void exceptions(void)
{
    uint32_t sum = 0;
    for (uint32_t index = 0; index < 5; index++)
        sum = sum * 3 + supervisor(index + 1);
    show("supervisor", sum);

    NVIC_IPR(FIRST_TIMER_IRQ) = 0x20;
    NVIC_IPR(FIRST_TIMER_IRQ + 1) = 0x60;
    NVIC_IPR(FIRST_TIMER_IRQ + 2) = 0x60;
    REGISTER(0xE000ED20u) = 0xFFu << 16; /* PendSV last */
    NVIC_ISER = 7u << FIRST_TIMER_IRQ;
    TIMER_RELOAD(TIMER0) = 1500;
    TIMER_CTRL(TIMER0) = 9;
    while (timer0_interrupts < 50)
        ;
    TIMER_RELOAD(TIMER1) = 4000;
    TIMER_CTRL(TIMER1) = 9;
    while (pendsv_calls < 3)
        ;
    note(' ');
    DUAL_LOAD = 3000;
    DUAL_CONTROL = 1u << 7 | 1u << 5 | 1u << 1 | 1u; /* one-shot, 32 bits, interrupt */
    while (!dual_interrupts)
        ;
    DUAL_CONTROL = 0;
    NVIC_ICER = 7u << FIRST_TIMER_IRQ;
    SYNC();
    show("timer 0", timer0_interrupts);
    show("timer 1", timer1_interrupts);
    print((const char *)order);
    print("\n");
}

/* start and end */

static uint32_t semihosting(uint32_t operation, const void *block)
{
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = block;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void save_ram(void)
{
    static const char name[] = "sram.bin";
    const uint32_t open[] = {(uint32_t)(uintptr_t)name, 5 /* wb */, sizeof name - 1};
    uint32_t file = semihosting(0x01, open);
    const uint32_t write[] = {file, (uint32_t)(uintptr_t)_data_start,
                              (uint32_t)((uintptr_t)_bss_end - (uintptr_t)_data_start)};
    uint32_t left_over = semihosting(0x05, write);
    const uint32_t close[] = {file};
    semihosting(0x02, close);
    if (left_over)
        print("sram.bin: not written\n");
}

/* Not inlined: nothing before the floating-point unit is enabled may use its registers. */
static APART void run(void)
{
    print(board_name);
    print("\n");
    make_crc_table();
    show("constants", crc32(initialised, sizeof initialised) ^ crc32(copied, sizeof copied));
    kernels();
    sorting();
    strings();
    recursion();
    dsp();
    acquire_release();
    floating();
    exceptions();
    board_flush();
    save_ram();
    semihosting(0x18, (const void *)0x20026);
}

__attribute__((naked, used)) static void Default_Handler(void)
{
    __asm volatile("b .");
}

__attribute__((section(".vectors"), used)) static const vector vectors[16 + EXTERNAL_INTERRUPTS] = {
    [0] = (vector)_stack_top,
    [1] = Reset_Handler,
    [2 ... 10] = Default_Handler,
    [11] = SVC_Handler,
    [12 ... 13] = Default_Handler,
    [14] = PendSV_Handler,
    [15 ... 15 + FIRST_TIMER_IRQ] = Default_Handler,
    [16 + FIRST_TIMER_IRQ] = Timer0_Handler,
    [17 + FIRST_TIMER_IRQ] = Timer1_Handler,
    [18 + FIRST_TIMER_IRQ] = Dualtimer_Handler,
    [19 + FIRST_TIMER_IRQ ... 15 + EXTERNAL_INTERRUPTS] = Default_Handler,
};

void Reset_Handler(void)
{
    const uint32_t *load = _data_load;
    for (uint32_t *word = _data_start; word < _data_end; word++)
        *word = *load++;
    for (uint32_t *word = _bss_start; word < _bss_end; word++)
        *word = 0;
#ifdef __ARM_FP
    SCB_CPACR |= 0xFu << 20;
    SYNC();
#endif
    board_clock_init();
    board_console_init();
    run();
    for (;;)
        ;
}
