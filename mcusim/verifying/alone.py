# SPDX-License-Identifier: Apache-2.0
"""One layer by itself: its operator on the input that the layer read, whatever the layers before it did.

So a layer that is wrong is told from one whose input is.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.model import run_model
from mcusim.kernels.tflite_file import Model, Tensor
from mcusim.machine.capture import CapturedLayer

Array = npt.NDArray[Any]
MAX_INPUTS = 3  # of which all orders are tried: firmware may swap those of a sum


def same_alone(
    layer: CapturedLayer, model: Model, number: int, begin: dict[int, tuple[int, int]], got: Array, rounding: str
) -> bool | None:
    """Return whether an operator gives what its layer gave, on what the layer read; None where that is not known.

    `begin` has, for tensors that paddings and reshapes without a layer compute, what these read, and the operator.
    """
    operator = model.operators[number]
    read = [index for index in operator.inputs if index >= 0 and model.tensors[index].data is None]
    indices, operators = [], [operator]
    for index in read:
        while index in begin:
            index, folded = begin[index]
            operators.insert(0, model.operators[folded])
        indices.append(index)
    if any(model.tensors[index].variable for index in indices) or not 0 < len(indices) <= MAX_INPUTS:
        return None
    part = replace(model, inputs=tuple(indices), operators=tuple(operators))
    known = False
    for order in permutations(range(len(layer.inputs)), len(indices)):
        arrays = [_array(layer, place, model.tensors[index]) for place, index in zip(order, indices, strict=True)]
        inputs = [each for each in arrays if each is not None]
        if len(inputs) != len(indices):
            continue
        known = True
        result = run_model(part, inputs, rounding=rounding)[operator.outputs[0]]
        if np.array_equal(result, got):
            return True
    return False if known else None


def _array(layer: CapturedLayer, place: int, tensor: Tensor) -> Array | None:
    """Return what a layer read, as this tensor; None if it cannot be that."""
    data, operand = layer.inputs[place], layer.facts.operands.inputs[place]
    dtype = np.dtype(tensor.dtype)
    count = int(np.prod(tensor.shape, dtype=np.int64))
    if data is None or len(data) < count * dtype.itemsize or operand.element_bytes not in (None, dtype.itemsize):
        return None
    return np.frombuffer(data, dtype, count).reshape(tensor.shape)
