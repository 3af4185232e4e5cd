# SPDX-License-Identifier: Apache-2.0
"""Gradients of `depthwise_conv2d`'s sums with respect to its inputs and to its weights. (To its bias: `bias_gradient`.)

`gradients.py` says what a gradient is here and in which order sums are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array
from mcusim.kernels.compiled import compiled
from mcusim.kernels.gradients import Float32Array, check_channels, check_gradients, check_image, check_window
from mcusim.kernels.shapes import NO_STEP, VALID, Pair

Array = npt.NDArray[Any]
Int8Array = npt.NDArray[np.int8]


@compiled
def _input_gradient(
    gradients: Float32Array,
    weights: Int8Array,
    strides: Pair,
    dilations: Pair,
    corner: Pair,
    results: Float32Array,
) -> None:
    """gradients (n, oh, ow, c * m), weights (kh, kw, c * m) are added to results (n, h, w, c)."""
    channels = results.shape[3]
    multiplier = gradients.shape[3] // channels
    for batch in range(results.shape[0]):
        for row in range(results.shape[1]):
            for column in range(results.shape[2]):
                total = results[batch, row, column]
                for filter_row in range(weights.shape[0]):
                    up = row + corner[0] - filter_row * dilations[0]
                    if up < 0 or up % strides[0] or up // strides[0] >= gradients.shape[1]:
                        continue
                    for filter_column in range(weights.shape[1]):
                        left = column + corner[1] - filter_column * dilations[1]
                        if left < 0 or left % strides[1] or left // strides[1] >= gradients.shape[2]:
                            continue
                        given = gradients[batch, up // strides[0], left // strides[1]]
                        weight = weights[filter_row, filter_column]
                        for copy in range(multiplier):
                            for channel in range(channels):
                                place = channel * multiplier + copy
                                total[channel] += given[place] * np.float32(weight[place])


@compiled
def _weight_gradient(
    inputs: Int8Array,
    zero_point: int,
    gradients: Float32Array,
    strides: Pair,
    dilations: Pair,
    corner: Pair,
    results: Float32Array,
) -> None:
    """inputs (n, h, w, c), gradients (n, oh, ow, c * m) are added to results (kh, kw, c * m)."""
    outputs = results.shape[2]
    multiplier = outputs // inputs.shape[3]
    for batch in range(gradients.shape[0]):
        for row in range(gradients.shape[1]):
            for column in range(gradients.shape[2]):
                given = gradients[batch, row, column]
                for filter_row in range(results.shape[0]):
                    y = row * strides[0] + filter_row * dilations[0] - corner[0]
                    if y < 0 or y >= inputs.shape[1]:
                        continue
                    for filter_column in range(results.shape[1]):
                        x = column * strides[1] + filter_column * dilations[1] - corner[1]
                        if x < 0 or x >= inputs.shape[2]:
                            continue
                        pixel, total = inputs[batch, y, x], results[filter_row, filter_column]
                        for output in range(outputs):
                            value = np.float32(np.int32(pixel[output // multiplier]) - zero_point)
                            total[output] += given[output] * value


def depthwise_conv2d_input_gradient(
    gradients: Float32Array,
    weights: Int8Array,
    input_shape: Sequence[int],
    *,
    strides: Sequence[int] = NO_STEP,
    dilations: Sequence[int] = NO_STEP,
    padding: Sequence[Sequence[int]] = VALID,
) -> Float32Array:
    """Return the gradient of the inputs; float32 (n, oh, ow, c * m), int8 (1, kh, kw, c * m) -> (n, h, w, c).

        result[n, y, x, i] = sum over ky, kx, j (in this order, j fastest, from 0 to m) of weights[0, ky, kx, i * m + j]
                             * gradients[n, (y + top - ky * dy) / sy, (x + left - kx * dx) / sx, i * m + j]

    over what divides evenly and lies within the gradients. The other parameters are those of `depthwise_conv2d`.
    Raises ValueError naming the operand.
    """
    check_gradients(gradients, 4)
    check_array("weights", weights, ("int8",), 4)
    shape = tuple(int(size) for size in input_shape)
    if len(shape) != 4 or min(shape) < 0:
        raise ValueError(f"input_shape: is {shape}, it must be (n, h, w, c)")
    if weights.shape[0] != 1 or not shape[3] or weights.shape[3] % shape[3]:
        raise ValueError(f"weights: shape is {weights.shape}, it must be (1, kh, kw, a multiple of {shape[3]})")
    moves = check_window(gradients, shape, weights.shape[1:3], strides, dilations, padding)
    if gradients.shape[3] != weights.shape[3]:
        raise ValueError(f"gradients: have {gradients.shape[3]} channels, the weights {weights.shape[3]}")
    results = np.zeros(shape, np.float32)
    _input_gradient(np.ascontiguousarray(gradients), np.ascontiguousarray(weights[0]), *moves, results)
    return results


def depthwise_conv2d_weight_gradient(
    inputs: Int8Array,
    gradients: Float32Array,
    kernel_size: Pair,
    *,
    input_zero_point: int = 0,
    strides: Sequence[int] = NO_STEP,
    dilations: Sequence[int] = NO_STEP,
    padding: Sequence[Sequence[int]] = VALID,
    input_channels: Sequence[int] | None = None,
) -> Float32Array:
    """Return the gradient of the weights; int8 (n, h, w, c), float32 (n, oh, ow, c * m) -> (1, kh, kw, c * m).

        result[0, ky, kx, o] = sum over n, oy, ox (in this order, ox fastest) of gradients[n, oy, ox, o]
                               * (inputs[n, oy * sy + ky * dy - top, ox * sx + kx * dx - left, o // m] - zero point)

    For sparse updates, `input_channels` (start, stop) restricts the result to the weights of some channels. Raises
    ValueError naming the operand.
    """
    zero_point = check_image(inputs, input_zero_point)
    check_gradients(gradients, 4)
    channels, outputs = inputs.shape[3], gradients.shape[3]
    if not channels or outputs % channels:
        raise ValueError(f"gradients: {outputs} channels are no multiple of the {channels} of inputs")
    kernel = (int(kernel_size[0]), int(kernel_size[1]))
    moves = check_window(gradients, inputs.shape, kernel, strides, dilations, padding)
    read, multiplier = check_channels("input_channels", input_channels, channels), outputs // channels
    written = slice(read.start * multiplier, read.stop * multiplier)
    results = np.zeros((*kernel, written.stop - written.start), np.float32)
    if results.size:
        seen = np.ascontiguousarray(inputs[..., read])
        _weight_gradient(seen, zero_point, np.ascontiguousarray(gradients[..., written]), *moves, results)
    return results[np.newaxis]
