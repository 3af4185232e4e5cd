# SPDX-License-Identifier: Apache-2.0
"""gemmlowp's fixed-point functions on arrays: exp, logistic, tanh, reciprocal, logarithm, all in integers.

A number with `i` integer bits is an int32, value * 2^(31 - i). Arrays are int64 that hold int32 values, so that
products fit; additions that would leave 32 bits do not occur in the ranges that are given.

Source: gemmlowp fixedpoint/fixedpoint.h; TensorFlow Lite kernels/internal/common.h
(log_x_for_x_greater_than_or_equal_to_1, GetReciprocal).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1

Int64Array = npt.NDArray[np.int64]

# exp(-2^k) for k = -2 ... 4, with no integer bits.
_EXP_OF_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
_EXP_OF_MINUS_ONE_EIGHTH = 1895147668
_ONE_THIRD = 715827883
# 48/17 and -32/17, with two integer bits: where Newton's iteration for a reciprocal starts.
_48_OVER_17, _MINUS_32_OVER_17 = 1515870810, -1010580540
_ONE_WITH_TWO_BITS = 1 << 29


def int64s(values: Any) -> Int64Array:
    """Return values as an int64 array."""
    return np.asarray(values, np.int64)


def high_mul(a: Any, b: Any) -> Int64Array:
    """Return round(a * b / 2^31), halves up; the product of two INT32_MIN saturates. Integer bits add up."""
    return np.minimum((int64s(a) * int64s(b) + (1 << 30)) >> 31, INT32_MAX)


def divide_by_power_of_two(values: Any, exponents: Any) -> Int64Array:
    """Return round(values / 2^exponents), halves away from zero; exponents from 0 to 31."""
    numbers, powers = int64s(values), int64s(exponents)
    mask = (np.int64(1) << powers) - 1
    threshold = (mask >> 1) + (numbers < 0)
    return (numbers >> powers) + ((numbers & mask) > threshold)


def saturating_shift(values: Any, left: int) -> Int64Array:
    """Return values * 2^left cut to int32; for a negative `left`, divided with rounding."""
    if left < 0:
        return divide_by_power_of_two(values, -left)
    return np.clip(int64s(values) << left, INT32_MIN, INT32_MAX)


def wrap(values: Any) -> Int64Array:
    """Keep the low 32 bits, as signed numbers."""
    return int64s(values).astype(np.int32).astype(np.int64)


def scaled(values: Any, multipliers: Any, shifts: Any) -> Int64Array:
    """Return `requantize`, rounded twice, of an array whose multipliers may be another array."""
    powers = int64s(shifts)
    product = high_mul(wrap(int64s(values) << np.maximum(powers, 0)), multipliers)
    return divide_by_power_of_two(product, np.maximum(-powers, 0))


def exp_of_negative(values: Any, integer_bits: int) -> Int64Array:
    """Return exp(values), with no integer bits, for values <= 0 with up to five integer bits."""
    numbers = int64s(values)
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    remainder = (numbers & (quarter - 1)) - quarter  # in [-1/4, 0)
    rest = remainder - numbers
    result = _exp_of_minus_quarter_to_0(saturating_shift(remainder, integer_bits))
    for exponent, factor in zip(range(-2, 5), _EXP_OF_POWERS, strict=True):
        if integer_bits > exponent:
            result = np.where(rest & (1 << (fraction_bits + exponent)), high_mul(result, factor), result)
    return np.where(numbers == 0, INT32_MAX, result)


def _exp_of_minus_quarter_to_0(values: Int64Array) -> Int64Array:
    """Taylor's series around -1/8, no integer bits."""
    x = values + (1 << 28)
    x2 = high_mul(x, x)
    x3 = high_mul(x2, x)
    x4_over_4 = divide_by_power_of_two(high_mul(x2, x2), 2)
    higher = divide_by_power_of_two(high_mul(x4_over_4 + x3, _ONE_THIRD) + x2, 1)
    return high_mul(_EXP_OF_MINUS_ONE_EIGHTH, x + higher) + _EXP_OF_MINUS_ONE_EIGHTH


def _reciprocal_of_half_sum(values: Any) -> Int64Array:
    """Return 2 / (1 + values) with two integer bits, values in [0, 1] with none: three steps of Newton's iteration."""
    total = int64s(values) + INT32_MAX
    half = (total + 1) >> 1  # not negative here: rounded half up
    x = _48_OVER_17 + high_mul(half, _MINUS_32_OVER_17)
    for _ in range(3):
        x = x + saturating_shift(high_mul(x, _ONE_WITH_TWO_BITS - high_mul(half, x)), 2)
    return x


