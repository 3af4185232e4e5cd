# SPDX-License-Identifier: Apache-2.0
"""The larger of two tensors, element by element: `maximum`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import INTEGER_DTYPES
from mcusim.kernels.elementwise import check_pair_of_inputs

Array = npt.NDArray[Any]


def maximum(inputs1: Array, inputs2: Array) -> Array:
    """Return the larger, element by element; two int8, int16 or int32 arrays of one dtype whose shapes broadcast.

    All tensors have the same scale and zero point. Raises ValueError naming the operand.
    Source: TensorFlow Lite kernels/internal/reference/maximum_minimum.h.
    """
    check_pair_of_inputs(inputs1, inputs2, INTEGER_DTYPES)
    return np.asarray(np.maximum(inputs1, inputs2))
