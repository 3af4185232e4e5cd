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

/* Two rows, whose sums are added to. */
MK_INLINE void mk_two_dots(const int8_t *row, const int8_t *next, const int16_t *vector, int32_t count, int32_t *sum0,
                           int32_t *sum1)
{
    const uint32_t *x = (const uint32_t *)vector;
    int32_t first = *sum0, second = *sum1;
    for (; count >= 4; count -= 4, row += 4, next += 4, x += 2) {
        const uint32_t word0 = mk_word(row), word1 = mk_word(next), even = x[0], odd = x[1];
        first = __smlad(mk_odd(word0), odd, __smlad(mk_even(word0), even, first));
        second = __smlad(mk_odd(word1), odd, __smlad(mk_even(word1), even, second));
    }
    for (const int16_t *rest = (const int16_t *)x; count > 0; count--, rest++) {
        first += *row++ * *rest;
        second += *next++ * *rest;
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
