/* SPDX-License-Identifier: Apache-2.0 */
/* What pools and gradients share: which input elements an output sees, and sums that start at zero. */
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

/* The part of a pool's window that lies inside of the input. */
struct mk_window {
    int32_t top, bottom, left, right;
};

MK_INLINE struct mk_window mk_window_of(const struct mk_pool *op, int32_t y, int32_t x)
{
    const int32_t top = y * op->stride_height - op->pad_top, left = x * op->stride_width - op->pad_left;
    return (struct mk_window){
        .top = mk_larger(top, 0),
        .bottom = mk_smaller(top + op->kernel_height, op->input.height),
        .left = mk_larger(left, 0),
        .right = mk_smaller(left + op->kernel_width, op->input.width),
    };
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
