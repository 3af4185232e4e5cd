# SPDX-License-Identifier: Apache-2.0
"""The logistic function: `logistic`, its int16 form that the LSTM shares, and the table that `tanh` shares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels import fixed_point
from mcusim.kernels.checks import check_array, check_scale, check_zero_point
from mcusim.kernels.fixed_point import Int64Array, divide_by_power_of_two, int64s, scaled
from mcusim.kernels.softmax import input_radius

Array = npt.NDArray[Any]

INPUT_BITS = 4  # integer bits of what goes into the fixed-point functions
MULTIPLIER_OF_A_POWER_OF_TWO = 3


def _sigmoid_table() -> Int64Array:
    """Return the logistic function at i / 24, i from 0 to 255, in units of 2^-16; the end is the largest there is.

    Each value lies above the curve by half of what a straight line to the next would be below it in the middle:
    h^2 / 16 times the second derivative. That gives TensorFlow Lite's table (sigmoid_table_uint16) to the bit.
    """
    step, values = 1 / 24, []
    for index in range(255):
        value = 1 / (1 + math.exp(-index * step))
        bend = value * (1 - value) * (2 * value - 1)
        values.append(math.floor(65536 * (value + step * step / 16 * bend) + 0.5))
    return int64s([*values, 65535])


SIGMOID_TABLE = _sigmoid_table()


def logistic(inputs: Array, *, input_scale: float, input_zero_point: int = 0) -> Array:
    """Return 1 / (1 + exp(-x)); int8 or int16 of any shape -> the same dtype.

    The outputs' scale and zero point are fixed: 1/256 and -128 (int8), 1/32768 and 0 (int16). int8 goes through
    gemmlowp's fixed-point function with four integer bits, int16 through a table with straight lines between its 256
    values. Raises ValueError naming the operand.

    Source: TensorFlow Lite kernels/internal/reference/integer_ops/logistic.h, micro/kernels/logistic_common.cc.
    """
    check_array("inputs", inputs, ("int8", "int16"))
    scale = check_scale("input_scale", input_scale)
    zero_point = check_zero_point("input_zero_point", input_zero_point, inputs.dtype)
    if inputs.dtype == np.int16:
        return logistic_int16(inputs, *int16_scaling(scale, (0,))).astype(np.int16)
    table = int8_table(scale, zero_point, lambda x: divide_by_power_of_two(fixed_point.logistic(x, 4), 23) - 128)
    return table[inputs.astype(np.int64) + 128]


def int8_table(scale: float, zero_point: int, function: Any) -> npt.NDArray[np.int8]:
    """Return a function of all int8 values: of fixed-point numbers with four integer bits, cut to int8.

    What is too large in size for four bits gives the least or the largest value.
    """
    fraction, shift = math.frexp(scale * (1 << (31 - INPUT_BITS)))
    multiplier = min(math.floor(fraction * (1 << 31) + 0.5), (1 << 31) - 1)
    if shift > 30:
        raise ValueError(f"input_scale: {scale} is too large, it must be below 8")
    radius = input_radius(INPUT_BITS, shift)
    differences = np.arange(-128, 128, dtype=np.int64) - zero_point
    inside = np.abs(differences) < radius
    values = np.clip(function(scaled(np.where(inside, differences, 0), multiplier, shift)), -128, 127)
    return np.where(inside, values, np.where(differences < 0, -128, 127)).astype(np.int8)


def int16_scaling(scale: float, powers: tuple[int, ...]) -> tuple[int, int]:
    """Return (multiplier, shift to the right) that bring int16 inputs to 1/12288, a third of 2^-12.

    A scale of 2^(p - 12), for a shift p of `powers`, has an exact factor.
    """
    logarithm = float(np.float32(np.log(np.float32(scale)) * np.float32(1 / np.log(np.float32(2)))))
    power = math.floor(abs(logarithm) + 0.5) * (1 if logarithm >= 0 else -1)
    if abs(logarithm - power) < 1e-3 and power + 12 in powers:
        return MULTIPLIER_OF_A_POWER_OF_TWO << (power + 12), 0
    multiplier, shift = scale * 4096.0 * 3.0, 0
    while multiplier <= 32767.0 / 2.0 and shift <= 30:
        multiplier, shift = multiplier * 2.0, shift + 1
    if multiplier > 32767.0 * 2:
        raise ValueError(f"input_scale: {scale} is too large for int16, its factor must fit 16 bits")
    return int(multiplier), shift


def _between(sizes: Int64Array, fraction_bits: int, most: int) -> Int64Array:
    """Look up the table for sizes with so many fraction bits; `most` where the table has ended."""
    index = sizes >> fraction_bits
    inside = np.minimum(index, 254)
    first, second = SIGMOID_TABLE[inside], SIGMOID_TABLE[inside + 1]
    line = (first << fraction_bits) + (sizes & ((1 << fraction_bits) - 1)) * (second - first)
    return np.where(index >= 255, most, line)


def _scaled_int16(inputs: Array, multiplier: int, shift: int) -> Int64Array:
    half = 1 << (shift - 1) if shift > 0 else 0
    return (int64s(inputs) * multiplier + half) >> shift


def logistic_int16(inputs: Array, multiplier: int, shift: int) -> Int64Array:
    """Return the logistic function of int16 values times multiplier * 2^-shift / 12288, in units of 2^-15."""
    numbers = _scaled_int16(inputs, multiplier, shift)
    result = _between(np.abs(numbers), 9, 0x7FFF << 10)
    turned = (1 << 25) - result + (1 << 9) - 1
    return int64s(np.where(numbers >= 0, result + (1 << 9), turned) >> 10)


def tanh_int16(inputs: Array, multiplier: int, shift: int) -> Int64Array:
    """Return the hyperbolic tangent of int16 values times multiplier * 2^-shift / 12288, in units of 2^-15."""
    numbers = _scaled_int16(inputs, multiplier, shift)
    result = _between(np.abs(numbers), 8, 0xFFFF << 8)
    up, down = result - (1 << 23) + (1 << 7), -result + (1 << 23) + (1 << 7) - 1
    return int64s(np.where(numbers >= 0, up, down) >> 8)
