# SPDX-License-Identifier: Apache-2.0
"""Convolution in two dimensions, with groups: `conv2d`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_zero_point
from mcusim.kernels.output_stage import check_bias, output_stage
from mcusim.kernels.products import LANES, padded_depth, padded_rows, sums_of_products, sums_of_real_products
from mcusim.kernels.shapes import NO_STEP, VALID, Pair, check_padding, check_pair, output_size, pad_image, tap

Array = npt.NDArray[Any]

# How much of the input is unrolled at a time: it should stay in the second-level cache beside the weights.
UNROLLED_BYTES = 512 << 10


def conv2d(
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
    """Convolve; int8 or int16 (n, h, w, c), int8 (out, kh, kw, c / groups) -> (n, oh, ow, out) of the inputs' dtype.

        sum[n, y, x, o] = sum over ky, kx, i of weights[o, ky, kx, i]
                          * (inputs[n, y * sy + ky * dy - top, x * sx + kx * dx - left, g * c/groups + i] - zero point)
        outputs = clamp(requantise(sum + bias) + output_zero_point)

    with g = o // (out / groups); what lies outside of the image counts as its zero point. `weights.shape[3]` says how
    many groups there are. `bias` is int32 (out,) or None; with int16 inputs also int64, and None means 64-bit sums.
    `multipliers` and `shifts` (int32) or `scales` (float32) are one number, or one for each output channel
    (`scaling.py` makes them). Padding: see `shapes.py`.

    Raises ValueError naming the operand. Source: TensorFlow Lite kernels/internal/reference/integer_ops/conv.h
    (ConvPerChannel, for int8_t and for int16_t).
    """
    check_array("inputs", inputs, ("int8", "int16"), 4)
    check_array("weights", weights, ("int8",), 4)
    channels, (outputs, kernel_height, kernel_width, depth) = inputs.shape[3], weights.shape
    if not depth or channels % depth:
        raise ValueError(f"weights: have {depth} input channels, the {channels} of inputs must be a multiple")
    groups = channels // depth
    if not groups or outputs % groups:
        raise ValueError(f"weights: {outputs} output channels are no multiple of {groups} groups")
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
    kernel, steps = (kernel_height, kernel_width), check_pair("strides", strides)
    spread, sides = check_pair("dilations", dilations), check_padding(padding)
    size = output_size((inputs.shape[1], inputs.shape[2]), kernel, steps, spread, sides)

    # int8 takes the fast way of products.py; its rows need no zeros at the end.
    dtype, lanes = (np.dtype(np.float32), 1) if inputs.dtype == np.int8 else (np.dtype(np.int16), LANES)
    image: Any = inputs.astype(dtype)
    image -= np.asarray(zero_point, dtype)
    image = pad_image(image, sides, 0)
    rows = padded_rows(weights.reshape(outputs, -1).astype(dtype), lanes)
    results = np.empty((inputs.shape[0] * size[0] * size[1], outputs), inputs.dtype)
    group_outputs = outputs // groups
    for start, unrolled in _unroll(image, kernel, size, steps, spread, groups, lanes):
        sums = np.empty((unrolled.shape[1], outputs), np.int64 if bits == 64 else np.int32)
        for group in range(groups):
            part = slice(group * group_outputs, (group + 1) * group_outputs)
            if dtype == np.float32:
                products = sums_of_real_products(unrolled[group], rows[part])
            else:
                products = sums_of_products(unrolled[group], rows[part], bits)
            if groups == 1:
                sums = products
            else:
                sums[:, part] = products
        if bias is not None:
            sums += bias
        results[start : start + unrolled.shape[1]] = stage.outputs(sums)
    return results.reshape(inputs.shape[0], *size, outputs)


def _unroll(
    image: Array, kernel: Pair, size: Pair, strides: Pair, dilations: Pair, groups: int, lanes: int
) -> Iterator[tuple[int, Array]]:
    """Yield (first output, (groups, outputs, padded depth)): what each output's window sees, some rows at a time."""
    batches, _height, _width, channels = image.shape
    depth = channels // groups
    taps = kernel[0] * kernel[1]
    if not (batches and size[0] and size[1] and taps):
        return
    if taps == 1 and groups == 1 and strides == (1, 1) and padded_depth(depth, lanes) == depth:
        pixels = np.ascontiguousarray(image[:, : size[0], : size[1]]).reshape(1, -1, depth)
        step = max(UNROLLED_BYTES // (depth * image.itemsize), 1)
        for start in range(0, pixels.shape[1], step):
            yield start, pixels[:, start : start + step]
        return
    length = padded_depth(taps * depth, lanes)
    step = max(UNROLLED_BYTES // (groups * size[1] * length * image.itemsize), 1)
    unrolled = np.zeros((groups, step, size[1], length), image.dtype)
    for batch in range(batches):
        for row in range(0, size[0], step):
            count = min(step, size[0] - row)
            band = image[batch : batch + 1, row * strides[0] :]
            for number in range(taps):
                seen = tap(band, divmod(number, kernel[1]), (count, size[1]), strides, dilations)[0]
                for group in range(groups):
                    there = unrolled[group, :count, :, number * depth : (number + 1) * depth]
                    there[...] = seen[:, :, group * depth : (group + 1) * depth]
            flat = unrolled[:, :count].reshape(groups, count * size[1], length)
            yield (batch * size[0] + row) * size[1], flat
