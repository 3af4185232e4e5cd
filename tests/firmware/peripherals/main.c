/* SPDX-License-Identifier: Apache-2.0 */
/* Peripherals of the STM32L4R5 as firmware uses them: timers, DMA, CRC, EXTI, a port, an interrupt-driven UART.
   Registers: ST RM0432; interrupt numbers: ST cmsis_device_l4, stm32l4r5xx.h. The core runs at 16 MHz, as all buses. */
#include "cycles.h"
#include "print.h"

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define BYTE_REGISTER(address) (*(volatile uint8_t *)(address))

#define RCC_AHB1ENR REGISTER(0x40021048u)
#define RCC_AHB1ENR_DMA1EN (1u << 0)
#define RCC_AHB1ENR_DMAMUX1EN (1u << 2)
#define RCC_AHB1ENR_CRCEN (1u << 12)
#define RCC_AHB2ENR REGISTER(0x4002104Cu)
#define RCC_AHB2ENR_GPIOBEN (1u << 1)
#define RCC_APB1ENR1 REGISTER(0x40021058u)
#define RCC_APB1ENR1_TIM2EN (1u << 0)
#define RCC_APB1ENR1_TIM7EN (1u << 5)
#define RCC_APB2ENR REGISTER(0x40021060u)
#define RCC_APB2ENR_SYSCFGEN (1u << 0)

#define NVIC_ISER(number) REGISTER(0xE000E100u + 4u * ((number) / 32u))
#define EXTI1_IRQ 7u
#define DMA1_CHANNEL1_IRQ 11u
#define DMA1_CHANNEL2_IRQ 12u
#define EXTI9_5_IRQ 23u
#define EXTI15_10_IRQ 40u
#define TIM7_IRQ 55u
#define LPUART1_IRQ 70u

#define TIM2 0x40000000u
#define TIM7 0x40001400u
#define TIM_CR1(timer) REGISTER((timer) + 0x00u)
#define TIM_DIER(timer) REGISTER((timer) + 0x0Cu)
#define TIM_SR(timer) REGISTER((timer) + 0x10u)
#define TIM_EGR(timer) REGISTER((timer) + 0x14u)
#define TIM_CNT(timer) REGISTER((timer) + 0x24u)
#define TIM_PSC(timer) REGISTER((timer) + 0x28u)
#define TIM_ARR(timer) REGISTER((timer) + 0x2Cu)

#define DMA1_ISR REGISTER(0x40020000u)
#define DMA1_IFCR REGISTER(0x40020004u)
#define DMA1_CCR(channel) REGISTER(0x40020008u + 20u * ((channel) - 1u))
#define DMA1_CNDTR(channel) REGISTER(0x4002000Cu + 20u * ((channel) - 1u))
#define DMA1_CPAR(channel) REGISTER(0x40020010u + 20u * ((channel) - 1u))
#define DMA1_CMAR(channel) REGISTER(0x40020014u + 20u * ((channel) - 1u))
#define DMAMUX1_CCR(channel) REGISTER(0x40020800u + 4u * ((channel) - 1u))
#define DMAMUX_LPUART1_TX 35u

#define CRC_DR REGISTER(0x40023000u)
#define CRC_DR_BYTE BYTE_REGISTER(0x40023000u)
#define CRC_CR REGISTER(0x40023008u)

#define EXTI_IMR1 REGISTER(0x40010400u)
#define EXTI_SWIER1 REGISTER(0x40010410u)
#define EXTI_PR1 REGISTER(0x40010414u)

#define GPIOB_MODER REGISTER(0x48000400u)
#define GPIOB_IDR REGISTER(0x48000410u)
#define GPIOB_BSRR REGISTER(0x48000418u)
#define BLUE_LED 7u /* LD2 of the Nucleo: PB7 */

#define LPUART1_CR1 REGISTER(0x40008000u)
#define LPUART1_CR3 REGISTER(0x40008008u)
#define LPUART1_ISR REGISTER(0x4000801Cu)
#define LPUART1_TDR_ADDRESS 0x40008028u
#define LPUART1_TDR REGISTER(LPUART1_TDR_ADDRESS)
#define CR1_TXEIE (1u << 7)
#define CR3_DMAT (1u << 7)
#define ISR_TC (1u << 6)

