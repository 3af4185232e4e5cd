# SPDX-License-Identifier: Apache-2.0
"""The same elements in another shape: `reshape`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import ANY_DTYPE, check_array, check_integer
from mcusim.kernels.shapes import LARGEST

Array = npt.NDArray[Any]


def reshape(inputs: Array, shape: Sequence[int]) -> Array:
    """Return a copy in another shape, elements in row-major order; one length may be -1, for whatever is left.

    Raises ValueError naming the operand. Source: TensorFlow Lite micro/kernels/reshape_common.cc.
    """
    check_array("inputs", inputs, ANY_DTYPE)
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
