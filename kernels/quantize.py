# SPDX-License-Identifier: Apache-2.0
"""Between real and quantised numbers, and between scales: `quantize`, `dequantize`, `requantize`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import INT32_MAX, INT32_MIN, check_array, check_scale, check_zero_point
from mcusim.kernels.elementwise import check_factor, check_rounding, clamped, dtype_limits, requantized

Array = npt.NDArray[Any]


def quantize(inputs: Array, *, output_scale: float, output_zero_point: int = 0, output_dtype: str = "int8") -> Array:
    """Return clamp(round(inputs / output_scale) + output_zero_point); float32 of any shape -> int8 or int16.

    The quotient is in single precision, halves go away from zero, and the largest numbers and infinities saturate (in C
    they are undefined). Raises ValueError naming the operand, also for NaN.
    Source: TensorFlow Lite kernels/internal/reference/quantize.h (AffineQuantize).
    """
    check_array("inputs", inputs, ("float32",))
    dtype = _output_dtype(output_dtype, ("int8", "int16"))
    zero_point = check_zero_point("output_zero_point", output_zero_point, dtype)
    if np.isnan(inputs).any():
        raise ValueError("inputs: have NaN, which has no quantised value")
    with np.errstate(over="ignore"):
        quotients = (inputs / np.float32(check_scale("output_scale", output_scale))).astype(np.float64)
    sizes = np.minimum(np.floor(np.abs(quotients) + 0.5), 2.0**40)
    return np.clip(np.copysign(sizes, quotients) + zero_point, *dtype_limits(dtype)).astype(dtype)


def dequantize(inputs: Array, *, input_scale: float, input_zero_point: int = 0) -> Array:
    """Return input_scale * (inputs - input_zero_point); int8 or int16 of any shape -> float32, rounded once.

    Raises ValueError naming the operand.
    Source: TensorFlow Lite kernels/internal/reference/dequantize.h (Dequantize), whose product is in double precision.
    """
    check_array("inputs", inputs, ("int8", "int16"))
    zero_point = check_zero_point("input_zero_point", input_zero_point, inputs.dtype)
    scale = check_scale("input_scale", input_scale)
    return np.asarray(scale * (inputs.astype(np.float64) - zero_point)).astype(np.float32)


def requantize(
    inputs: Array,
    *,
    multiplier: int,
    shift: int,
    input_zero_point: int = 0,
    output_zero_point: int = 0,
    output_dtype: str = "int8",
    rounding: str = "double",
) -> Array:
    """Change the scale; int8, int16 or int32 of any shape -> int8, int16 or int32.

        outputs = clamp(requantise(inputs - input_zero_point, multiplier, shift) + output_zero_point)

    with the factor input_scale / output_scale (`scaling.rescaling`); 32-bit differences wrap. Raises ValueError naming
    the operand. Source: TensorFlow Lite kernels/internal/reference/requantize.h.
    """
    check_array("inputs", inputs, ("int8", "int16", "int32"))
    dtype = _output_dtype(output_dtype, ("int8", "int16", "int32"))
    first = check_zero_point("input_zero_point", input_zero_point, inputs.dtype)
    last = check_zero_point("output_zero_point", output_zero_point, dtype)
    factor, single = check_factor("", multiplier, shift), check_rounding(rounding)
    wide = np.asarray(inputs.astype(np.int64) - first).astype(np.int32)
    scaled = requantized(wide, factor, single)
    if dtype == np.int32:
        return np.clip(scaled.astype(np.int64) + last, INT32_MIN, INT32_MAX).astype(np.int32)
    return clamped(scaled, last, dtype_limits(dtype), dtype)


def _output_dtype(name: str, known: tuple[str, ...]) -> np.dtype[Any]:
    if name not in known:
        raise ValueError(f"output_dtype: '{name}' is not one of {', '.join(known)}")
    return np.dtype(name)