def one_over_one_plus(values: Any) -> Int64Array:
    """Return 1 / (1 + values), values in [0, 1]; no integer bits."""
    return saturating_shift(_reciprocal_of_half_sum(values), 1)


def one_minus_over_one_plus(values: Any) -> Int64Array:
    """Return (1 - values) / (1 + values), values in [0, 1]; no integer bits."""
    return saturating_shift(_reciprocal_of_half_sum(values) - _ONE_WITH_TWO_BITS, 2)


def logistic(values: Any, integer_bits: int) -> Int64Array:
    """Return 1 / (1 + exp(-values)), with no integer bits."""
    numbers = int64s(values)
    positive = one_over_one_plus(exp_of_negative(-np.abs(numbers), integer_bits))
    return np.where(numbers == 0, 1 << 30, np.where(numbers > 0, positive, INT32_MAX - positive))


def tanh(values: Any, integer_bits: int) -> Int64Array:
    """Return tanh(values), with no integer bits."""
    numbers = int64s(values)
    # exp(2 x): the same bits, read with one integer bit more.
    size = one_minus_over_one_plus(exp_of_negative(-np.abs(numbers), integer_bits + 1))
    return np.where(numbers == 0, 0, np.where(numbers < 0, -size, size))


def leading_zeros(values: Any) -> Int64Array:
    """Return how many of 32 bits are zero above the highest one; 32 for 0."""
    _fraction, exponent = np.frexp(int64s(values).astype(np.float64))
    return np.where(int64s(values) == 0, 32, 32 - exponent.astype(np.int64))


def reciprocal(values: Any, integer_bits: int) -> tuple[Int64Array, Int64Array]:
    """Return (1 / x scaled to [1/2, 1], bits) for x > 0: 1 / values = first * 2^-bits. (GetReciprocal.)"""
    headroom = leading_zeros(values)
    fraction = (int64s(values) << headroom) - (1 << 31)
    return one_over_one_plus(fraction), integer_bits - headroom


# log(2), (1/2)^(1/4), (1/2)^(1/2) and the factors of a rational approximation, with no integer bits.
_LOG_2, _SQRT_SQRT_HALF, _SQRT_HALF, _QUARTER = 1488522236, 1805811301, 1518500250, 536870912
_ALPHA_N, _ALPHA_D, _ALPHA_I, _ALPHA_F = 117049297, 127690142, 1057819769, 638450708


def log_of_at_least_one(values: Any, integer_bits: int, output_bits: int) -> Int64Array:
    """Return log(values) for values >= 1, with `output_bits` integer bits.

    A power of two is taken out so that the rest is near (1/2)^(1/4), from above or below, whichever is smaller; the
    logarithm of the rest is a quotient of polynomials.
    """
    numbers = int64s(values)
    bits = output_bits + 1  # one more, since the first product may saturate
    quarter = divide_by_power_of_two(_QUARTER, bits)
    headroom = leading_zeros(numbers)
    rest_a = saturating_shift(high_mul(numbers << (headroom - 1), _SQRT_HALF), 1)
    power_a = np.minimum(saturating_shift(integer_bits - headroom, 31 - bits) + quarter, INT32_MAX)
    headroom_b = leading_zeros(high_mul(numbers, _SQRT_HALF)) - 1
    rest_b = np.clip(numbers << headroom_b, INT32_MIN, INT32_MAX)
    power_b = np.maximum(saturating_shift(integer_bits - headroom_b, 31 - bits) - quarter, INT32_MIN)
    rest, power = np.minimum(rest_a, rest_b), np.maximum(power_a, power_b)

    total = rest + _SQRT_SQRT_HALF
    p = np.sign(total) * ((np.abs(total) + 1) >> 1)
    q = wrap(2 * (rest - _SQRT_SQRT_HALF))
    square = high_mul(q, q)
    numerator = high_mul(q, rest) + high_mul(high_mul(q, square), _ALPHA_N)
    denominator = high_mul(p, _ALPHA_I + q + high_mul(_ALPHA_D, square)) + high_mul(_ALPHA_F, q)
    ratio = high_mul(divide_by_power_of_two(numerator, bits), one_over_one_plus(denominator))
    return saturating_shift(high_mul(power, _LOG_2) + ratio, bits - output_bits)
