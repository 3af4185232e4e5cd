# SPDX-License-Identifier: Apache-2.0
"""A tensor with its axes in another order: `transpose`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import ANY_DTYPE, check_array, check_axis

Array = npt.NDArray[Any]


def transpose(inputs: Array, permutation: Sequence[int]) -> Array:
    """Return a copy whose axis i is axis permutation[i] of the inputs; any dtype.

    Raises ValueError naming the operand. Source: TensorFlow Lite kernels/internal/reference/transpose.h.
    """
    check_array("inputs", inputs, ANY_DTYPE)
    order = [check_axis("permutation", axis, inputs.ndim) for axis in permutation] if inputs.ndim else []
    if sorted(order) != list(range(inputs.ndim)) or len(permutation) != inputs.ndim:
        raise ValueError(f"permutation: {tuple(permutation)} does not name each of {inputs.ndim} axes once")
    return np.ascontiguousarray(inputs.transpose(order)).reshape([inputs.shape[axis] for axis in order])
