# SPDX-License-Identifier: Apache-2.0
"""From quantised numbers to real ones: `dequantize`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_scale, check_zero_point

Array = npt.NDArray[Any]


def dequantize(inputs: Array, *, input_scale: float, input_zero_point: int = 0) -> Array:
    """Return input_scale * (inputs - input_zero_point); int8 or int16 of any shape -> float32, rounded once.

    Raises ValueError naming the operand.
    Source: TensorFlow Lite kernels/internal/reference/dequantize.h (Dequantize), whose product is in double precision.
    """
    check_array("inputs", inputs, ("int8", "int16"))
    zero_point = check_zero_point("input_zero_point", input_zero_point, inputs.dtype)
    scale = check_scale("input_scale", input_scale)
    return np.asarray(scale * (inputs.astype(np.float64) - zero_point)).astype(np.float32)
