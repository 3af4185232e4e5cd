# SPDX-License-Identifier: Apache-2.0
"""Difference of two tensors with different scales, with broadcasting: `sub`."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from mcusim.kernels.add import weighted_sum
from mcusim.kernels.elementwise import check_factor

Array = npt.NDArray[Any]


def sub(
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
    """Subtract; two int8 or two int16 arrays whose shapes broadcast -> the broadcast shape, the same dtype.

        scaled_i = requantise((inputs_i - input_i_zero_point) << left_shift, input_i_multiplier, input_i_shift)
        outputs  = clamp(requantise(scaled_1 - scaled_2, output_multiplier, output_shift) + output_zero_point)

    The shifts are at most 0; `scaling.sub_scaling` makes the integers from scales. Raises ValueError naming the
    operand. Source: TensorFlow Lite kernels/internal/reference/sub.h (SubElementwise).
    """
    factors = (
        check_factor("input1_", input1_multiplier, input1_shift, most=0),
        check_factor("input2_", input2_multiplier, input2_shift, most=0),
        check_factor("output_", output_multiplier, output_shift, most=0),
    )
    zero_points = (input1_zero_point, input2_zero_point, output_zero_point)
    limits = (activation_min, activation_max)
    return weighted_sum(inputs1, inputs2, -1, factors, zero_points, left_shift, rounding, limits)
