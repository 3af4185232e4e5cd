# SPDX-License-Identifier: Apache-2.0
"""Convolution in two dimensions, with groups: `conv2d`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_zero_point
from mcusim.kernels.compiled import compiled
from mcusim.kernels.output_stage import check_bias, check_passed, output_stage
from mcusim.kernels.products import LANES, RealProducts, padded_depth, padded_rows, sums_of_products
from mcusim.kernels.shapes import NO_STEP, VALID, Pair, check_padding, check_pair, check_reach, output_size, pad_image

Array = npt.NDArray[Any]

# How much is unrolled and summed at a time: it should stay in the second-level cache beside the weights.
BLOCK_BYTES = 512 << 10
LEAST_ROWS = 256  # but so many at least, as the weights are laid out anew each time


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
    passed: npt.NDArray[np.bool_] | None = None,
) -> Array:
    """Convolve; int8 or int16 (n, h, w, c), int8 (out, kh, kw, c / groups) -> (n, oh, ow, out) of the inputs' dtype.

        sum[n, y, x, o] = sum over ky, kx, i of weights[o, ky, kx, i]
                          * (inputs[n, y * sy + ky * dy - top, x * sx + kx * dx - left, g * c/groups + i] - zero point)
        outputs = clamp(requantise(sum + bias) + output_zero_point)

    with g = o // (out / groups); what lies outside of the image counts as its zero point. `weights.shape[3]` says how
    many groups there are. `bias` is int32 (out,) or None; with int16 inputs also int64, and None means 64-bit sums.
    `multipliers` and `shifts` (int32) or `scales` (float32) are one number, or one for each output channel
    (`scaling.py` makes them). Padding: see `shapes.py`. `passed`, a bool array of the outputs' shape, is overwritten:
    what was not clamped, which training keeps (`output_gradient.pack_mask`).

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
    check_reach("weights", (inputs.shape[1], inputs.shape[2]), kernel, spread, sides)
    size = output_size((inputs.shape[1], inputs.shape[2]), kernel, steps, spread, sides)

    shape = (inputs.shape[0], *size, outputs)
    check_passed(passed, shape)
    masks = None if passed is None else passed.reshape(-1, outputs)

    # int8 takes the fast way of products.py; its rows need no zeros at the end.
    dtype, lanes = (np.dtype(np.float32), 1) if inputs.dtype == np.int8 else (np.dtype(np.int16), LANES)
    image: Any = inputs.astype(dtype)
    image -= np.asarray(zero_point, dtype)
    image = pad_image(image, sides, 0)
    flat = np.ascontiguousarray(weights).reshape(outputs, -1)
    parts = [slice(start, start + outputs // groups) for start in range(0, outputs, max(outputs // groups, 1))]
    rows: list[Any]
    if dtype == np.float32:
        rows = [RealProducts(flat[part], 128 + abs(zero_point)) for part in parts]
    else:
        rows = [padded_rows(flat[part].astype(dtype), lanes) for part in parts]
    results = np.empty((inputs.shape[0] * size[0] * size[1], outputs), inputs.dtype)
    room = np.empty((0, outputs), np.int64 if bits == 64 else np.int32)
    for start, unrolled in _unroll(image, kernel, size, steps, spread, groups, lanes, outputs):
        here = slice(start, start + unrolled.shape[1])
        sums = rows[0].at_once(unrolled[0]) if dtype == np.float32 and groups == 1 else None
        if sums is None:
            if len(room) < unrolled.shape[1]:
                room = np.empty((unrolled.shape[1], outputs), room.dtype)
            sums = room[: unrolled.shape[1]]
            sums[...] = 0
            for part, seen, weight_rows in zip(parts, unrolled, rows, strict=True):
                if dtype == np.float32:
                    weight_rows.add_to(sums, seen, part.start)
                else:
                    sums[:, part] = sums_of_products(seen, weight_rows, bits)
        stage.outputs(sums, None if masks is None else masks[here], bias=bias, results=results[here])
    return results.reshape(shape)


@compiled
def _copy_windows(lines: Array, strides: Pair, steps: Pair, sizes: Pair, unrolled: Array) -> None:
    """Write what windows see of lines (h, w * c) to unrolled (rows, columns, depth and more).

    Windows are `strides` (lines, elements) apart. `sizes` is how many runs there are in a window, in lines and in a
    line, `steps` how far apart they are (lines, elements). All runs are equally long.
    """
    run = unrolled.shape[2] // (sizes[0] * sizes[1])
    for row in range(unrolled.shape[0]):
        for column in range(unrolled.shape[1]):
            there, place = unrolled[row, column], 0
            for above in range(sizes[0]):
                line = lines[row * strides[0] + above * steps[0]]
                for beside in range(sizes[1]):
                    first = column * strides[1] + beside * steps[1]
                    for index in range(run):
                        there[place + index] = line[first + index]
                    place += run


def _unroll(
    image: Array, kernel: Pair, size: Pair, strides: Pair, dilations: Pair, groups: int, lanes: int, outputs: int
) -> Iterator[tuple[int, Array]]:
    """Yield (first output, (groups, outputs, padded depth)): what each output's window sees, some rows at a time."""
    batches, height, width, channels = image.shape
    depth = channels // groups
    taps = kernel[0] * kernel[1]
    if not (batches and size[0] and size[1] and taps):
        return
    length = padded_depth(taps * depth, lanes)
    # Beside what is unrolled, its sums of two types.
    each = groups * length * image.itemsize + 8 * outputs
    if taps == 1 and groups == 1 and strides == (1, 1) and length == depth:
        pixels = np.ascontiguousarray(image[:, : size[0], : size[1]]).reshape(1, -1, depth)
        step = max(BLOCK_BYTES // each, LEAST_ROWS)
        for start in range(0, pixels.shape[1], step):
            yield start, pixels[:, start : start + step]
        return
    step = min(-(-max(BLOCK_BYTES // each, LEAST_ROWS) // size[1]), size[0])
    unrolled = np.zeros((groups, step, size[1], length), image.dtype)
    lines = np.ascontiguousarray(image).reshape(batches, height, width * channels)
    # Where taps of a line lie side by side they are one run.
    runs, apart = (1, 0) if groups == 1 and dilations[1] == 1 else (kernel[1], dilations[1] * channels)
    for batch in range(batches):
        for row in range(0, size[0], step):
            count = min(step, size[0] - row)
            for group in range(groups):
                _copy_windows(
                    lines[batch, row * strides[0] :, group * depth :],
                    (strides[0], strides[1] * channels),
                    (dilations[0], apart),
                    (kernel[0], runs),
                    unrolled[group, :count, :, : taps * depth],
                )
            flat = unrolled[:, :count].reshape(groups, count * size[1], length)
            yield (batch * size[0] + row) * size[1], flat
