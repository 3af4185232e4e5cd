# SPDX-License-Identifier: Apache-2.0
"""Constant elements around a tensor: `pad`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_integer
from mcusim.kernels.shapes import LARGEST

Array = npt.NDArray[Any]


def pad(inputs: Array, paddings: Sequence[Sequence[int]], *, value: int = 0) -> Array:
    """Put `value` around; int8, int16 or int32 of any rank, paddings ((before, after), ...) for each axis.

    Input and output have the same scale; `value` is quantised: the zero point for PAD, the constant for PADV2. Raises
    ValueError naming the operand. Source: TensorFlow Lite kernels/internal/reference/pad.h.
    """
    check_array("inputs", inputs, ("int8", "int16", "int32"))
    if len(paddings) != inputs.ndim or any(len(sides) != 2 for sides in paddings):
        raise ValueError(f"paddings: are {paddings!r}, they must be (before, after) for each of {inputs.ndim} axes")
    limits = np.iinfo(inputs.dtype)
    constant = check_integer("value", value, int(limits.min), int(limits.max))
    sides = [tuple(check_integer("paddings", side, 0, LARGEST) for side in pair) for pair in paddings]
    return np.pad(inputs, sides, constant_values=constant) if sides else inputs.copy()