static volatile uint32_t ticks;
static volatile uint32_t copied, sent;
static volatile const char *volatile text;
static char order[16];
static volatile uint32_t order_length;

static uint32_t this_interrupt(void)
{
    uint32_t number;
    __asm volatile("mrs %0, ipsr" : "=r"(number));
    return number - 16;
}

void External_Handler(void);
void External_Handler(void)
{
    switch (this_interrupt()) {
    case TIM7_IRQ:
        TIM_SR(TIM7) = 0;
        ticks++;
        break;
    case DMA1_CHANNEL1_IRQ:
        copied = DMA1_ISR & 0xFu;
        DMA1_IFCR = 1u << 0;
        break;
    case DMA1_CHANNEL2_IRQ:
        sent = DMA1_ISR >> 4 & 0xFu;
        DMA1_IFCR = 1u << 4;
        break;
    case EXTI1_IRQ:
        EXTI_PR1 = 1u << 1;
        order[order_length++] = 'b';
        break;
    case EXTI9_5_IRQ:
        EXTI_PR1 = EXTI_PR1 & 0x3E0u;
        order[order_length++] = 'h';
        break;
    case EXTI15_10_IRQ:
        EXTI_PR1 = EXTI_PR1 & 0xFC00u;
        order[order_length++] = 'm';
        break;
    case LPUART1_IRQ:
        if (*text)
            LPUART1_TDR = (uint8_t)*text++;
        else
            LPUART1_CR1 &= ~CR1_TXEIE;
        break;
    default:
        break;
    }
}

static void enable_interrupt(uint32_t number)
{
    NVIC_ISER(number) = 1u << number % 32u;
}

static void check(const char *what, int holds)
{
    print(what);
    print(holds ? ": yes\n" : ": NO\n");
}

static void timers(void)
{
    enable_interrupt(TIM7_IRQ);
    TIM_PSC(TIM7) = 16 - 1;
    TIM_ARR(TIM7) = 1000 - 1;
    TIM_EGR(TIM7) = 1;
    TIM_SR(TIM7) = 0;
    TIM_DIER(TIM7) = 1;
    uint32_t start = cycles_now();
    TIM_CR1(TIM7) = 1;
    while (ticks < 5)
        __asm volatile("wfi");
    uint32_t cycles = cycles_now() - start;
    TIM_CR1(TIM7) = 0;
    check("five milliseconds of interrupts", cycles >= 80000 && cycles < 80060);

    TIM_CR1(TIM2) = 1;
    uint32_t count = TIM_CNT(TIM2);
    start = cycles_now();
    for (volatile int i = 0; i < 100; i++)
        ;
    count = TIM_CNT(TIM2) - count;
    cycles = cycles_now() - start;
    check("a timer counts the core's cycles", cycles - count + 2 < 5 && count > 100);
    TIM_CR1(TIM2) = 0;
    start = TIM_CNT(TIM2);
    check("and stands still when it is off", TIM_CNT(TIM2) == start);

    TIM_ARR(TIM7) = 49;
    TIM_PSC(TIM7) = 0;
    TIM_DIER(TIM7) = 0;
    TIM_EGR(TIM7) = 1;
    TIM_SR(TIM7) = 0;
    TIM_CR1(TIM7) = 1u << 3 | 1; /* one pulse */
    while (!(TIM_SR(TIM7) & 1))
        ;
    check("one pulse stops the timer", !(TIM_CR1(TIM7) & 1));
}

static const uint32_t words[64] = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89, [60] = 0xDEADBEEFu, 0x12345678u, 7, 0xFFFFFFFFu};
static uint32_t copy[64];

static void memory_to_memory(void)
{
    enable_interrupt(DMA1_CHANNEL1_IRQ);
    DMA1_CPAR(1) = (uint32_t)words;
    DMA1_CMAR(1) = (uint32_t)copy;
    DMA1_CNDTR(1) = 64;
    DMA1_CCR(1) = 1u << 14 | 2u << 10 | 2u << 8 | 1u << 7 | 1u << 6 | 1u << 1 | 1u;
    while (!copied)
        __asm volatile("wfi");
    int same = 1;
    for (int i = 0; i < 64; i++)
        same &= copy[i] == words[i];
    check("64 words copied by DMA", same && copied == 7 && DMA1_CNDTR(1) == 0);
    DMA1_CCR(1) = 0;
}

