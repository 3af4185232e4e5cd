# SPDX-License-Identifier: Apache-2.0
"""Softmax over the last axis: `softmax`, and the parameters that it and `log_softmax` compute from scales."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_scale
from mcusim.kernels.elementwise import check_rounding, requantized
from mcusim.kernels.fixed_point import (
    INT32_MAX,
    Int64Array,
    divide_by_power_of_two,
    exp_of_negative,
    high_mul,
    int64s,
    leading_zeros,
    reciprocal,
    scaled,
)
from mcusim.kernels.lookup import look_up, make_table
from mcusim.kernels.quantization import quantize_multiplier

Array = npt.NDArray[Any]

DIFFERENCE_BITS, SUM_BITS = 5, 12
RANGE = 65535.0


def softmax(
    inputs: Array, *, input_scale: float, beta: float = 1.0, output_dtype: str | None = None, rounding: str = "double"
) -> Array:
    """Return exp(beta * x) / sum of it, over the last axis; int8 -> int8 or int16, int16 -> int16, the same shape.

    The outputs' scale and zero point are fixed: 1/256 and -128 (int8), 1/65536 and -32768 (int16 of int8 inputs),
    1/32768 and 0 (int16 of int16). For int8, with d = x - largest of the row:

        e(d) = exp(requantise(d, beta * input_scale * 2^26)) in fixed point, 0 below `difference_limit`
        outputs = clamp(round(e(d) * (1 / sum of e)) + zero point)

    and for int16 both exp and the reciprocal are looked up in tables of 513 values; `rounding` ("double" or "single",
    see `requantize.py`) is how differences are scaled to places in the first. Raises ValueError naming the operand.
    Source: TensorFlow Lite kernels/internal/reference/softmax.h (Softmax, SoftmaxInt16),
    micro/kernels/softmax_common.cc.
    """
    check_array("inputs", inputs, ("int8", "int16"))
    if inputs.ndim == 0 or not inputs.shape[-1]:
        raise ValueError(f"inputs: shape is {inputs.shape}, the last axis must have elements")
    dtype = np.dtype(output_dtype or inputs.dtype)
    if dtype.name not in ("int8", "int16") or (inputs.dtype == np.int16 and dtype != np.int16):
        raise ValueError(f"output_dtype: is {dtype}, inputs of {inputs.dtype} go to int16 or stay as they are")
    scale, exponent = check_scale("input_scale", input_scale), check_scale("beta", beta)
    rows = inputs.reshape(-1, inputs.shape[-1]).astype(np.int64)
    single = check_rounding(rounding)
    differences = rows - rows.max(axis=1, keepdims=True, initial=np.iinfo(inputs.dtype).min)
    if inputs.dtype == np.int16:
        return _softmax_int16(differences, scale, exponent, single).reshape(inputs.shape)
    return _softmax_int8(differences, scale, exponent, dtype).reshape(inputs.shape)


def difference_scaling(input_scale: float, beta: float = 1.0) -> tuple[int, int, int]:
    """Return (multiplier, shift, least difference) for int8: what brings a difference to five integer bits.

    Smaller differences than the last would leave the fixed-point range; exp is 0 there. (PreprocessSoftmaxScaling,
    CalculateInputRadius.)
    """
    # The largest factor that there is; its shift of 31 is cut to 30, which quantize_multiplier would refuse.
    real = float(np.float32(beta)) * float(np.float32(input_scale)) * (1 << (31 - DIFFERENCE_BITS))
    if real <= 1:
        raise ValueError(f"input_scale: {input_scale} times beta, {beta}, must be above 2^-{31 - DIFFERENCE_BITS}")
    multiplier, shift = (INT32_MAX, 30) if real >= 1 << 30 else quantize_multiplier(real)
    return multiplier, shift, -input_radius(DIFFERENCE_BITS, shift)


def input_radius(integer_bits: int, left_shift: int) -> int:
    """Return the largest input that stays within so many integer bits of a 32-bit number when shifted to the left."""
    return int(((1 << integer_bits) - 1) * 2.0 ** (31 - integer_bits - left_shift))


def exps_of_differences(differences: Int64Array, factor: tuple[int, int], least: int) -> tuple[Int64Array, Int64Array]:
    """Return (exps with no integer bits, differences with five) of int8 differences; exps are 0 below `least`."""
    table = np.arange(-255, 1, dtype=np.int64)
    fixed = scaled(table, *factor)
    exps = np.where(table >= least, exp_of_negative(fixed, DIFFERENCE_BITS), 0)
    place = differences + 255
    return int64s(exps[place]), int64s(fixed[place])


def sums_of_exps(exps: Int64Array) -> Int64Array:
    """Return the sum of each row with twelve integer bits, as a column; ValueError where it leaves 32 bits."""
    sums: Int64Array = np.sum(divide_by_power_of_two(exps, SUM_BITS), axis=1, keepdims=True, dtype=np.int64)
    if sums.size and int(sums.max()) > INT32_MAX:
        raise ValueError(f"inputs: the exps of a row of {exps.shape[1]} add up to more than {(1 << SUM_BITS) - 1}")
    return sums


def _softmax_int8(differences: Int64Array, scale: float, beta: float, dtype: np.dtype[Any]) -> Array:
    multiplier, shift, least = difference_scaling(scale, beta)
    exps, _fixed = exps_of_differences(differences, (multiplier, shift), least)
    shifted_scale, bits_over_unit = reciprocal(sums_of_exps(exps), SUM_BITS)
    limits = np.iinfo(dtype)
    exponents = bits_over_unit + 31 - dtype.itemsize * 8
    values = divide_by_power_of_two(high_mul(shifted_scale, exps), exponents) + int(limits.min)
    return np.where(differences >= least, np.clip(values, limits.min, limits.max), limits.min).astype(dtype)


@cache
def int16_tables() -> tuple[Int64Array, Int64Array]:
    """Return the tables of exp on [-10, 0] and of 1 / (1 + x) on [0, 1], 513 values each that fit int16."""
    exps = make_table(math.exp, float(np.float32(10) / np.float32(RANGE)), 32767, float(np.float32(2 / RANGE)), 0)
    ratio = make_table(
        lambda x: float(np.float32(1) / (np.float32(1) + np.float32(x))),
        float(np.float32(1) / np.float32(RANGE)),
        -32768,
        float(np.float32(2 / RANGE)),
        0,
    )
    return exps, ratio


def int16_scaling(input_scale: float, beta: float = 1.0) -> tuple[int, int]:
    """Return (multiplier, shift) for int16: what brings a difference to places of the table of exp."""
    return quantize_multiplier(input_scale * beta / (10.0 / RANGE))


def _softmax_int16(differences: Int64Array, scale: float, beta: float, single: bool) -> Array:
    exp_table, ratio_table = int16_tables()
    factor = int16_scaling(scale, beta)
    # What is scaled to less than -65535 is less than exp(-10).
    places = np.clip(int64s(requantized(differences.astype(np.int32), factor, single)) + 32767, -32768, 32767)
    exps = look_up(places, exp_table)
    sums = exps.sum(axis=1, keepdims=True)
    if sums.size and int(sums.max()) > INT32_MAX:
        raise ValueError(f"inputs: the exps of a row of {exps.shape[1]} add up to more than 65535")
    headroom = leading_zeros(sums)
    shifted = ((sums << (headroom - 1)) + (1 << 13)) >> 14
    ratio = look_up(np.clip(shifted - ((1 << 15) + (1 << 16)), -32768, 32767), ratio_table)
    right = 31 - headroom
    values = (exps * ratio + (np.int64(1) << (right - 1))) >> right
    return np.clip(values, 0, 32767).astype(np.int16)
