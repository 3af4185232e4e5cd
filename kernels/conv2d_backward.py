# SPDX-License-Identifier: Apache-2.0
"""Gradients of `conv2d`'s sums: with respect to its inputs and to its weights. (To its bias: `bias_gradient`.)

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
    """gradients (n, oh, ow, o), weights (o, kh, kw, c / groups) are added to results (n, h, w, c)."""
    outputs, depth = weights.shape[0], weights.shape[3]
    group_outputs = outputs // (results.shape[3] // depth)
    for batch in range(results.shape[0]):
        for row in range(results.shape[1]):
            for column in range(results.shape[2]):
                total = results[batch, row, column]
                for filter_row in range(weights.shape[1]):
                    up = row + corner[0] - filter_row * dilations[0]
                    if up < 0 or up % strides[0] or up // strides[0] >= gradients.shape[1]:
                        continue
                    for filter_column in range(weights.shape[2]):
                        left = column + corner[1] - filter_column * dilations[1]
                        if left < 0 or left % strides[1] or left // strides[1] >= gradients.shape[2]:
                            continue
                        given = gradients[batch, up // strides[0], left // strides[1]]
                        for output in range(outputs):
                            first = output // group_outputs * depth
                            factor, weight = given[output], weights[output, filter_row, filter_column]
                            for channel in range(depth):
                                total[first + channel] += factor * np.float32(weight[channel])


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
    """inputs (n, h, w, c), gradients (n, oh, ow, o) are added to results (o, kh, kw, c / groups)."""
    outputs, depth = results.shape[0], results.shape[3]
    group_outputs = max(outputs // (inputs.shape[3] // depth), 1)
    for batch in range(gradients.shape[0]):
        for row in range(gradients.shape[1]):
            for column in range(gradients.shape[2]):
                given = gradients[batch, row, column]
                for filter_row in range(results.shape[1]):
                    y = row * strides[0] + filter_row * dilations[0] - corner[0]
                    if y < 0 or y >= inputs.shape[1]:
                        continue
                    for filter_column in range(results.shape[2]):
                        x = column * strides[1] + filter_column * dilations[1] - corner[1]
                        if x < 0 or x >= inputs.shape[2]:
                            continue
                        pixel = inputs[batch, y, x]
                        for output in range(outputs):
                            first = output // group_outputs * depth
                            factor, total = given[output], results[output, filter_row, filter_column]
                            for channel in range(depth):
                                total[channel] += factor * np.float32(np.int32(pixel[first + channel]) - zero_point)


def conv2d_input_gradient(
    gradients: Float32Array,
    weights: Int8Array,
    input_shape: Sequence[int],
    *,
    strides: Sequence[int] = NO_STEP,
    dilations: Sequence[int] = NO_STEP,
    padding: Sequence[Sequence[int]] = VALID,
) -> Float32Array:
    """Return the gradient of the inputs; float32 (n, oh, ow, out), int8 (out, kh, kw, c / groups) -> (n, h, w, c).

        result[n, y, x, i] = sum over ky, kx, o (in this order, o fastest) of weights[o, ky, kx, i]
                             * gradients[n, (y + top - ky * dy) / sy, (x + left - kx * dx) / sx, o]

    over what divides evenly and lies within the gradients, and the outputs o of i's group. The other parameters are
    those of `conv2d`. Raises ValueError naming the operand.
    """
    check_gradients(gradients, 4)
    check_array("weights", weights, ("int8",), 4)
    shape = tuple(int(size) for size in input_shape)
    if len(shape) != 4 or min(shape) < 0:
        raise ValueError(f"input_shape: is {shape}, it must be (n, h, w, c)")
    outputs, kernel_height, kernel_width, depth = weights.shape
    _check_groups(shape[3], depth, outputs)
    moves = check_window(gradients, shape, (kernel_height, kernel_width), strides, dilations, padding)
    if gradients.shape[3] != outputs:
        raise ValueError(f"gradients: have {gradients.shape[3]} channels, the weights {outputs} outputs")
    results = np.zeros(shape, np.float32)
    _input_gradient(np.ascontiguousarray(gradients), np.ascontiguousarray(weights), *moves, results)
    return results


def conv2d_weight_gradient(
    inputs: Int8Array,
    gradients: Float32Array,
    kernel_size: Pair,
    *,
    groups: int = 1,
    input_zero_point: int = 0,
    strides: Sequence[int] = NO_STEP,
    dilations: Sequence[int] = NO_STEP,
    padding: Sequence[Sequence[int]] = VALID,
    input_channels: Sequence[int] | None = None,
    output_channels: Sequence[int] | None = None,
) -> Float32Array:
    """Return the gradient of the weights; int8 (n, h, w, c), float32 (n, oh, ow, out) -> (out, kh, kw, c / groups).

        result[o, ky, kx, i] = sum over n, oy, ox (in this order, ox fastest) of gradients[n, oy, ox, o]
            * (inputs[n, oy * sy + ky * dy - top, ox * sx + kx * dx - left, g * c/groups + i] - zero point)

    For sparse updates, `input_channels` and `output_channels` (start, stop) restrict the result to some of its last
    and of its first axis: what an update of these weights alone needs, in as much less time and memory; input channels
    only without groups, output channels in whole groups. Raises ValueError naming the operand.
    """
    zero_point = check_image(inputs, input_zero_point)
    check_gradients(gradients, 4)
    kernel = (int(kernel_size[0]), int(kernel_size[1]))
    channels, outputs = inputs.shape[3], gradients.shape[3]
    if groups < 1 or channels % groups:
        raise ValueError(f"groups: are {groups}, the {channels} channels of inputs must be a multiple")
    _check_groups(channels, channels // groups, outputs)
    moves = check_window(gradients, inputs.shape, kernel, strides, dilations, padding)
    read = check_channels("input_channels", input_channels, channels)
    written = check_channels("output_channels", output_channels, outputs)
    depth = read.stop - read.start
    if groups > 1:
        each, depth = outputs // groups, channels // groups
        if read != slice(0, channels):
            raise ValueError("input_channels: with groups, all of them are needed")
        if each and (written.start % each or written.stop % each):
            raise ValueError(f"output_channels: {written.start} to {written.stop} are no whole groups of {each}")
        read = slice(written.start // max(each, 1) * depth, written.stop // max(each, 1) * depth)
    shape = (written.stop - written.start, *kernel, depth)
    results = np.zeros(shape, np.float32)
    if results.size:
        seen = np.ascontiguousarray(inputs[..., read])
        _weight_gradient(seen, zero_point, np.ascontiguousarray(gradients[..., written]), *moves, results)
    return results


def _check_groups(channels: int, depth: int, outputs: int) -> None:
    if not depth or not channels or channels % depth or outputs % max(channels // depth, 1):
        raise ValueError(
            f"weights: {depth} input and {outputs} output channels do not make groups of {channels} input channels"
        )
