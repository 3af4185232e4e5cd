# SPDX-License-Identifier: Apache-2.0
"""Sum and difference of two tensors with different scales, with broadcasting: `add`, and what `sub` shares with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_activation, check_integer, check_scale, check_zero_point
from mcusim.kernels.elementwise import (
    check_factor,
    check_pair_of_inputs,
    check_rounding,
    clamped,
    differences,
    requantized,
)
from mcusim.kernels.output_stage import check_passed

Array = npt.NDArray[Any]


def add(
    inputs1: Array,
    inputs2: Array,
    *,
    input1_multiplier: int,
    input1_shift: int,
    input2_multiplier: int,
    input2_shift: int,
    output_multiplier: int,
    output_shift: int,
    left_shift: int = 20,
    input1_zero_point: int = 0,
    input2_zero_point: int = 0,
    output_zero_point: int = 0,
    rounding: str = "double",
    activation_min: int | None = None,
    activation_max: int | None = None,
) -> Array:
    """Add; two int8 or two int16 arrays whose shapes broadcast -> the broadcast shape, the same dtype.

        scaled_i = requantise((inputs_i - input_i_zero_point) << left_shift, input_i_multiplier, input_i_shift)
        outputs  = clamp(requantise(scaled_1 + scaled_2, output_multiplier, output_shift) + output_zero_point)

    The shifts are at most 0; `scaling.add_scaling` makes the integers from scales: 20 bits to the left for int8, 15 for
    int16. Raises ValueError naming the operand. Source: TensorFlow Lite kernels/internal/reference/integer_ops/add.h
    (AddFunc), reference/add.h (AddGeneralParamScale).
    """
    factors = (
        check_factor("input1_", input1_multiplier, input1_shift, most=0),
        check_factor("input2_", input2_multiplier, input2_shift, most=0),
        check_factor("output_", output_multiplier, output_shift, most=0),
    )
    zero_points = (input1_zero_point, input2_zero_point, output_zero_point)
    limits = (activation_min, activation_max)
    return weighted_sum(inputs1, inputs2, 1, factors, zero_points, left_shift, rounding, limits)


def weighted_sum(
    inputs1: Array,
    inputs2: Array,
    sign: int,
    factors: tuple[tuple[int, int], tuple[int, int], tuple[int, int]],
    zero_points: tuple[int, int, int],
    left_shift: int,
    rounding: str,
    activation: tuple[int | None, int | None],
) -> Array:
    """Return first + sign * second of two arrays, each brought to a common scale; what `add` and `sub` describe."""
    check_pair_of_inputs(inputs1, inputs2)
    single = check_rounding(rounding)
    shift = check_integer("left_shift", left_shift, 0, 22 if inputs1.dtype == np.int8 else 15)
    names = ("input1_zero_point", "input2_zero_point", "output_zero_point")
    points = [check_zero_point(name, value, inputs1.dtype) for name, value in zip(names, zero_points, strict=True)]
    limits = check_activation(*activation, inputs1.dtype)
    first = requantized(differences(inputs1, points[0]) << shift, factors[0], single)
    second = requantized(differences(inputs2, points[1]) << shift, factors[1], single)
    total = first + second if sign > 0 else first - second
    return clamped(requantized(total, factors[2], single), points[2], limits, inputs1.dtype)


def add_float_scale(
    inputs1: Array,
    inputs2: Array,
    *,
    input1_scale: float,
    input2_scale: float,
    output_scale: float,
    input1_zero_point: int = 0,
    input2_zero_point: int = 0,
    output_zero_point: int = 0,
    activation_min: int | None = None,
    activation_max: int | None = None,
    passed: npt.NDArray[np.bool_] | None = None,
) -> Array:
    """Add as TinyEngine does, in single precision; two int8 arrays whose shapes broadcast -> int8.

        outputs = clamp(round(((inputs1 - z1) * s1 + (inputs2 - z2) * s2) / output_scale + output_zero_point))

    Each operation is rounded to float32; none is fused or reordered (-ffp-contract=off, and no -ffast-math). round()
    takes halves away from zero. `passed` as in `conv2d`. Raises ValueError naming the operand.
    Source: TinyEngine src/kernels/fp_requantize_op/add_fpreq.c (mit-han-lab).
    """
    check_passed(passed, check_pair_of_inputs(inputs1, inputs2, ("int8",)))
    limits = check_activation(activation_min, activation_max, inputs1.dtype)
    parts = []
    for number, (values, scale, zero_point) in enumerate(
        ((inputs1, input1_scale, input1_zero_point), (inputs2, input2_scale, input2_zero_point)), 1
    ):
        point = check_zero_point(f"input{number}_zero_point", zero_point, inputs1.dtype)
        step = np.float32(check_scale(f"input{number}_scale", scale))
        parts.append((values.astype(np.float32) - np.float32(point)) * step)
    last = np.float32(check_zero_point("output_zero_point", output_zero_point, inputs1.dtype))
    with np.errstate(over="ignore", invalid="ignore"):
        total = (parts[0] + parts[1]) / np.float32(check_scale("output_scale", output_scale)) + last
    wide = np.nan_to_num(total.astype(np.float64), nan=0.0)
    rounded = np.copysign(np.floor(np.abs(wide) + 0.5), wide)
    if passed is not None:
        np.logical_and(rounded >= limits[0], rounded <= limits[1], out=passed)
    return np.clip(rounded, *limits).astype(np.int8)
