# SPDX-License-Identifier: Apache-2.0
"""Plain twins of the compiled kernels: Python integers of any size, written from the definition, slow and obvious."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def wrap_int32(value: int) -> int:
    """Two's complement of 32 bits."""
    value %= 2**32
    return value - 2**32 if value >= 2**31 else value


def divide_towards_zero(a: int, b: int) -> int:
    """Integer division as C has it."""
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def round_half_up(value: Fraction) -> int:
    """Nearest integer, halves towards plus infinity."""
    return math.floor(value + Fraction(1, 2))


def round_half_away(value: Fraction) -> int:
    """Nearest integer, halves away from zero."""
    return math.floor(value + Fraction(1, 2)) if value >= 0 else math.ceil(value - Fraction(1, 2))


def saturating_rounding_doubling_high_mul(a: int, b: int) -> int:
    """As gemmlowp writes it: a nudge with the product's sign, then C's division."""
    if a == b == INT32_MIN:
        return INT32_MAX
    product = a * b
    nudge = 2**30 if product >= 0 else 1 - 2**30
    return divide_towards_zero(product + nudge, 2**31)


def rounding_divide_by_power_of_two(value: int, exponent: int) -> int:
    """From what it means."""
    return round_half_away(Fraction(value, 2**exponent))


def multiply_by_quantized_multiplier(value: int, multiplier: int, shift: int) -> int:
    """Shift left, multiply, shift right."""
    shifted = wrap_int32(value * 2 ** max(shift, 0))
    return rounding_divide_by_power_of_two(saturating_rounding_doubling_high_mul(shifted, multiplier), max(-shift, 0))


def multiply_by_quantized_multiplier_single_rounding(value: int, multiplier: int, shift: int) -> int:
    """From what it means; wraps."""
    return wrap_int32(round_half_up(Fraction(value * multiplier, 2 ** (31 - shift))))


def to_float32(value: Fraction) -> float:
    """Nearest single-precision number, ties to even; infinity beyond the largest. Exact: no double in between."""
    if value == 0:
        return 0.0
    magnitude = abs(value)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    if Fraction(2) ** exponent > magnitude:
        exponent -= 1
    unit = Fraction(2) ** (max(exponent, -126) - 23)
    digits = round(magnitude / unit)  # Python rounds halves to even
    rounded = digits * unit
    if rounded >= Fraction(2) ** 128:
        return math.copysign(math.inf, value)
    return struct.unpack("<f", struct.pack("<f", math.copysign(float(rounded), value)))[0]


def multiply_by_float_scale(value: int, scale: float) -> int:
    """Two roundings to single precision, then towards zero; saturates. `scale` is a single-precision number."""
    if math.isnan(scale):
        return 0
    factor = to_float32(Fraction(value))
    # Infinity times a number, or NaN for zero times infinity, is the same in every precision.
    product = factor * scale if math.isinf(scale) else to_float32(Fraction(factor) * Fraction(scale))
    if math.isnan(product):
        return 0
    if abs(product) >= 2**31:
        return INT32_MAX if product > 0 else INT32_MIN
    return math.trunc(product)
