# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution: each input channel has its own filters. `depthwise_conv2d`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_zero_point
from mcusim.kernels.compiled import compiled
from mcusim.kernels.output_stage import check_bias, check_passed, output_stage
from mcusim.kernels.products import Int16Array, Int32Array, Int64Array
from mcusim.kernels.shapes import NO_STEP, VALID, Padding, Pair, check_padding, check_pair, output_size

Array = npt.NDArray[Any]

# How much is summed at a time: it should stay in the second-level cache beside the weights.
BLOCK_BYTES = 256 << 10


@compiled
def _sums_int32(
    lines: Int16Array,
    first_row: int,
    weights: Int16Array,
    strides: Pair,
    dilations: Pair,
    channels: int,
    sums: Int32Array,
) -> None:
    """lines of `_lines`, weights (kh, kw, ow * c) -> sums (rows, ow * c) from an output row on, which wrap.

    A whole line of outputs at a time: its products are independent of each other, so the compiler makes vector
    instructions of the inner loop.
    """
    length = sums.shape[1]
    for row in range(sums.shape[0]):
        total = sums[row]
        total[:] = 0
        for filter_row in range(weights.shape[0]):
            for filter_column in range(weights.shape[1]):
                column = filter_column * dilations[1]
                line = lines[column % strides[1], (first_row + row) * strides[0] + filter_row * dilations[0]]
                first = column // strides[1] * channels
                seen, factor = line[first : first + length], weights[filter_row, filter_column]
                for index in range(length):
                    total[index] = np.int32(total[index] + np.int32(seen[index]) * np.int32(factor[index]))


@compiled
def _sums_int64(
    lines: Int16Array,
    first_row: int,
    weights: Int16Array,
    strides: Pair,
    dilations: Pair,
    channels: int,
    sums: Int64Array,
) -> None:
    """As `_sums_int32`, with 64-bit sums."""
    length = sums.shape[1]
    for row in range(sums.shape[0]):
        total = sums[row]
        total[:] = 0
        for filter_row in range(weights.shape[0]):
            for filter_column in range(weights.shape[1]):
                column = filter_column * dilations[1]
                line = lines[column % strides[1], (first_row + row) * strides[0] + filter_row * dilations[0]]
                first = column // strides[1] * channels
                seen, factor = line[first : first + length], weights[filter_row, filter_column]
                for index in range(length):
                    total[index] += np.int64(seen[index]) * np.int64(factor[index])


