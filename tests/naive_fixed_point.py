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


def softmax_int16(
    row: list[int], multiplier: int, shift: int, exps: list[int], ratios: list[int], rounding: str = "double"
) -> list[int]:
    """Softmax of one row of int16, with tables."""
    single = naive.multiply_by_quantized_multiplier_single_rounding
    scale = single if rounding == "single" else naive.multiply_by_quantized_multiplier
    largest = max(row)
    found = []
    for value in row:
        scaled = scale(value - largest, multiplier, shift) + 32767
        found.append(look_up_int16(min(max(scaled, -32768), 32767), exps))
    total = sum(found)
    headroom = 32 - total.bit_length()
    shifted = ((total << (headroom - 1)) + (1 << 13)) >> 14
    ratio = look_up_int16(min(max(shifted - (1 << 15) - (1 << 16), -32768), 32767), ratios)
    right = 31 - headroom
    return [min(max((each * ratio + (1 << (right - 1))) >> right, 0), 32767) for each in found]


def log_of_at_least_one(a: Fixed, output_bits: int) -> Fixed:
    """log(a), a >= 1."""
    bits = output_bits + 1
    root = 2**0.25
    quarter = constant(0.25, 0).rescale(bits)
    half_root, quarter_root = constant(math.sqrt(0.5), 0), constant(0.5**0.25, 0)
    z = Fixed(a.raw, 0)
    headroom = 32 - z.raw.bit_length()
    rest_a = times_power_of_two((Fixed(times_power_of_two(z.raw, headroom - 1), 0) * half_root).raw, 1)
    power_a = min(times_power_of_two(a.bits - headroom, 31 - bits) + quarter.raw, MAX)
    headroom_b = 32 - (z * half_root).raw.bit_length() - 1
    rest_b = times_power_of_two(z.raw, headroom_b)
    power_b = max(times_power_of_two(a.bits - headroom_b, 31 - bits) - quarter.raw, MIN)
    rest, power = Fixed(min(rest_a, rest_b), 0), Fixed(max(power_a, power_b), bits)
    total = rest.raw + quarter_root.raw
    p = Fixed(naive.divide_towards_zero(total + (1 if total >= 0 else -1), 2), 0)
    q = rest - quarter_root
    q = q + q
    square = q * q
    numerator = q * rest + q * square * constant(11 / 240 * root, 0)
    alpha_i, alpha_d, alpha_f = constant(2 / root - root, 0), constant(root / 20, 0), constant(root / 4, 0)
    denominator = p * (alpha_i + q + alpha_d * square) + alpha_f * q
    ratio = numerator.rescale(bits) * one_over_one_plus_x(denominator)
    return (power * constant(math.log(2), 0) + ratio).rescale(output_bits)


def log_softmax_int8(row: list[int], multiplier: int, shift: int, least: int, back: tuple[int, int]) -> list[int]:
    """Logarithm of softmax of one row of int8; `back` is the factor from five integer bits to differences."""

    def fixed(difference: int) -> Fixed:
        return Fixed(naive.multiply_by_quantized_multiplier(difference, multiplier, shift), 5)

    largest, total = max(row), Fixed(0, 12)
    for value in row:
        if value - largest >= least:
            total = total + exp_on_negative_values(fixed(value - largest)).rescale(12)
    log = log_of_at_least_one(total, 5)
    smallest = max(least - 1, naive.multiply_by_quantized_multiplier(naive.wrap_int32(log.raw + MIN), *back))
    results = []
    for value in row:
        result = -128
        if value - largest > smallest:
            difference = naive.wrap_int32(fixed(value - largest).raw - log.raw)
            result = naive.rounding_divide_by_power_of_two(difference, 22) + 127
        results.append(min(max(result, -128), 127))
    return results


def squash_int8(value: int, zero_point: int, scale: float, function: str) -> int:
    """logistic or tanh of one int8 value."""
    fraction, shift = math.frexp(float(np.float32(scale)) * 2**27)
    radius = math.floor(15 * 2**27 / 2**shift)
    difference = value - zero_point
    if abs(difference) >= radius:
        return 127 if difference > 0 else -128
    x = Fixed(naive.multiply_by_quantized_multiplier(difference, min(rounded(fraction * 2**31), MAX), shift), 4)
    if function == "logistic":
        result = naive.rounding_divide_by_power_of_two(logistic(x).raw, 23) - 128
    else:
        result = naive.rounding_divide_by_power_of_two(tanh(x).raw, 24)
    return min(max(result, -128), 127)


def squash_int16(value: int, multiplier: int, shift: int, function: str, table: list[int]) -> int:
    """logistic or tanh of one int16 value, from a table of the first on positive numbers."""
    bits = 9 if function == "logistic" else 8
    number = (value * multiplier + (1 << (shift - 1) if shift else 0)) >> shift
    place, rest = divmod(abs(number), 1 << bits)
    if place >= 255:
        result = (0x7FFF << 10) if function == "logistic" else (0xFFFF << 8)
    else:
        result = (table[place] << bits) + rest * (table[place + 1] - table[place])
    if function == "logistic":
        return (result + 512 if number >= 0 else (1 << 25) - result + 511) >> 10
    return (result - (1 << 23) + 128 if number >= 0 else (1 << 23) - result + 127) >> 8
