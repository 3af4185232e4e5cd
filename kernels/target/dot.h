/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of int8 weights times one vector, which stands in scratch memory as int16 less its zero point. */
#ifndef MK_DOT_H
#define MK_DOT_H

#include "arithmetic.h"
#include "simd.h"

/* Bytes of a vector as int16. */
MK_INLINE int32_t mk_vector_bytes(int32_t count)
{
    return 2 * mk_round_up_to_4(count);
}

#if MK_DSP

/* Four elements are in the order of SXTB16: 0 and 2, 1 and 3; what is left over is as it was. */
MK_INLINE void mk_expand_vector(const int8_t *from, int32_t count, int32_t zero_point, int16_t *vector)
{
    const uint32_t offset = mk_both(-zero_point);
    uint32_t *words = (uint32_t *)vector;

    for (; count >= 4; count -= 4, from += 4, words += 2) {
        const uint32_t word = mk_word(from);
        words[0] = mk_even_plus(offset, word);
        words[1] = mk_odd_plus(offset, word);
    }
    for (int16_t *rest = (int16_t *)words; count > 0; count--)
        *rest++ = (int16_t)(*from++ - zero_point);
}

MK_INLINE int32_t mk_dot(const int8_t *row, const int16_t *vector, int32_t count, int32_t sum)
{
    const uint32_t *x = (const uint32_t *)vector;
    for (; count >= 4; count -= 4, row += 4, x += 2) {
        const uint32_t word = mk_word(row);
        sum = __smlad(mk_odd(word), x[1], __smlad(mk_even(word), x[0], sum));
    }
    for (const int16_t *rest = (const int16_t *)x; count > 0; count--)
        sum += *row++ * *rest++;
    return sum;
}

/* Two rows, whose sums are added to. Eight elements at a time are written out: loads stand together because they pipeline
   on a Cortex-M4, and a compiler interleaves them with what waits for them. */
MK_INLINE void mk_two_dots(const int8_t *row, const int8_t *next, const int16_t *vector, int32_t count, int32_t *sum0,
                           int32_t *sum1)
{
#define MK_FOUR_OF_TWO_ROWS \
    "ldr    %[w0], [%[row]], #4\n\t" \
    "ldr    %[w1], [%[next]], #4\n\t" \
    "ldr    %[odd], [%[x], #4]\n\t" \
    "ldr    %[even], [%[x]], #8\n\t" \
    "sxtb16 %[t], %[w0], ror #8\n\t" \
    "sxtb16 %[u], %[w1], ror #8\n\t" \
    "sxtb16 %[w0], %[w0]\n\t" \
    "smlad  %[first], %[t], %[odd], %[first]\n\t" \
    "sxtb16 %[w1], %[w1]\n\t" \
    "smlad  %[second], %[u], %[odd], %[second]\n\t" \
    "smlad  %[first], %[w0], %[even], %[first]\n\t" \
    "smlad  %[second], %[w1], %[even], %[second]\n\t"
    int32_t first = *sum0, second = *sum1;
    uint32_t w0, w1, even, odd, t, u;

    __asm__ volatile("subs   %[count], %[count], #8\n\t"
                     "blt    2f\n\t"
                     ".p2align 2\n"
                     "1:\n\t"
                     MK_FOUR_OF_TWO_ROWS
                     MK_FOUR_OF_TWO_ROWS
                     "subs   %[count], %[count], #8\n\t"
                     "bge    1b\n"
                     "2:\n\t"
                     "adds   %[count], %[count], #4\n\t"
                     "blt    3f\n\t"
                     MK_FOUR_OF_TWO_ROWS
                     "subs   %[count], %[count], #4\n\t"
                     "3:\n\t"
                     "adds   %[count], %[count], #4\n\t" /* 0 to 3 are left */
                     : [row] "+r"(row), [next] "+r"(next), [x] "+r"(vector), [count] "+r"(count), [first] "+r"(first),
                       [second] "+r"(second), [w0] "=&r"(w0), [w1] "=&r"(w1), [even] "=&r"(even), [odd] "=&r"(odd),
                       [t] "=&r"(t), [u] "=&r"(u)
                     :
                     : "cc", "memory");
#undef MK_FOUR_OF_TWO_ROWS
    for (; count > 0; count--, vector++) {
        first += *row++ * *vector;
        second += *next++ * *vector;
    }
    *sum0 = first;
    *sum1 = second;
}

#else

MK_INLINE void mk_expand_vector(const int8_t *from, int32_t count, int32_t zero_point, int16_t *vector)
{
    for (; count > 0; count--)
        *vector++ = (int16_t)(*from++ - zero_point);
}

MK_INLINE int32_t mk_dot(const int8_t *row, const int16_t *vector, int32_t count, int32_t sum)
{
    for (; count > 0; count--)
        sum += *row++ * *vector++;
    return sum;
}

MK_INLINE void mk_two_dots(const int8_t *row, const int8_t *next, const int16_t *vector, int32_t count, int32_t *sum0,
                           int32_t *sum1)
{
    int32_t first = *sum0, second = *sum1;
    for (; count > 0; count--, vector++) {
        first += *row++ * *vector;
        second += *next++ * *vector;
    }
    *sum0 = first;
    *sum1 = second;
}

#endif

#endif
