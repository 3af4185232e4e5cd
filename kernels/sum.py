# SPDX-License-Identifier: Apache-2.0
"""Sum over axes: `sum`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from mcusim.kernels.mean import reduced

Array = npt.NDArray[Any]


def sum(
    inputs: Array,
    axes: Sequence[int] | int,
    *,
    multiplier: int,
    shift: int,
    input_zero_point: int = 0,
    output_zero_point: int = 0,
    rounding: str = "double",
    keep_dims: bool = False,
) -> Array:
    """Add up over axes; int8 or int16 -> the same dtype, the axes gone, or of length 1 with `keep_dims`.

        outputs = clamp(requantise(sum - count * input_zero_point, multiplier, shift) + output_zero_point)

    with the factor input_scale / output_scale (`scaling.rescaling`). Raises ValueError naming the operand.
    Source: TensorFlow Lite kernels/internal/reference/reduce.h (QuantizedMeanOrSum with 32-bit sums).
    """
    return reduced(inputs, axes, (multiplier, shift), (input_zero_point, output_zero_point), rounding, keep_dims, False)
