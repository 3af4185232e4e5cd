# SPDX-License-Identifier: Apache-2.0
"""Gradients of `average_pool2d`, `max_pool2d` and `mean` with respect to their inputs.

`gradients.py` says what a gradient is here and in which order sums are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_axes, check_scale
from mcusim.kernels.compiled import compiled
from mcusim.kernels.gradients import Float32Array, check_gradients, check_window
from mcusim.kernels.shapes import NO_STEP, VALID, Pair

Array = npt.NDArray[Any]
Int8Array = npt.NDArray[np.int8]


@compiled
def _average(gradients: Float32Array, kernel: Pair, strides: Pair, corner: Pair, results: Float32Array) -> None:
    for batch in range(gradients.shape[0]):
        for row in range(gradients.shape[1]):
            for column in range(gradients.shape[2]):
                top, left = row * strides[0] - corner[0], column * strides[1] - corner[1]
                bottom, right = min(top + kernel[0], results.shape[1]), min(left + kernel[1], results.shape[2])
                top, left = max(top, 0), max(left, 0)
                count = np.float32(max(bottom - top, 0) * max(right - left, 0))
                for y in range(top, bottom):
                    for x in range(left, right):
                        for channel in range(results.shape[3]):
                            results[batch, y, x, channel] += gradients[batch, row, column, channel] / count


@compiled
def _largest(
    inputs: Int8Array, gradients: Float32Array, kernel: Pair, strides: Pair, corner: Pair, results: Float32Array
) -> None:
    for batch in range(gradients.shape[0]):
        for row in range(gradients.shape[1]):
            for column in range(gradients.shape[2]):
                top, left = row * strides[0] - corner[0], column * strides[1] - corner[1]
                bottom, right = min(top + kernel[0], results.shape[1]), min(left + kernel[1], results.shape[2])
                top, left = max(top, 0), max(left, 0)
                for channel in range(results.shape[3]):
                    largest, best_y, best_x = np.int32(-129), -1, -1
                    for y in range(top, bottom):
                        for x in range(left, right):
                            if inputs[batch, y, x, channel] > largest:
                                largest, best_y, best_x = np.int32(inputs[batch, y, x, channel]), y, x
                    if best_y >= 0:
                        results[batch, best_y, best_x, channel] += gradients[batch, row, column, channel]


def average_pool2d_gradient(
    gradients: Float32Array,
    input_shape: Sequence[int],
    kernel_size: Pair,
    *,
    strides: Sequence[int] = NO_STEP,
    padding: Sequence[Sequence[int]] = VALID,
) -> Float32Array:
    """Return the gradient of the inputs; float32 (n, oh, ow, c) -> (n, h, w, c), which is `input_shape`.

        result[n, y, x, c] = sum over the windows (oy, ox) that see (y, x) of gradients[n, oy, ox, c] / count

    in row-major order, count being how many elements of the image the window sees. Raises ValueError naming the
    operand.
    """
    check_gradients(gradients, 4)
    shape = tuple(int(size) for size in input_shape)
    if len(shape) != 4 or min(shape) < 0 or shape[3] != gradients.shape[3]:
        raise ValueError(f"input_shape: is {shape}, it must be (n, h, w, {gradients.shape[3]})")
    kernel = (int(kernel_size[0]), int(kernel_size[1]))
    steps, _spread, corner = check_window(gradients, shape, kernel, strides, NO_STEP, padding)
    results = np.zeros(shape, np.float32)
    _average(np.ascontiguousarray(gradients), kernel, steps, corner, results)
    return results


def max_pool2d_gradient(
    inputs: Int8Array,
    gradients: Float32Array,
    kernel_size: Pair,
    *,
    strides: Sequence[int] = NO_STEP,
    padding: Sequence[Sequence[int]] = VALID,
) -> Float32Array:
    """Return the gradient of the inputs; int8 (n, h, w, c), float32 (n, oh, ow, c) -> (n, h, w, c).

    Each window's gradient goes to the largest element that it sees, the first in row-major order where several are;
    what comes from several windows is added in their row-major order. Raises ValueError naming the operand.
    """
    check_array("inputs", inputs, ("int8",), 4)
    check_gradients(gradients, 4)
    if gradients.shape[3] != inputs.shape[3]:
        raise ValueError(f"gradients: have {gradients.shape[3]} channels, the inputs {inputs.shape[3]}")
    kernel = (int(kernel_size[0]), int(kernel_size[1]))
    steps, _spread, corner = check_window(gradients, inputs.shape, kernel, strides, NO_STEP, padding)
    results = np.zeros(inputs.shape, np.float32)
    _largest(np.ascontiguousarray(inputs), np.ascontiguousarray(gradients), kernel, steps, corner, results)
    return results


def mean_gradient(
    gradients: Float32Array,
    input_shape: Sequence[int],
    axes: Sequence[int] | int,
    *,
    input_scale: float,
    output_scale: float,
) -> Float32Array:
    """Return the gradient of the inputs; float32 of the mean's shape, its axes kept or gone -> `input_shape`.

        result = gradients * float32(input_scale / (output_scale * count)), for each of the count elements of a mean

    Raises ValueError naming the operand.
    """
    check_gradients(gradients)
    shape = tuple(int(size) for size in input_shape)
    chosen = check_axes("axes", axes, len(shape))
    kept = tuple(1 if axis in chosen else size for axis, size in enumerate(shape))
    gone = tuple(size for axis, size in enumerate(shape) if axis not in chosen)
    if gradients.shape not in (kept, gone):
        raise ValueError(f"gradients: shape is {gradients.shape}, it must be {gone} or {kept}")
    count = int(np.prod([shape[axis] for axis in chosen], dtype=np.int64))
    if not count:
        return np.zeros(shape, np.float32)
    factor = check_scale("input_scale", input_scale) / (check_scale("output_scale", output_scale) * count)
    return np.ascontiguousarray(np.broadcast_to(gradients.reshape(kept) * np.float32(factor), shape))
