# SPDX-License-Identifier: Apache-2.0
"""Rectifier with a slope below zero: `leaky_relu`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_zero_point
from mcusim.kernels.elementwise import check_factor, check_rounding, clamped, differences, dtype_limits, requantized

Array = npt.NDArray[Any]


def leaky_relu(
    inputs: Array,
    *,
    multiplier: int,
    shift: int,
    alpha_multiplier: int,
    alpha_shift: int,
    alpha_is_negative: bool = False,
    input_zero_point: int = 0,
    output_zero_point: int = 0,
    rounding: str = "double",
) -> Array:
    """Rescale, with another factor below zero; int8 or int16 of any shape -> the same dtype.

        outputs = clamp(requantise(d, multiplier, shift) + output_zero_point)               d = inputs - zero point >= 0
                  clamp(requantise(d, alpha_multiplier, alpha_shift) + output_zero_point)   d < 0

    `scaling.leaky_relu_scaling` makes the factors; with a negative alpha the second term is subtracted. Raises
    ValueError naming the operand.
    Source: TensorFlow Lite kernels/internal/reference/leaky_relu.h (QuantizeLeakyRelu).
    """
    check_array("inputs", inputs, ("int8", "int16"))
    first = check_zero_point("input_zero_point", input_zero_point, inputs.dtype)
    last = check_zero_point("output_zero_point", output_zero_point, inputs.dtype)
    factor, alpha = check_factor("", multiplier, shift), check_factor("alpha_", alpha_multiplier, alpha_shift)
    single, values = check_rounding(rounding), differences(inputs, first)
    below = requantized(values, alpha, single)
    scaled = np.where(values >= 0, requantized(values, factor, single), -below if alpha_is_negative else below)
    return clamped(scaled, last, dtype_limits(inputs.dtype), inputs.dtype)
