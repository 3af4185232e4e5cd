# SPDX-License-Identifier: Apache-2.0
"""Where the extremes of a tensor are: `argmax`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import INTEGER_DTYPES, check_array, check_axis

Array = npt.NDArray[Any]


def argmax(inputs: Array, axis: int, *, smallest: bool = False) -> Array:
    """Return the index of the largest (or smallest) element along an axis, the first of several; int32, the axis gone.

    Raises ValueError naming the operand. Source: TensorFlow Lite kernels/internal/reference/arg_min_max.h.
    """
    check_array("inputs", inputs, INTEGER_DTYPES)
    where = check_axis("axis", axis, inputs.ndim)
    if not inputs.shape[where]:
        raise ValueError(f"inputs: shape is {inputs.shape}, there is nothing along axis {where}")
    found = np.argmin(inputs, axis=where) if smallest else np.argmax(inputs, axis=where)
    return np.asarray(found).astype(np.int32)
