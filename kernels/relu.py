# SPDX-License-Identifier: Apache-2.0
"""Rectifier: `relu`."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from mcusim.kernels.checks import check_activation, check_array, check_zero_point
from mcusim.kernels.elementwise import check_factor, check_rounding, clamped, differences, requantized

Array = npt.NDArray[Any]


def relu(
    inputs: Array,
    *,
    multiplier: int,
    shift: int,
    input_zero_point: int = 0,
    output_zero_point: int = 0,
    rounding: str = "double",
    activation_min: int | None = None,
    activation_max: int | None = None,
) -> Array:
    """Cut and rescale; int8 or int16 of any shape -> the same dtype.

        outputs = clamp(requantise(inputs - input_zero_point, multiplier, shift) + output_zero_point)

    from `activation_min`, by default the output's zero point, to `activation_max`. The factor is input_scale /
    output_scale in single precision (`scaling.rescaling`). Raises ValueError naming the operand.
    Source: TensorFlow Lite Micro micro/kernels/activations.h (ReluQuantized).
    """
    check_array("inputs", inputs, ("int8", "int16"))
    first = check_zero_point("input_zero_point", input_zero_point, inputs.dtype)
    last = check_zero_point("output_zero_point", output_zero_point, inputs.dtype)
    least = last if activation_min is None else activation_min
    limits = check_activation(least, activation_max, inputs.dtype)
    factor, single = check_factor("", multiplier, shift), check_rounding(rounding)
    return clamped(requantized(differences(inputs, first), factor, single), last, limits, inputs.dtype)
