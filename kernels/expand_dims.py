# SPDX-License-Identifier: Apache-2.0
"""A tensor with one more axis: `expand_dims`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import ANY_DTYPE, check_array, check_integer

Array = npt.NDArray[Any]


def expand_dims(inputs: Array, axis: int) -> Array:
    """Return a copy with one more axis of length 1; a negative `axis` counts from behind the last one.

    Raises ValueError naming the operand. Source: TensorFlow Lite micro/kernels/expand_dims.cc.
    """
    check_array("inputs", inputs, ANY_DTYPE)
    where = check_integer("axis", axis, -inputs.ndim - 1, inputs.ndim)
    return np.expand_dims(inputs, where).copy()
