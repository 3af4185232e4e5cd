# SPDX-License-Identifier: Apache-2.0
"""Rectifier with an upper end: `relu6`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_integer
from mcusim.kernels.elementwise import dtype_limits

Array = npt.NDArray[Any]


def relu6(inputs: Array, *, zero: int, six: int) -> Array:
    """Cut to [zero, six], the quantised 0 and 6; int8 or int16, input and output with the same scale.

    Raises ValueError naming the operand. Source: TensorFlow Lite Micro micro/kernels/activations.h (Relu6Quantized).
    """
    check_array("inputs", inputs, ("int8", "int16"))
    low, high = dtype_limits(inputs.dtype)
    least, most = check_integer("zero", zero, low, high), check_integer("six", six, low, high)
    if least > most:
        raise ValueError(f"zero: {least} is more than six, {most}")
    return np.clip(inputs, least, most).astype(inputs.dtype)