static void memory_to_uart(void)
{
    static const char line[] = "this line was sent by DMA\n";
    enable_interrupt(DMA1_CHANNEL2_IRQ);
    DMAMUX1_CCR(2) = DMAMUX_LPUART1_TX;
    DMA1_CPAR(2) = LPUART1_TDR_ADDRESS;
    DMA1_CMAR(2) = (uint32_t)line;
    DMA1_CNDTR(2) = sizeof line - 1;
    DMA1_CCR(2) = 1u << 7 | 1u << 4 | 1u << 1 | 1u;
    while (!(LPUART1_ISR & ISR_TC))
        ;
    uint32_t start = cycles_now();
    LPUART1_CR3 |= CR3_DMAT;
    while (!sent)
        __asm volatile("wfi");
    while (!(LPUART1_ISR & ISR_TC))
        ;
    uint32_t cycles = cycles_now() - start;
    LPUART1_CR3 &= ~CR3_DMAT;
    DMA1_CCR(2) = 0;
    uint32_t wanted = (sizeof line - 1) * 10u * 16000000u / 115200u;
    check("at the line's rate", cycles > wanted - 100 && cycles < wanted + 300);
}

static void uart_by_interrupt(void)
{
    enable_interrupt(LPUART1_IRQ);
    text = "this line was sent by interrupts\n";
    LPUART1_CR1 |= CR1_TXEIE;
    while (LPUART1_CR1 & CR1_TXEIE)
        __asm volatile("wfi");
}

static void checksum(void)
{
    CRC_CR = 1;
    CRC_DR = 0;
    print("crc of a zero word ");
    print_hex(CRC_DR);
    CRC_CR = 1u << 7 | 1u << 5 | 1; /* as zlib does: reversed by bytes, and the output */
    for (const char *digit = "123456789"; *digit; digit++)
        CRC_DR_BYTE = (uint8_t)*digit;
    print(", crc-32 of 123456789 ");
    print_hex(~CRC_DR);
    print("\n");
}

static void external_interrupts(void)
{
    enable_interrupt(EXTI1_IRQ);
    enable_interrupt(EXTI9_5_IRQ);
    enable_interrupt(EXTI15_10_IRQ);
    EXTI_SWIER1 = 1u << 12; /* masked: nothing happens */
    EXTI_PR1 = 1u << 12;
    EXTI_IMR1 |= 1u << 1 | 1u << 7 | 1u << 12;
    __asm volatile("cpsid i" ::: "memory");
    EXTI_SWIER1 = 1u << 12 | 1u << 7;
    EXTI_SWIER1 = 1u << 1;
    __asm volatile("cpsie i\n\tisb" ::: "memory");
    EXTI_SWIER1 = 1u << 7;
    __asm volatile("dsb\n\tisb" ::: "memory");
    order[order_length] = '\0';
    print("software triggers: ");
    print(order);
    print("\n");
}

static void port(void)
{
    GPIOB_MODER = (GPIOB_MODER & ~(3u << 2 * BLUE_LED)) | 1u << 2 * BLUE_LED;
    GPIOB_BSRR = 1u << BLUE_LED;
    uint32_t on = GPIOB_IDR >> BLUE_LED & 1;
    GPIOB_BSRR = 1u << (16 + BLUE_LED);
    check("an output reads back", on && !(GPIOB_IDR >> BLUE_LED & 1));
}

int main(void)
{
    cycles_start();
    RCC_AHB1ENR |= RCC_AHB1ENR_DMA1EN | RCC_AHB1ENR_DMAMUX1EN | RCC_AHB1ENR_CRCEN;
    RCC_AHB2ENR |= RCC_AHB2ENR_GPIOBEN;
    RCC_APB1ENR1 |= RCC_APB1ENR1_TIM2EN | RCC_APB1ENR1_TIM7EN;
    RCC_APB2ENR |= RCC_APB2ENR_SYSCFGEN;
    (void)RCC_APB2ENR;
    timers();
    memory_to_memory();
    memory_to_uart();
    uart_by_interrupt();
    checksum();
    external_interrupts();
    port();
    return 0;
}
