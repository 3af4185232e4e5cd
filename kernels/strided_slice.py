# SPDX-License-Identifier: Apache-2.0
"""Evenly spaced elements of a tensor: `strided_slice`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import ANY_DTYPE, INT32_MAX, INT32_MIN, check_array, check_integer

Array = npt.NDArray[Any]


def strided_slice(
    inputs: Array,
    begin: Sequence[int],
    end: Sequence[int],
    strides: Sequence[int],
    *,
    begin_mask: int = 0,
    end_mask: int = 0,
    shrink_axis_mask: int = 0,
    offset: bool = False,
) -> Array:
    """Return a copy of every stride-th element from `begin` to before `end`, for each axis; strides may be negative.

    Negative positions count from the end, then are cut to the axis. A set bit of `begin_mask` or `end_mask` takes the
    axis from its start or to its end, one of `shrink_axis_mask` takes the element at `begin` and drops the axis. With
    `offset`, `end` counts from `begin`. Any dtype. Raises ValueError naming the operand. Source: TensorFlow Lite
    kernels/internal/strided_slice_logic.h (StridedSliceStartForAxis, StridedSliceEndForAxis).
    """
    check_array("inputs", inputs, ANY_DTYPE)
    for name, given in (("begin", begin), ("end", end), ("strides", strides)):
        if len(given) != inputs.ndim:
            raise ValueError(f"{name}: has {len(given)} numbers, inputs have {inputs.ndim} axes")
    places, kept = [], []
    for axis, length in enumerate(inputs.shape):
        step = check_integer("strides", strides[axis], INT32_MIN, INT32_MAX)
        if step == 0:
            raise ValueError(f"strides: axis {axis} has 0, which never ends")
        low, high = (0, length) if step > 0 else (-1, length - 1)
        first = check_integer("begin", begin[axis], INT32_MIN, INT32_MAX)
        start = min(max(first + length if first < 0 else first, low), high)
        if begin_mask >> axis & 1:
            start = 0 if step > 0 else length - 1
        last = check_integer("end", end[axis], INT32_MIN, INT32_MAX) + (start if offset else 0)
        stop = min(max(last + length if last < 0 else last, low), high)
        if end_mask >> axis & 1:
            stop = length if step > 0 else -1
        if shrink_axis_mask >> axis & 1:
            if not 0 <= start < length:
                raise ValueError(f"begin: {first} is not on axis {axis}, which has {length} elements")
            stop = start + (1 if step > 0 else -1)
        places.append(np.arange(start, stop, step))
        kept.append(not shrink_axis_mask >> axis & 1)
    part = inputs[np.ix_(*places)] if places else inputs
    return part.reshape([length for length, keep in zip(part.shape, kept, strict=True) if keep]).copy()
