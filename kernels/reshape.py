# SPDX-License-Identifier: Apache-2.0
"""The same elements in another shape: `reshape`, `squeeze`, `expand_dims`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_axes, check_integer
from mcusim.kernels.shapes import LARGEST

Array = npt.NDArray[Any]

DTYPES = ("int8", "int16", "int32", "int64", "uint8", "float32", "bool")


def reshape(inputs: Array, shape: Sequence[int]) -> Array:
    """Return a copy in another shape, elements in row-major order; one length may be -1, for whatever is left.

    Raises ValueError naming the operand. Source: TensorFlow Lite micro/kernels/reshape_common.cc.
    """
    check_array("inputs", inputs, DTYPES)
    lengths = [check_integer("shape", length, -1, LARGEST * LARGEST) for length in shape]
    known = int(np.prod([length for length in lengths if length >= 0], dtype=np.int64))
    if lengths.count(-1) > 1:
        raise ValueError(f"shape: {tuple(lengths)} has more than one -1")
    if -1 in lengths:
        if not known or inputs.size % known:
            raise ValueError(f"shape: {tuple(lengths)} does not go with the {inputs.size} elements of inputs")
        lengths[lengths.index(-1)] = inputs.size // known
    elif known != inputs.size:
        raise ValueError(f"shape: {tuple(lengths)} has {known} elements, inputs have {inputs.size}")
    return inputs.reshape(lengths).copy()


def squeeze(inputs: Array, axes: Sequence[int] = ()) -> Array:
    """Return a copy without the axes of length 1: those that are named, or all.

    Raises ValueError naming the operand. Source: TensorFlow Lite micro/kernels/squeeze.cc.
    """
    check_array("inputs", inputs, DTYPES)
    named = check_axes("axes", axes, inputs.ndim)
    for axis in named:
        if inputs.shape[axis] != 1:
            raise ValueError(f"axes: axis {axis} of inputs has {inputs.shape[axis]} elements, not 1")
    gone = named or tuple(axis for axis, length in enumerate(inputs.shape) if length == 1)
    return inputs.reshape([length for axis, length in enumerate(inputs.shape) if axis not in gone]).copy()


def expand_dims(inputs: Array, axis: int) -> Array:
    """Return a copy with one more axis of length 1; a negative `axis` counts from behind the last one.

    Raises ValueError naming the operand. Source: TensorFlow Lite micro/kernels/expand_dims.cc.
    """
    check_array("inputs", inputs, DTYPES)
    where = check_integer("axis", axis, -inputs.ndim - 1, inputs.ndim)
    return np.expand_dims(inputs, where).copy()