@compiled
def _fill_lines(inputs: Array, zero_point: int, top: int, left: int, multiplier: int, lines: Int16Array) -> None:
    """Write inputs (n, h, w, c), less the zero point, into what `_lines` returns."""
    stride, channels = lines.shape[1], inputs.shape[3]
    for batch in range(inputs.shape[0]):
        for row in range(inputs.shape[1]):
            for column in range(inputs.shape[2]):
                pixel, place = inputs[batch, row, column], column + left
                first = place // stride * channels * multiplier
                line = lines[batch, place % stride, row + top, first : first + channels * multiplier]
                if multiplier == 1:
                    for channel in range(channels):
                        line[channel] = np.int16(pixel[channel]) - zero_point
                else:
                    for channel in range(channels * multiplier):
                        line[channel] = np.int16(pixel[channel // multiplier]) - zero_point


def _lines(inputs: Array, zero_point: int, padding: Padding, stride: int, multiplier: int) -> Int16Array:
    """Return (n, stride, padded h, columns * c * m): every `stride`-th column of the padded image, from 0, 1 and so on.

    So the columns that neighbouring outputs see lie side by side. Each channel is there m times.
    """
    batches, height, width, channels = inputs.shape
    (top, bottom), (left, right) = padding
    columns = -(-(left + width + right) // stride)
    lines = np.zeros((batches, stride, top + height + bottom, columns * channels * multiplier), np.int16)
    _fill_lines(inputs, zero_point, top, left, multiplier, lines)
    return lines


def depthwise_conv2d(
    inputs: Array,
    weights: Array,
    bias: Array | None = None,
    *,
    strides: Sequence[int] = NO_STEP,
    dilations: Sequence[int] = NO_STEP,
    padding: Sequence[Sequence[int]] = VALID,
    input_zero_point: int = 0,
    output_zero_point: int = 0,
    multipliers: Array | int | None = None,
    shifts: Array | int | None = None,
    rounding: str = "double",
    scales: Array | float | None = None,
    activation_min: int | None = None,
    activation_max: int | None = None,
    passed: npt.NDArray[np.bool_] | None = None,
) -> Array:
    """Convolve each channel; int8 or int16 (n, h, w, c), int8 (1, kh, kw, c * m) -> (n, oh, ow, c * m), inputs' dtype.

        sum[n, y, x, o] = sum over ky, kx of weights[0, ky, kx, o]
                          * (inputs[n, y * sy + ky * dy - top, x * sx + kx * dx - left, o // m] - zero point)
        outputs = clamp(requantise(sum + bias) + output_zero_point)

    m, the depth multiplier, follows from the shapes. `bias` is int32 (c * m,) or None; with int16 inputs int64 or None,
    as TensorFlow Lite has no other. The rest is as in `conv2d`, `passed` too.

    Raises ValueError naming the operand. Source: TensorFlow Lite
    kernels/internal/reference/integer_ops/depthwise_conv.h (DepthwiseConvPerChannel, for int8_t and for int16_t).
    """
    check_array("inputs", inputs, ("int8", "int16"), 4)
    check_array("weights", weights, ("int8",), 4)
    channels, (one, kernel_height, kernel_width, outputs) = inputs.shape[3], weights.shape
    if one != 1:
        raise ValueError(f"weights: shape is {weights.shape}, the first must be 1")
    if not channels or outputs % channels:
        raise ValueError(f"weights: {outputs} channels are no multiple of the {channels} of inputs")
    zero_point = check_zero_point("input_zero_point", input_zero_point, inputs.dtype)
    stage = output_stage(
        outputs,
        inputs.dtype,
        multipliers=multipliers,
        shifts=shifts,
        rounding=rounding,
        scales=scales,
        output_zero_point=output_zero_point,
        activation_min=activation_min,
        activation_max=activation_max,
    )
    bits = check_bias(bias, outputs, inputs, stage)
    if inputs.dtype == np.int16 and bits != 64:
        raise ValueError("bias: dtype is int32, with int16 inputs it must be int64")
    steps, spread = check_pair("strides", strides), check_pair("dilations", dilations)
    sides = check_padding(padding)
    size = output_size((inputs.shape[1], inputs.shape[2]), (kernel_height, kernel_width), steps, spread, sides)

    shape = (inputs.shape[0], *size, outputs)
    check_passed(passed, shape)

    lines = _lines(inputs, zero_point, sides, steps[1], outputs // channels)
    factors = np.tile(weights[0].astype(np.int16), (1, 1, size[1]))
    wide = np.dtype(np.int64 if bits == 64 else np.int32)
    results = np.empty((inputs.shape[0] * size[0] * size[1], outputs), inputs.dtype)
    masks = None if passed is None else passed.reshape(-1, outputs)
    step = min(max(BLOCK_BYTES // max(size[1] * outputs * wide.itemsize, 1), 1), size[0])
    room: Array = np.empty((step, size[1] * outputs), wide)
    for batch in range(inputs.shape[0] if results.size else 0):
        for row in range(0, size[0], step):
            sums = room[: min(step, size[0] - row)]
            (_sums_int64 if bits == 64 else _sums_int32)(lines[batch], row, factors, steps, spread, outputs, sums)
            start = (batch * size[0] + row) * size[1]
            here = slice(start, start + len(sums) * size[1])
            mask = None if masks is None else masks[here]
            stage.outputs(sums.reshape(-1, outputs), mask, bias=bias, results=results[here])
    return results.reshape(shape)
