# SPDX-License-Identifier: Apache-2.0
"""Rows of a table by their indices: `embedding_lookup`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import ANY_DTYPE, check_array, check_indices

Array = npt.NDArray[Any]


def embedding_lookup(indices: Array, table: Array) -> Array:
    """Return the rows of a table that int32 `indices` (n,) name; any dtype (rows, ...) -> (n, ...).

    Raises ValueError naming the operand, also for an index that is no row.
    Source: TensorFlow Lite Micro micro/kernels/embedding_lookup.cc.
    """
    check_array("indices", indices, ("int32",), 1)
    check_array("table", table, ANY_DTYPE)
    if table.ndim < 2:
        raise ValueError(f"table: shape is {table.shape}, it must have two axes or more")
    check_indices("indices", indices, table.shape[0])
    return np.asarray(table[indices])
