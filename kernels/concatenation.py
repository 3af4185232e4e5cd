# SPDX-License-Identifier: Apache-2.0
"""Tensors side by side: `concatenation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import ANY_DTYPE, check_array, check_axis, check_same_dtype

Array = npt.NDArray[Any]


def concatenation(inputs: Sequence[Array], axis: int) -> Array:
    """Join arrays of one dtype along an axis; the other axes must be the same.

    All have the same scale and zero point. Raises ValueError naming the operand, `inputs[i]`.
    Source: TensorFlow Lite kernels/internal/reference/concatenation.h.
    """
    if not len(inputs):
        raise ValueError("inputs: are none, there must be at least one")
    for number, array in enumerate(inputs):
        check_array(f"inputs[{number}]", array, ANY_DTYPE)
        check_same_dtype(f"inputs[{number}]", array, "inputs[0]", inputs[0])
    where = check_axis("axis", axis, inputs[0].ndim)
    for number, array in enumerate(inputs):
        if array.ndim != inputs[0].ndim or any(
            array.shape[other] != inputs[0].shape[other] for other in range(array.ndim) if other != where
        ):
            raise ValueError(
                f"inputs[{number}]: shape {array.shape} does not go with that of inputs[0], {inputs[0].shape}, "
                f"along axis {where}"
            )
    return np.concatenate(inputs, axis=where)
