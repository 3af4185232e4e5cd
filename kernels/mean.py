# SPDX-License-Identifier: Apache-2.0
"""Mean and sum over axes: `mean`, and what `sum` shares with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_axes, check_zero_point
from mcusim.kernels.elementwise import check_factor, check_rounding, clamped, dtype_limits, requantized

Array = npt.NDArray[Any]


def mean(
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
    """Average over axes; int8 or int16 -> the same dtype, the axes gone, or of length 1 with `keep_dims`.

        outputs = clamp(requantise(sum - count * input_zero_point, multiplier', shift') + output_zero_point)

    where the factor input_scale / output_scale (`scaling.rescaling`) is divided by count first:

        s = min(floor(log2(count)), 31 + shift), multiplier' = (multiplier << s) // count, shift' = shift - s

    Raises ValueError naming the operand. Source: TensorFlow Lite kernels/internal/reference/reduce.h
    (QuantizedMeanOrSum with 32-bit sums, as TensorFlow Lite Micro uses it).
    """
    return reduced(inputs, axes, (multiplier, shift), (input_zero_point, output_zero_point), rounding, keep_dims, True)


def reduced(
    inputs: Array,
    axes: Sequence[int] | int,
    factor: tuple[int, int],
    zero_points: tuple[int, int],
    rounding: str,
    keep_dims: bool,
    average: bool,
) -> Array:
    """Return the mean or the sum over axes; 32-bit sums wrap. What `mean` and `sum` describe."""
    check_array("inputs", inputs, ("int8", "int16"))
    where = check_axes("axes", axes, inputs.ndim)
    multiplier, shift = check_factor("", *factor)
    single = check_rounding(rounding)
    first = check_zero_point("input_zero_point", zero_points[0], inputs.dtype)
    last = check_zero_point("output_zero_point", zero_points[1], inputs.dtype)
    count = int(np.prod([inputs.shape[axis] for axis in where], dtype=np.int64))
    if not inputs.size:
        raise ValueError(f"inputs: shape is {inputs.shape}, there is nothing to reduce")
    if average:
        bits = min(count.bit_length() - 1, 32, 31 + shift)
        multiplier, shift = (multiplier << bits) // count, shift - bits
    sums = np.asarray(np.sum(inputs, axis=where, keepdims=keep_dims, dtype=np.int64) - first * count)
    values = requantized(sums.astype(np.int32), (multiplier, shift), single)
    return clamped(values, last, dtype_limits(inputs.dtype), inputs.dtype)
