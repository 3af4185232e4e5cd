# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution: each input channel has its own filters. `depthwise_conv2d`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_zero_point
from mcusim.kernels.compiled import compiled
from mcusim.kernels.output_stage import check_bias, output_stage
from mcusim.kernels.products import Int16Array, Int32Array, Int64Array, widened
from mcusim.kernels.shapes import NO_STEP, VALID, check_padding, check_pair, output_size, pad_image

Array = npt.NDArray[Any]


@compiled
def _sums_int32(
    image: Int16Array, weights: Int16Array, strides: tuple[int, int], dilations: tuple[int, int], sums: Int32Array
) -> None:
    """image (n, padded h, padded w, c), weights (kh, kw, c) -> sums (n, oh, ow, c), which wrap."""
    for batch in range(sums.shape[0]):
        for row in range(sums.shape[1]):
            for column in range(sums.shape[2]):
                total = sums[batch, row, column]
                total[:] = 0
                for filter_row in range(weights.shape[0]):
                    line = image[batch, row * strides[0] + filter_row * dilations[0]]
                    for filter_column in range(weights.shape[1]):
                        pixel = line[column * strides[1] + filter_column * dilations[1]]
                        factor = weights[filter_row, filter_column]
                        for channel in range(total.shape[0]):
                            total[channel] = np.int32(
                                total[channel] + np.int32(pixel[channel]) * np.int32(factor[channel])
                            )


@compiled
def _sums_int64(
    image: Int16Array, weights: Int16Array, strides: tuple[int, int], dilations: tuple[int, int], sums: Int64Array
) -> None:
    """As `_sums_int32`, with 64-bit sums."""
    for batch in range(sums.shape[0]):
        for row in range(sums.shape[1]):
            for column in range(sums.shape[2]):
                total = sums[batch, row, column]
                total[:] = 0
                for filter_row in range(weights.shape[0]):
                    line = image[batch, row * strides[0] + filter_row * dilations[0]]
                    for filter_column in range(weights.shape[1]):
                        pixel = line[column * strides[1] + filter_column * dilations[1]]
                        factor = weights[filter_row, filter_column]
                        for channel in range(total.shape[0]):
                            total[channel] += np.int64(pixel[channel]) * np.int64(factor[channel])


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
) -> Array:
    """Convolve each channel; int8 or int16 (n, h, w, c), int8 (1, kh, kw, c * m) -> (n, oh, ow, c * m), inputs' dtype.

        sum[n, y, x, o] = sum over ky, kx of weights[0, ky, kx, o]
                          * (inputs[n, y * sy + ky * dy - top, x * sx + kx * dx - left, o // m] - zero point)
        outputs = clamp(requantise(sum + bias) + output_zero_point)

    m, the depth multiplier, follows from the shapes. `bias` is int32 (c * m,) or None; with int16 inputs int64 or None,
    as TensorFlow Lite has no other. The rest is as in `conv2d`.

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

    image = pad_image(widened(inputs, zero_point), sides, 0)
    if outputs != channels:
        image = np.repeat(image, outputs // channels, axis=3)
    sums: Array = np.empty((inputs.shape[0], *size, outputs), np.int64 if bits == 64 else np.int32)
    loop = _sums_int64 if bits == 64 else _sums_int32
    loop(np.ascontiguousarray(image), np.ascontiguousarray(weights[0].astype(np.int16)), steps, spread, sums)
    if bias is not None:
        sums += bias
    return stage.outputs(sums.reshape(-1, outputs)).reshape(sums.shape)
