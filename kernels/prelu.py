# SPDX-License-Identifier: Apache-2.0
"""Rectifier with slopes of its own for each element below zero: `prelu`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_zero_point
from mcusim.kernels.elementwise import check_factor, check_rounding, clamped, differences, dtype_limits, requantized

Array = npt.NDArray[Any]


def prelu(
    inputs: Array,
    alphas: Array,
    *,
    multiplier: int,
    shift: int,
    alpha_multiplier: int,
    alpha_shift: int,
    input_zero_point: int = 0,
    alpha_zero_point: int = 0,
    output_zero_point: int = 0,
    rounding: str = "double",
) -> Array:
    """Rescale, with a factor of each element's own below zero; int8 or int16 -> the same dtype, alphas int8, broadcast.

        outputs = clamp(requantise(d, multiplier, shift) + output_zero_point)                    d >= 0
                  clamp(requantise(d * (alphas - alpha_zero_point), alpha_multiplier, alpha_shift)
                        + output_zero_point)                                                     d < 0

    with d = inputs - input_zero_point (`scaling.prelu_scaling`). Raises ValueError naming the operand.
    Source: TensorFlow Lite kernels/internal/reference/prelu.h (Prelu, BroadcastPrelu4DSlow).
    """
    check_array("inputs", inputs, ("int8", "int16"))
    check_array("alphas", alphas, ("int8",))
    first = check_zero_point("input_zero_point", input_zero_point, inputs.dtype)
    middle = check_zero_point("alpha_zero_point", alpha_zero_point, alphas.dtype)
    last = check_zero_point("output_zero_point", output_zero_point, inputs.dtype)
    factor, alpha = check_factor("", multiplier, shift), check_factor("alpha_", alpha_multiplier, alpha_shift)
    single, values = check_rounding(rounding), differences(inputs, first)
    try:
        slopes = np.broadcast_to(differences(alphas, middle), inputs.shape)
    except ValueError:
        raise ValueError(f"alphas: shape {alphas.shape} does not go with that of inputs, {inputs.shape}") from None
    product = np.asarray(values * slopes)
    scaled = np.where(values >= 0, requantized(values, factor, single), requantized(product, alpha, single))
    return clamped(scaled, last, dtype_limits(inputs.dtype), inputs.dtype)
