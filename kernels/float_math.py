# SPDX-License-Identifier: Apache-2.0
"""exp and log in single precision, made of IEEE operations only, so that C on any target gives the same bits.

Every operation below is one float32 operation, rounded to nearest even; a compiler must not contract a product and a
sum into one (`-ffp-contract=off`) nor reorder sums. Errors are below 2 units in the last place. Numbers below 2^-126
are not used: such results are 0.

Source of the method and of the coefficients: S. Moshier, Cephes mathematical library, single/expf.c and single/logf.c.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array
from mcusim.kernels.compiled import compiled

Float32Array = npt.NDArray[np.float32]

_LOG2_E = np.float32(1.44269504088896341)
_LN2_HIGH = np.float32(0.693359375)  # few bits, so that a small whole number times it is exact
_LN2_LOW = np.float32(-2.12194440e-4)
EXP_MAX = np.float32(88.72283)  # the largest whose exp is below 2^128
EXP_MIN = np.float32(-87.33654)  # the smallest whose exp is 2^-126 or more
_SQRT_HALF = np.float32(0.707106781186547524)
_ONE, _HALF = np.float32(1), np.float32(0.5)
_E0, _E1, _E2 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
_E3, _E4, _E5 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
_L0, _L1, _L2 = np.float32(7.0376836292e-2), np.float32(-1.1514610310e-1), np.float32(1.1676998740e-1)
_L3, _L4, _L5 = np.float32(-1.2420140846e-1), np.float32(1.4249322787e-1), np.float32(-1.6668057665e-1)
_L6, _L7, _L8 = np.float32(2.0000714765e-1), np.float32(-2.4999993993e-1), np.float32(3.3333331174e-1)


@compiled
def exp_float32(x: Any) -> Any:
    """exp of one float32, as float32: 0 below `EXP_MIN`, infinity above `EXP_MAX`, NaN of NaN. Not checked.

    n = floor(x * log2(e) + 1/2), r = (x - n * ln2_high) - n * ln2_low
    exp = ((((((e0 * r + e1) * r + e2) * r + e3) * r + e4) * r + e5) * (r * r) + r + 1) * 2^n
    """
    if x != x:
        return x
    if x > EXP_MAX:
        return np.float32(np.inf)
    if x < EXP_MIN:
        return np.float32(0)
    whole = np.float32(math.floor(x * _LOG2_E + _HALF))
    r = x - whole * _LN2_HIGH
    r = r - whole * _LN2_LOW
    y = (((((_E0 * r + _E1) * r + _E2) * r + _E3) * r + _E4) * r + _E5) * (r * r)
    y = (y + r) + _ONE
    # Exact: a power of two, and neither end of the range is passed.
    return np.float32(math.ldexp(np.float64(y), int(whole)))


@compiled
def log_float32(x: Any) -> Any:
    """Natural logarithm of one float32, as float32; minus infinity of 0, NaN below, infinity of infinity. Not checked.

    x = m * 2^e with m from sqrt(1/2) to sqrt(2), f = m - 1, z = f * f
    y = ((l0 * f + l1) * f + ... + l8) * f * z + ln2_low * e - z / 2
    log = (f + y) + ln2_high * e
    """
    if x != x or x < np.float32(0):
        return np.float32(np.nan)
    if x == np.float32(0):
        return np.float32(-np.inf)
    if x == np.float32(np.inf):
        return x
    fraction, exponent = math.frexp(np.float64(x))
    m = np.float32(fraction)
    if m < _SQRT_HALF:
        exponent -= 1
        m = m + m
    f, e = m - _ONE, np.float32(exponent)
    z = f * f
    y = (((((((_L0 * f + _L1) * f + _L2) * f + _L3) * f + _L4) * f + _L5) * f + _L6) * f + _L7) * f + _L8
    y = y * f * z
    y = y + _LN2_LOW * e
    y = y - _HALF * z
    return (f + y) + _LN2_HIGH * e


@compiled
def _exp(values: Float32Array, results: Float32Array) -> None:
    for index in range(values.shape[0]):
        results[index] = exp_float32(values[index])


@compiled
def _log(values: Float32Array, results: Float32Array) -> None:
    for index in range(values.shape[0]):
        results[index] = log_float32(values[index])


def exp(values: Float32Array) -> Float32Array:
    """Return `exp_float32` of each element; float32 of any shape. Raises ValueError for another dtype."""
    return _by_element(_exp, values)


def log(values: Float32Array) -> Float32Array:
    """Return `log_float32` of each element; float32 of any shape. Raises ValueError for another dtype."""
    return _by_element(_log, values)


def _by_element(loop: Any, values: Float32Array) -> Float32Array:
    check_array("values", values, ("float32",))
    flat = np.ascontiguousarray(values).reshape(-1)
    results = np.empty_like(flat)
    loop(flat, results)
    return results.reshape(values.shape)
