# SPDX-License-Identifier: Apache-2.0
"""A tensor cut along an axis: `split`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import ANY_DTYPE, INT32_MAX, check_array, check_axis, check_integer

Array = npt.NDArray[Any]


def split(inputs: Array, axis: int, sizes: Sequence[int] | int) -> list[Array]:
    """Return copies of the parts along an axis: so many equal ones (SPLIT), or of these sizes (SPLIT_V; one may be -1).

    Any dtype. Raises ValueError naming the operand. Source: TensorFlow Lite Micro micro/kernels/split.cc, split_v.cc.
    """
    check_array("inputs", inputs, ANY_DTYPE)
    where = check_axis("axis", axis, inputs.ndim)
    length = inputs.shape[where]
    if isinstance(sizes, (int, np.integer)):
        count = check_integer("sizes", sizes, 1, INT32_MAX)
        if length % count:
            raise ValueError(f"sizes: {length} elements along axis {where} do not make {count} equal parts")
        extents = [length // count] * count
    else:
        extents = [check_integer("sizes", size, -1, length) for size in sizes]
        rest = length - sum(extent for extent in extents if extent >= 0)
        if extents.count(-1) > 1 or rest < 0 or (rest and -1 not in extents):
            raise ValueError(f"sizes: {tuple(extents)} do not add up to the {length} elements along axis {where}")
        extents = [rest if extent < 0 else extent for extent in extents]
    edges = np.cumsum([0, *extents])
    return [np.take(inputs, np.arange(first, last), axis=where) for first, last in itertools.pairwise(edges)]
