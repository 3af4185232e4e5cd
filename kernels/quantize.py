# SPDX-License-Identifier: Apache-2.0
"""From real numbers to quantised ones: `quantize`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_output_dtype, check_scale, check_zero_point
from mcusim.kernels.elementwise import dtype_limits

Array = npt.NDArray[Any]


def quantize(inputs: Array, *, output_scale: float, output_zero_point: int = 0, output_dtype: str = "int8") -> Array:
    """Return clamp(round(inputs / output_scale) + output_zero_point); float32 of any shape -> int8 or int16.

    The quotient is in single precision, halves go away from zero, and the largest numbers and infinities saturate (in C
    they are undefined). Raises ValueError naming the operand, also for NaN.
    Source: TensorFlow Lite kernels/internal/reference/quantize.h (AffineQuantize).
    """
    check_array("inputs", inputs, ("float32",))
    dtype = check_output_dtype(output_dtype, ("int8", "int16"))
    zero_point = check_zero_point("output_zero_point", output_zero_point, dtype)
    if np.isnan(inputs).any():
        raise ValueError("inputs: have NaN, which has no quantised value")
    with np.errstate(over="ignore"):
        quotients = (inputs / np.float32(check_scale("output_scale", output_scale))).astype(np.float64)
    sizes = np.minimum(np.floor(np.abs(quotients) + 0.5), 2.0**40)
    return np.clip(np.copysign(sizes, quotients) + zero_point, *dtype_limits(dtype)).astype(dtype)
