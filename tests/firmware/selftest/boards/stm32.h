/* SPDX-License-Identifier: Apache-2.0 */
/* What the STM32 families F0, F1, F4, G0 and L4 have in common: waiting for flags, ports with MODER, both kinds of USART.
   Register offsets: ST RM0008, RM0090, RM0091, RM0351, RM0444. */
#ifndef STM32_H
#define STM32_H

#include "selftest.h"

#define BAUD 115200u

static inline void set_bits(uint32_t address, uint32_t bits)
{
    REGISTER(address) |= bits;
}

static inline void set_field(uint32_t address, uint32_t mask, uint32_t value)
{
    REGISTER(address) = (REGISTER(address) & ~mask) | value;
}

static inline void wait_for(uint32_t address, uint32_t mask, uint32_t value)
{
    while ((REGISTER(address) & mask) != value)
        ;
}

/* A pin of a port with MODER: push-pull, fast, alternate function. */
static inline void pin_alternate(uint32_t port, unsigned pin, unsigned function)
{
    set_field(port + 0x20 + 4 * (pin / 8), 0xFu << 4 * (pin % 8), function << 4 * (pin % 8)); /* AFRL, AFRH */
    set_field(port + 0x08, 3u << 2 * pin, 2u << 2 * pin);                                     /* OSPEEDR */
    set_field(port + 0x00, 3u << 2 * pin, 2u << 2 * pin);                                     /* MODER */
}

/* USARTs of F1 and F4: SR, DR, BRR, CR1. */
#define USART_V1_INIT(base, kernel_hz) \
    do { \
        REGISTER((base) + 0x08) = ((kernel_hz) + BAUD / 2) / BAUD; \
        REGISTER((base) + 0x0C) = 1u << 13 | 1u << 3; /* UE, TE */ \
    } while (0)

static inline void usart_v1_putc(uint32_t base, char character)
{
    wait_for(base + 0x00, 1u << 7, 1u << 7); /* TXE */
    REGISTER(base + 0x04) = (uint8_t)character;
}

static inline void usart_v1_flush(uint32_t base)
{
    wait_for(base + 0x00, 1u << 6, 1u << 6); /* TC */
}

/* USARTs of the others: CR1, BRR, ISR, TDR. */
#define USART_V2_INIT(base, divider) \
    do { \
        REGISTER((base) + 0x0C) = (divider); \
        REGISTER((base) + 0x00) = 1u << 3 | 1u << 0; /* TE, UE */ \
        wait_for((base) + 0x1C, 1u << 21, 1u << 21); /* TEACK */ \
    } while (0)

static inline void usart_v2_putc(uint32_t base, char character)
{
    wait_for(base + 0x1C, 1u << 7, 1u << 7); /* TXE */
    REGISTER(base + 0x28) = (uint8_t)character;
}

static inline void usart_v2_flush(uint32_t base)
{
    wait_for(base + 0x1C, 1u << 6, 1u << 6); /* TC */
}

#endif
