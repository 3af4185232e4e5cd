/* SPDX-License-Identifier: Apache-2.0 */
/* What the gradients share: which input elements an output sees, and sums that start at zero. */
#ifndef MK_WINDOW_H
#define MK_WINDOW_H

#include "arithmetic.h"

MK_INLINE int32_t mk_larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

MK_INLINE int32_t mk_smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

MK_INLINE void mk_zero(int32_t count, float *numbers)
{
    for (; count > 0; count--)
        *numbers++ = 0.0f;
}

/* The output's row or column that sees input position `at` through the kernel's element `k`; -1 where none does. */
MK_INLINE int32_t mk_seen_by(int32_t at, int32_t k, int32_t dilation, int32_t pad, int32_t stride, int32_t outputs)
{
    const int32_t distance = at + pad - k * dilation, output = distance / stride;
    return distance < 0 || output * stride != distance || output >= outputs ? -1 : output;
}

/* The input's row or column that an output sees through the kernel's element `k`; -1 where it is outside. */
MK_INLINE int32_t mk_sees(int32_t output, int32_t k, int32_t dilation, int32_t pad, int32_t stride, int32_t inputs)
{
    const int32_t at = output * stride + k * dilation - pad;
    return at < 0 || at >= inputs ? -1 : at;
}

#endif
