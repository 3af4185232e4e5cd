# SPDX-License-Identifier: Apache-2.0
"""Requantisation: from 32-bit accumulators back to the scale of the output, as the frameworks define it.

A real factor is stored as two integers: factor = multiplier * 2^(shift - 31), multiplier in [2^30, 2^31) or 0. Three
ways to multiply by it are in use, and they differ in the last bit:

    double rounding   round(round(x * 2^left * multiplier / 2^31) / 2^right)   TensorFlow Lite Micro, CMSIS-NN
    single rounding   round(x * multiplier / 2^(31 - shift))                   the same, as a build option
    float scale       trunc(float32(x) * float32(factor))                      TinyEngine

Scalar functions (of Python integers that fit 32 bits; not checked, for use inside other kernels):
`saturating_rounding_doubling_high_mul`, `rounding_divide_by_power_of_two`, `multiply_by_quantized_multiplier`,
`multiply_by_quantized_multiplier_single_rounding`, `multiply_by_float_scale`. On arrays, with everything checked:
`requantize`, `requantize_float_scale`.

Sources: gemmlowp fixedpoint/fixedpoint.h (SaturatingRoundingDoublingHighMul, RoundingDivideByPOT); TensorFlow Lite
kernels/internal/common.h (MultiplyByQuantizedMultiplier, with and without TFLITE_SINGLE_ROUNDING); CMSIS-NN
arm_nnsupportfunctions.h (arm_nn_requantize); TinyEngine's convolution kernels in floating point (mit-han-lab).
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from mcusim.kernels.compiled import compiled

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
INT8_MIN, INT8_MAX = -128, 127
SHIFT_MIN, SHIFT_MAX = -31, 30
ROUNDINGS = ("double", "single")

Int32Array = npt.NDArray[np.int32]
Int8Array = npt.NDArray[np.int8]
Float32Array = npt.NDArray[np.float32]
Scalar = TypeVar("Scalar", bound=np.generic)


@compiled
def _wrap(value: int) -> int:
    """Keep the low 32 bits, as a signed number."""
    return ((value + (1 << 31)) & 0xFFFF_FFFF) - (1 << 31)


@compiled
def saturating_rounding_doubling_high_mul(a: int, b: int) -> int:
    """round(a * b / 2^31), halves towards plus infinity; int32, int32 -> int32.

    The one product that does not fit, INT32_MIN * INT32_MIN, gives INT32_MAX. (VQRDMULH; gemmlowp.)
    """
    if a == INT32_MIN and b == INT32_MIN:
        return INT32_MAX
    return (a * b + (1 << 30)) >> 31


@compiled
def rounding_divide_by_power_of_two(value: int, exponent: int) -> int:
    """round(value / 2^exponent), halves away from zero; int32, 0 <= exponent <= 31 -> int32. (gemmlowp.)"""
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (1 if value < 0 else 0)
    return (value >> exponent) + (1 if (value & mask) > threshold else 0)


@compiled
def multiply_by_quantized_multiplier(value: int, multiplier: int, shift: int) -> int:
    """value * multiplier * 2^(shift - 31), rounded twice; int32, int32, -31 <= shift <= 30 -> int32.

    A positive shift multiplies first; where that leaves 32 bits, it wraps, as it does on the target. (TensorFlow Lite.)
    """
    left = shift if shift > 0 else 0
    right = -shift if shift < 0 else 0
    product = saturating_rounding_doubling_high_mul(_wrap(value << left), multiplier)
    return rounding_divide_by_power_of_two(product, right)


@compiled
def multiply_by_quantized_multiplier_single_rounding(value: int, multiplier: int, shift: int) -> int:
    """value * multiplier * 2^(shift - 31), rounded once, halves towards plus infinity; types as in double rounding.

    A result beyond 32 bits wraps; TensorFlow Lite asserts that there is none. (TFLITE_SINGLE_ROUNDING.)
    """
    total_shift = 31 - shift
    return _wrap((value * multiplier + (1 << (total_shift - 1))) >> total_shift)


@compiled
def multiply_by_float_scale(value: int, scale: float) -> int:
    """trunc(float32(value) * float32(scale)); int32, float32 -> int32.

    Both roundings are IEEE single precision, to nearest even. A product beyond int32 saturates and NaN gives 0, which
    is what VCVT of the FPU does (in C it is undefined). (TinyEngine.)
    """
    product = np.float32(np.float32(value) * np.float32(scale))
    if product != product:
        return 0
    if product >= np.float32(2147483648.0):
        return INT32_MAX
    if product <= np.float32(-2147483648.0):
        return INT32_MIN
    return int(product)


@compiled
def requantize_rows(
    sums: npt.NDArray[Any],
    bias: Int32Array,
    multipliers: Int32Array,
    shifts: Int32Array,
    single: bool,
    zero_point: int,
    low: int,
    high: int,
    results: npt.NDArray[np.integer[Any]],
) -> None:
    """Requantise rows of channels plus their bias, add the zero point, clamp. Not checked; no shared memory.

    (The compiler makes no vector instructions where `results` and `sums` share it.) Sums are int32, or whole numbers in
    float32 that fit; with the bias they wrap. The same as the scalar functions above, written without
    branches: multipliers are not negative, so the one product that does not fit does not occur.
    """
    for row in range(sums.shape[0]):
        for channel in range(sums.shape[1]):
            value = np.int64(np.int32(np.int32(sums[row, channel]) + bias[channel]))
            multiplier = np.int64(multipliers[channel])
            shift: Any = np.int64(shifts[channel])  # untyped: to mypy, max() of these is not a number
            if single:
                total_shift = 31 - shift
                scaled: Any = np.int64(np.int32((value * multiplier + (1 << (total_shift - 1))) >> total_shift))
            else:
                left, right = max(shift, 0), max(-shift, 0)
                product = (np.int64(np.int32(value << left)) * multiplier + (1 << 30)) >> 31
                mask = (1 << right) - 1
                threshold = (mask >> 1) + np.int64(product < 0)
                scaled = (product >> right) + np.int64((product & mask) > threshold)
            results[row, channel] = min(max(scaled + zero_point, low), high)


@compiled
def requantize_values(values: Int32Array, multiplier: int, shift: int, single: bool, results: Int32Array) -> None:
    """Requantise a vector by one multiplier; in place if `results` is `values`. Not checked."""
    left, right = max(shift, 0), max(-shift, 0)
    mask = (1 << right) - 1
    for index in range(values.shape[0]):
        value = np.int64(values[index])
        if single:
            scaled = (value * multiplier + (1 << (30 - shift))) >> (31 - shift)
        else:
            product = (np.int64(np.int32(value << left)) * multiplier + (1 << 30)) >> 31
            threshold = (mask >> 1) + np.int64(product < 0)
            scaled = (product >> right) + np.int64((product & mask) > threshold)
        results[index] = scaled


@compiled
def requantize_rows_float_scale(
    sums: npt.NDArray[Any],
    bias: Int32Array,
    scales: Float32Array,
    zero_point: int,
    low: int,
    high: int,
    results: npt.NDArray[np.integer[Any]],
) -> None:
    """Multiply rows of channels plus their bias by float scales, add the zero point, clamp. As `requantize_rows`."""
    for row in range(sums.shape[0]):
        for channel in range(sums.shape[1]):
            total = int(np.int32(np.int32(sums[row, channel]) + bias[channel]))
            value = multiply_by_float_scale(total, scales[channel]) + zero_point
            results[row, channel] = min(max(value, low), high)


def requantize(
    accumulators: Int32Array,
    multipliers: Int32Array | int,
    shifts: Int32Array | int,
    *,
    rounding: str = "double",
) -> Int32Array:
    """Return accumulators * multipliers * 2^(shifts - 31), rounded "double" or "single"; int32 in, int32 out.

    `multipliers` and `shifts` are one number for all, or one per channel: vectors as long as the last axis. Raises
    ValueError naming the operand that has the wrong type, shape or range.
    """
    if rounding not in ROUNDINGS:
        raise ValueError(f"rounding: '{rounding}' is not one of {', '.join(ROUNDINGS)}")
    rows = _rows("accumulators", accumulators)
    channels = rows.shape[1]
    multiplier_row = per_channel("multipliers", multipliers, channels, 0, INT32_MAX)
    shift_row = per_channel("shifts", shifts, channels, SHIFT_MIN, SHIFT_MAX)
    results = np.empty_like(rows)
    none = np.zeros(rows.shape[1], np.int32)
    requantize_rows(rows, none, multiplier_row, shift_row, rounding == "single", 0, INT32_MIN, INT32_MAX, results)
    return results.reshape(accumulators.shape)


def requantize_float_scale(
    accumulators: Int32Array,
    scales: Float32Array | float,
    zero_point: int,
    *,
    minimum: int = INT8_MIN,
    maximum: int = INT8_MAX,
) -> Int8Array:
    """Return clamp(trunc(accumulators * scales) + zero_point, minimum, maximum); int32, float32 in, int8 out.

    `scales` is one number for all, or one per channel: a float32 vector as long as the last axis. Raises ValueError
    naming the operand that has the wrong type, shape or range.
    """
    rows = _rows("accumulators", accumulators)
    scale_row = per_channel_scales("scales", scales, rows.shape[1])
    for name, value in (("zero_point", zero_point), ("minimum", minimum), ("maximum", maximum)):
        if not INT8_MIN <= value <= INT8_MAX:
            raise ValueError(f"{name}: {value} is not between {INT8_MIN} and {INT8_MAX}")
    if minimum > maximum:
        raise ValueError(f"minimum: {minimum} is more than maximum, {maximum}")
    results = np.empty_like(rows)
    none = np.zeros(rows.shape[1], np.int32)
    requantize_rows_float_scale(rows, none, scale_row, zero_point, minimum, maximum, results)
    return results.astype(np.int8).reshape(accumulators.shape)


def _rows(name: str, array: Int32Array) -> Int32Array:
    """Check an int32 array and return it as rows of channels (a scalar array is one row of one)."""
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name}: is a {type(array).__name__}, it must be a NumPy array of int32")
    if array.dtype != np.int32:
        raise ValueError(f"{name}: dtype is {array.dtype}, it must be int32")
    channels = array.shape[-1] if array.ndim else 1
    return np.ascontiguousarray(array).reshape(array.size // channels if channels else 0, channels)


def per_channel_scales(name: str, given: Float32Array | float, channels: int) -> Float32Array:
    """Return float32 scales as one row, one for each channel, from a number or a vector; ValueError names them."""
    if not isinstance(given, np.ndarray):
        return np.full(channels, given, np.float32)
    if given.dtype != np.float32:
        raise ValueError(f"{name}: dtype is {given.dtype}, it must be float32")
    return _broadcast(name, given, channels)


def per_channel(name: str, given: Int32Array | int, channels: int, low: int, high: int) -> Int32Array:
    """Return int32 parameters as one row, one for each channel, from `low` to `high`; ValueError names them."""
    if isinstance(given, np.ndarray):
        if given.dtype != np.int32:
            raise ValueError(f"{name}: dtype is {given.dtype}, it must be int32")
        row = _broadcast(name, given, channels)
    elif isinstance(given, (int, np.integer)):
        if not INT32_MIN <= given <= INT32_MAX:
            raise ValueError(f"{name}: {given} is not between {low} and {high}")
        row = np.full(channels, given, np.int32)
    else:
        raise ValueError(f"{name}: is a {type(given).__name__}, it must be an integer or a NumPy array of int32")
    wrong = row[(row < low) | (row > high)]
    if len(wrong):
        raise ValueError(f"{name}: {wrong[0]} is not between {low} and {high}")
    return row


def _broadcast(name: str, vector: npt.NDArray[Scalar], channels: int) -> npt.NDArray[Scalar]:
    if vector.shape not in ((), (1,), (channels,)):
        raise ValueError(f"{name}: shape is {vector.shape}, it must be () or ({channels},), one for each channel")
    return np.array(np.broadcast_to(vector, (channels,)))  # a copy: writable, so that all calls compile to one
