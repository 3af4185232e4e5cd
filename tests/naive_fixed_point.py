# SPDX-License-Identifier: Apache-2.0
"""Plain twins of gemmlowp's fixed-point functions and of what is made of them: one number at a time.

A `Fixed` number carries its integer bits, as gemmlowp's types do; the functions are written as the sources have them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import naive
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
MIN, MAX = naive.INT32_MIN, naive.INT32_MAX


@dataclass(frozen=True)
class Fixed:
    """raw * 2^(bits - 31)."""

    raw: int
    bits: int

    def __add__(self, other: Fixed) -> Fixed:
        assert self.bits == other.bits
        return Fixed(naive.wrap_int32(self.raw + other.raw), self.bits)

    def __sub__(self, other: Fixed) -> Fixed:
        assert self.bits == other.bits
        return Fixed(naive.wrap_int32(self.raw - other.raw), self.bits)

    def __mul__(self, other: Fixed) -> Fixed:
        return Fixed(naive.saturating_rounding_doubling_high_mul(self.raw, other.raw), self.bits + other.bits)

    def rescale(self, bits: int) -> Fixed:
        """The same number with other integer bits, saturating or rounding."""
        return Fixed(times_power_of_two(self.raw, self.bits - bits), bits)


def times_power_of_two(raw: int, exponent: int) -> int:
    """Saturating to the left, rounding to the right."""
    if exponent < 0:
        return naive.rounding_divide_by_power_of_two(raw, -exponent)
    return min(max(raw << exponent, MIN), MAX)


def constant(value: float, bits: int) -> Fixed:
    """The nearest fixed-point number; 1.0 with no integer bits is the largest below it."""
    return Fixed(min(math.floor(value * 2 ** (31 - bits) + 0.5), MAX), bits)


def exp_on_negative_values(a: Fixed) -> Fixed:
    """exp(a), a <= 0."""
    quarter = constant(0.25, a.bits)
    part = Fixed(a.raw & (quarter.raw - 1), a.bits) - quarter
    x = part.rescale(0) + constant(0.125, 0)
    x2 = x * x
    x3 = x2 * x
    x4_over_4 = Fixed(times_power_of_two((x2 * x2).raw, -2), 0)
    higher = (x4_over_4 + x3) * constant(1 / 3, 0) + x2
    base = constant(math.exp(-1 / 8), 0)
    result = base + base * (x + Fixed(times_power_of_two(higher.raw, -1), 0))
    remainder = (part - a).raw
    for exponent in range(-2, a.bits):
        if exponent < 5 and remainder >> (31 - a.bits + exponent) & 1:
            result = result * constant(math.exp(-(2.0**exponent)), 0)
    return constant(1.0, 0) if a.raw == 0 else result


def _newton(a: Fixed) -> Fixed:
    """2 / (1 + a) with two integer bits, a in [0, 1]."""
    total = a.raw + MAX
    half = Fixed(naive.divide_towards_zero(total + (1 if total >= 0 else -1), 2), 0)
    x = constant(48 / 17, 2) + half * constant(-32 / 17, 2)
    for _ in range(3):
        x = x + (x * (constant(1.0, 2) - half * x)).rescale(2)
    return x


def one_over_one_plus_x(a: Fixed) -> Fixed:
    """1 / (1 + a), a in [0, 1]."""
    return Fixed(_newton(a).raw, 1).rescale(0)


def logistic(a: Fixed) -> Fixed:
    """1 / (1 + exp(-a))."""
    if a.raw == 0:
        return constant(0.5, 0)
    result = one_over_one_plus_x(exp_on_negative_values(Fixed(-abs(a.raw), a.bits)))
    return result if a.raw > 0 else constant(1.0, 0) - result


def tanh(a: Fixed) -> Fixed:
    """tanh(a)."""
    if a.raw == 0:
        return a.rescale(0)
    exp = exp_on_negative_values(Fixed(-abs(a.raw), a.bits + 1))
    result = (_newton(exp) - constant(1.0, 2)).rescale(0)
    return Fixed(-result.raw, 0) if a.raw < 0 else result


def reciprocal(value: Fixed) -> tuple[Fixed, int]:
    """1 / value as (number in [1/2, 1], how many bits to shift it to the right)."""
    headroom = 32 - value.raw.bit_length()
    return one_over_one_plus_x(Fixed((value.raw << headroom) - (1 << 31), 0)), value.bits - headroom


def softmax_int8(row: list[int], multiplier: int, shift: int, least: int, dtype: str) -> list[int]:
    """Softmax of one row of int8."""
    limits, largest = np.iinfo(dtype), max(row)

    def exp(difference: int) -> Fixed:
        return exp_on_negative_values(Fixed(naive.multiply_by_quantized_multiplier(difference, multiplier, shift), 5))

    total = Fixed(0, 12)
    for value in row:
        if value - largest >= least:
            total = total + exp(value - largest).rescale(12)
    scale, over = reciprocal(total)
    results = []
    for value in row:
        result = limits.min
        if value - largest >= least:
            product = (scale * exp(value - largest)).raw
            result += naive.rounding_divide_by_power_of_two(product, over + 31 - limits.bits)
        results.append(int(min(max(result, limits.min), limits.max)))
    return results


def rounded(value: float) -> int:
    """Halves away from zero."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def table_int16(
    function: Callable[[float], float], low: float, high: float, output_low: float, output_high: float
) -> list[int]:
    """The 513 values of a function, all in single precision."""
    f = np.float32
    step, scale = (f(high) - f(low)) / f(512), f(65536) / (f(output_high) - f(output_low))

    def at(x: Any) -> Any:
        return f(function(float(x))) * scale

    table = []
    for index in range(512):
        x = f(low) + f(index) * step
        here, between, after = at(x), at(x + step / f(2)), at(f(low) + f(index + 1) * step)
        error = rounded((after + f(rounded(here))) / f(2)) - rounded(between)
        table.append(rounded(here) - rounded(error / 2))
    return [min(max(each, -32768), 32767) for each in [*table, rounded(at(f(high)))]]


def look_up_int16(value: int, table: list[int]) -> int:
    """A straight line between two values of the table."""
    index = 256 + (value >> 7)
    return table[index] + (((table[index + 1] - table[index]) * (value & 0x7F) + 64) >> 7)


def softmax_int16(row: list[int], multiplier: int, shift: int, exps: list[int], ratios: list[int]) -> list[int]:
    """Softmax of one row of int16, with tables."""
    largest = max(row)
    found = []
    for value in row:
        scaled = naive.multiply_by_quantized_multiplier(value - largest, multiplier, shift) + 32767
        found.append(look_up_int16(min(max(scaled, -32768), 32767), exps))
    total = sum(found)
    headroom = 32 - total.bit_length()
    shifted = ((total << (headroom - 1)) + (1 << 13)) >> 14
    ratio = look_up_int16(min(max(shifted - (1 << 15) - (1 << 16), -32768), 32767), ratios)
    right = 31 - headroom
    return [min(max((each * ratio + (1 << (right - 1))) >> right, 0), 32767) for each in found]
