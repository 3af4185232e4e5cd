/* SPDX-License-Identifier: Apache-2.0 */
/* Copies and fills that are inlined: runs are short, mostly, and a call of memcpy would take longer. Words need no
   alignment on cores with the DSP extension. Copies go forward, so the target may begin before the source and overlap
   it. */
#ifndef MK_COPY_H
#define MK_COPY_H

#include "arithmetic.h"
#include "simd.h"

/* For runs of a few words at most. */
MK_INLINE void mk_copy_short(int8_t *to, const int8_t *from, int32_t count)
{
#if MK_DSP
    for (; count >= 4; count -= 4, from += 4, to += 4)
        mk_put_word(to, mk_word(from));
#endif
    for (; count > 0; count--)
        *to++ = *from++;
}

MK_INLINE void mk_copy_bytes(int8_t *to, const int8_t *from, int32_t count)
{
#if MK_DSP
    for (; count >= 32; count -= 32, from += 32, to += 32) {
        uint32_t words[8];
        for (int32_t i = 0; i < 8; i++)
            words[i] = mk_word(from + 4 * i);
        for (int32_t i = 0; i < 8; i++)
            mk_put_word(to + 4 * i, words[i]);
    }
#endif
    mk_copy_short(to, from, count);
}

MK_INLINE void mk_fill_bytes(int8_t *to, int8_t value, int32_t count)
{
#if MK_DSP
    const uint32_t word = (uint8_t)value * 0x01010101u;
    for (; count >= 4; count -= 4, to += 4)
        mk_put_word(to, word);
#endif
    for (; count > 0; count--)
        *to++ = value;
}

#endif
