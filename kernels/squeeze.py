# SPDX-License-Identifier: Apache-2.0
"""A tensor without its axes of length 1: `squeeze`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from mcusim.kernels.checks import ANY_DTYPE, check_array, check_axes

Array = npt.NDArray[Any]


def squeeze(inputs: Array, axes: Sequence[int] = ()) -> Array:
    """Return a copy without the axes of length 1: those that are named, or all.

    Raises ValueError naming the operand. Source: TensorFlow Lite micro/kernels/squeeze.cc.
    """
    check_array("inputs", inputs, ANY_DTYPE)
    named = check_axes("axes", axes, inputs.ndim)
    for axis in named:
        if inputs.shape[axis] != 1:
            raise ValueError(f"axes: axis {axis} of inputs has {inputs.shape[axis]} elements, not 1")
    gone = named or tuple(axis for axis, length in enumerate(inputs.shape) if length == 1)
    return inputs.reshape([length for axis, length in enumerate(inputs.shape) if axis not in gone]).copy()
