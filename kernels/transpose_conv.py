# SPDX-License-Identifier: Apache-2.0
"""Transposed convolution: each input element adds a window to the output. `transpose_conv`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_zero_point
from mcusim.kernels.output_stage import check_bias, output_stage
from mcusim.kernels.products import padded_rows, sums_of_products, widened
from mcusim.kernels.shapes import NO_STEP, check_pair

Array = npt.NDArray[Any]


def transpose_conv(
    inputs: Array,
    weights: Array,
    bias: Array | None = None,
    *,
    output_size: Sequence[int],
    strides: Sequence[int] = NO_STEP,
    offset: Sequence[int] = (0, 0),
    input_zero_point: int = 0,
    output_zero_point: int = 0,
    multipliers: Array | int | None = None,
    shifts: Array | int | None = None,
    rounding: str = "double",
    scales: Array | float | None = None,
    activation_min: int | None = None,
    activation_max: int | None = None,
) -> Array:
    """Spread; int8 or int16 (n, h, w, c), int8 (out, kh, kw, c) -> (n, *output_size, out) of the inputs' dtype.

        sum[n, y * sy + ky - top, x * sx + kx - left, o] += sum over i of weights[o, ky, kx, i]
                                                            * (inputs[n, y, x, i] - input_zero_point)
        outputs = clamp(requantise(sum + bias) + output_zero_point)

    with (top, left) = `offset`; what falls outside of `output_size` (height, width) is dropped. For TensorFlow Lite's
    SAME, the offset is the (top, left) of `shapes.same_padding` of the output's size; (0, 0) for VALID. `bias` is int32
    (out,) or None; with int16 inputs int64 or None. The rest is as in `conv2d`.

    Raises ValueError naming the operand. Source: TensorFlow Lite
    kernels/internal/reference/integer_ops/transpose_conv.h (TransposeConv, for int8_t and for int16_t).
    """
    check_array("inputs", inputs, ("int8", "int16"), 4)
    check_array("weights", weights, ("int8",), 4)
    batches, height, width, channels = inputs.shape
    outputs, kernel_height, kernel_width, depth = weights.shape
    if depth != channels:
        raise ValueError(f"weights: have {depth} input channels, inputs have {channels}")
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
    steps, size = check_pair("strides", strides), check_pair("output_size", output_size)
    top, left = check_pair("offset", offset, least=0)

    rows = padded_rows(widened(inputs, zero_point).reshape(-1, channels))
    # One row of weights for each place in the window and output channel.
    columns = padded_rows(weights.transpose(1, 2, 0, 3).reshape(-1, channels).astype(np.int16))
    products = sums_of_products(rows, columns, bits).reshape(
        batches, height, width, kernel_height, kernel_width, outputs
    )
    # Everything that is added, wherever it falls; the output is a part of it, or reaches beyond.
    reach = (
        max((height - 1) * steps[0] + kernel_height, top + size[0], 0),
        max((width - 1) * steps[1] + kernel_width, left + size[1], 0),
    )
    sums = np.zeros((batches, *reach, outputs), products.dtype)
    for ky in range(kernel_height):
        for kx in range(kernel_width):
            there = sums[:, ky : ky + height * steps[0] : steps[0], kx : kx + width * steps[1] : steps[1]]
            there[:, :height, :width] += products[:, :, :, ky, kx]
    sums = np.ascontiguousarray(sums[:, top : top + size[0], left : left + size[1]])
    if bias is not None:
        sums += bias
    return stage.outputs(sums.reshape(-1, outputs)).reshape(sums.shape)
