# SPDX-License-Identifier: Apache-2.0
"""The smaller of two tensors, element by element: `minimum`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import INTEGER_DTYPES
from mcusim.kernels.elementwise import check_pair_of_inputs

Array = npt.NDArray[Any]


def minimum(inputs1: Array, inputs2: Array) -> Array:
    """Return the smaller, element by element; as `maximum`. Source: the same."""
    check_pair_of_inputs(inputs1, inputs2, INTEGER_DTYPES)
    return np.asarray(np.minimum(inputs1, inputs2))
