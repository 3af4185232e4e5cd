# SPDX-License-Identifier: Apache-2.0
"""Slices of a tensor by their indices: `gather`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import ANY_DTYPE, check_array, check_axis, check_indices, check_integer

Array = npt.NDArray[Any]


def gather(inputs: Array, indices: Array, *, axis: int = 0, batch_dims: int = 0) -> Array:
    """Return the slices along an axis that int32 `indices` name; any dtype.

    The shape is inputs.shape[:axis] + indices.shape[batch_dims:] + inputs.shape[axis + 1:]; the first `batch_dims` axes
    of both go together. Raises ValueError naming the operand, also for an index outside of the axis.
    Source: TensorFlow Lite Micro micro/kernels/gather.cc.
    """
    check_array("inputs", inputs, ANY_DTYPE)
    check_array("indices", indices, ("int32", "int64"))
    where = check_axis("axis", axis, inputs.ndim)
    shared = check_integer("batch_dims", batch_dims, -indices.ndim, indices.ndim)
    shared = shared + indices.ndim if shared < 0 else shared
    if shared > where:
        raise ValueError(f"batch_dims: {shared} is more than axis, {where}")
    if inputs.shape[:shared] != indices.shape[:shared]:
        raise ValueError(f"indices: shape {indices.shape} does not begin as that of inputs, {inputs.shape}")
    check_indices("indices", indices, inputs.shape[where])
    batches, outer = int(np.prod(inputs.shape[:shared])), inputs.shape[shared:where]
    values = inputs.reshape(batches, *inputs.shape[shared:])
    places = indices.reshape(batches, *indices.shape[shared:])
    shape = (*inputs.shape[:shared], *outer, *indices.shape[shared:], *inputs.shape[where + 1 :])
    if not batches:
        return np.zeros(shape, inputs.dtype)
    parts = [np.take(values[batch], places[batch], axis=where - shared) for batch in range(batches)]
    return np.asarray(np.stack(parts)).reshape(shape)
