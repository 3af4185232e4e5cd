# SPDX-License-Identifier: Apache-2.0
"""A box out of a tensor: `slice`."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from mcusim.kernels.checks import ANY_DTYPE, check_array, check_integer

Array = npt.NDArray[Any]


def slice(inputs: Array, begin: Sequence[int], size: Sequence[int]) -> Array:
    """Return a copy of the box that starts at `begin`; a size of -1 is whatever is left of that axis.

    Any dtype. Raises ValueError naming the operand. Source: TensorFlow Lite kernels/internal/reference/slice.h.
    """
    check_array("inputs", inputs, ANY_DTYPE)
    for name, given in (("begin", begin), ("size", size)):
        if len(given) != inputs.ndim:
            raise ValueError(f"{name}: has {len(given)} numbers, inputs have {inputs.ndim} axes")
    box = []
    for length, first, count in zip(inputs.shape, begin, size, strict=True):
        start = check_integer("begin", first, 0, length)
        extent = check_integer("size", count, -1, length - start)
        box.append(builtins.slice(start, length if extent < 0 else start + extent))
    return inputs[tuple(box)].copy()
