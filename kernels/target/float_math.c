/* SPDX-License-Identifier: Apache-2.0 */
/* exp and log of kernels/float_math.py, operation by operation: no library, no contraction, the same bits everywhere.
   Method and coefficients: S. Moshier, Cephes mathematical library, single/expf.c and single/logf.c. */
#include "mcusim_training.h"

#define LOG2_E 1.44269504088896341f
#define LN2_HIGH 0.693359375f /* few bits, so that a small whole number times it is exact */
#define LN2_LOW -2.12194440e-4f
#define EXP_MAX 88.72283f  /* the largest whose exp is below 2^128 */
#define EXP_MIN -87.33654f /* the smallest whose exp is 2^-126 or more */
#define SQRT_HALF 0.707106781186547524f
#define INFINITE __builtin_inff()
#define FRACTION_BITS 23

static uint32_t bits_of(float x)
{
    union {
        float number;
        uint32_t bits;
    } both = {.number = x};
    return both.bits;
}

static float number_of(uint32_t bits)
{
    union {
        uint32_t bits;
        float number;
    } both = {.bits = bits};
    return both.number;
}

float mk_exp(float x)
{
    if (x != x)
        return x;
    if (x > EXP_MAX)
        return INFINITE;
    if (x < EXP_MIN)
        return 0.0f;
    const float halves = x * LOG2_E + 0.5f;
    int32_t n = (int32_t)halves;
    n -= (float)n > halves; /* down, not towards zero */
    const float whole = (float)n;
    float r = x - whole * LN2_HIGH;
    r = r - whole * LN2_LOW;
    float y = 1.9875691500e-4f;
    y = y * r + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * (r * r);
    y = y + r + 1.0f;
    /* Times 2^n: neither end of the exponent's range is passed. */
    return number_of(bits_of(y) + ((uint32_t)n << FRACTION_BITS));
}

float mk_log(float x)
{
    int32_t exponent = 0;

    if (x != x || x < 0.0f)
        return __builtin_nanf("");
    if (x == 0.0f)
        return -INFINITE;
    if (x == INFINITE)
        return x;
    if (x < 0x1p-126f) { /* its exponent's field says nothing */
        x = x * 0x1p24f;
        exponent = -24;
    }
    /* x = m * 2^exponent with m from 1/2 to 1. */
    exponent += (int32_t)(bits_of(x) >> FRACTION_BITS) - 126;
    float m = number_of((bits_of(x) & 0x007FFFFFu) | 126u << FRACTION_BITS);
    if (m < SQRT_HALF) {
        exponent--;
        m = m + m;
    }
    const float f = m - 1.0f, e = (float)exponent, z = f * f;
    float y = 7.0376836292e-2f;
    y = y * f + -1.1514610310e-1f;
    y = y * f + 1.1676998740e-1f;
    y = y * f + -1.2420140846e-1f;
    y = y * f + 1.4249322787e-1f;
    y = y * f + -1.6668057665e-1f;
    y = y * f + 2.0000714765e-1f;
    y = y * f + -2.4999993993e-1f;
    y = y * f + 3.3333331174e-1f;
    y = y * f * z;
    y = y + LN2_LOW * e;
    y = y - 0.5f * z;
    return (f + y) + LN2_HIGH * e;
}
