# SPDX-License-Identifier: Apache-2.0
"""Gradients of `fully_connected`'s sums: with respect to its inputs and to its weights. (To its bias: `bias_gradient`.)

A matrix product is a convolution of images of one element, and its gradients are computed as such; `gradients.py` says
what a gradient is here and in which order sums are taken.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array
from mcusim.kernels.conv2d_backward import conv2d_input_gradient, conv2d_weight_gradient
from mcusim.kernels.gradients import Float32Array, check_gradients

Int8Array = npt.NDArray[np.int8]


def fully_connected_input_gradient(gradients: Float32Array, weights: Int8Array) -> Float32Array:
    """Return the gradient of the inputs; float32 (rows, units), int8 (units, depth) -> (rows, depth).

        result[r, d] = sum over u of gradients[r, u] * weights[u, d]

    Raises ValueError naming the operand.
    """
    check_gradients(gradients, 2)
    check_array("weights", weights, ("int8",), 2)
    rows, (units, depth) = gradients.shape[0], weights.shape
    if gradients.shape[1] != units:
        raise ValueError(f"gradients: have {gradients.shape[1]} units, the weights {units}")
    if not depth:
        return np.zeros((rows, 0), np.float32)
    result = conv2d_input_gradient(
        gradients.reshape(rows, 1, 1, units), weights.reshape(units, 1, 1, depth), (rows, 1, 1, depth)
    )
    return result.reshape(rows, depth)


def fully_connected_weight_gradient(
    inputs: Int8Array,
    gradients: Float32Array,
    *,
    input_zero_point: int = 0,
    input_channels: Sequence[int] | None = None,
    output_channels: Sequence[int] | None = None,
) -> Float32Array:
    """Return the gradient of the weights; int8 (rows, depth), float32 (rows, units) -> (units, depth).

        result[u, d] = sum over r of gradients[r, u] * (inputs[r, d] - input_zero_point)

    For sparse updates, `input_channels` and `output_channels` (start, stop) restrict the result to some of its last
    and of its first axis. Raises ValueError naming the operand.
    """
    check_array("inputs", inputs, ("int8",), 2)
    check_gradients(gradients, 2)
    if inputs.shape[0] != gradients.shape[0]:
        raise ValueError(f"gradients: have {gradients.shape[0]} rows, the inputs {inputs.shape[0]}")
    if not inputs.shape[1]:
        raise ValueError("inputs: have no channels")
    result = conv2d_weight_gradient(
        inputs[:, np.newaxis, np.newaxis],
        gradients[:, np.newaxis, np.newaxis],
        (1, 1),
        input_zero_point=input_zero_point,
        input_channels=input_channels,
        output_channels=output_channels,
    )
    return result[:, 0, 0]
