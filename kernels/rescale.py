# SPDX-License-Identifier: Apache-2.0
"""From one scale to another: `rescale`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import INT32_MAX, INT32_MIN, check_array, check_output_dtype, check_zero_point
from mcusim.kernels.elementwise import check_factor, check_rounding, clamped, dtype_limits, requantized

Array = npt.NDArray[Any]


def rescale(
    inputs: Array,
    *,
    multiplier: int,
    shift: int,
    input_zero_point: int = 0,
    output_zero_point: int = 0,
    output_dtype: str = "int8",
    rounding: str = "double",
) -> Array:
    """Change the scale, as QUANTIZE of integers does; int8, int16 or int32 of any shape -> int8, int16 or int32.

        outputs = clamp(requantise(inputs - input_zero_point, multiplier, shift) + output_zero_point)

    with the factor input_scale / output_scale (`scaling.rescaling`); 32-bit differences wrap. Raises ValueError naming
    the operand. Source: TensorFlow Lite kernels/internal/reference/requantize.h.
    """
    check_array("inputs", inputs, ("int8", "int16", "int32"))
    dtype = check_output_dtype(output_dtype, ("int8", "int16", "int32"))
    first = check_zero_point("input_zero_point", input_zero_point, inputs.dtype)
    last = check_zero_point("output_zero_point", output_zero_point, dtype)
    factor, single = check_factor("", multiplier, shift), check_rounding(rounding)
    wide = np.asarray(inputs.astype(np.int64) - first).astype(np.int32)
    scaled = requantized(wide, factor, single)
    if dtype == np.int32:
        return np.clip(scaled.astype(np.int64) + last, INT32_MIN, INT32_MAX).astype(np.int32)
    return clamped(scaled, last, dtype_limits(dtype), dtype)
