# SPDX-License-Identifier: Apache-2.0
"""Plain twins of the operators with sums: one output element at a time, in Python integers, as the sources say it.

They take what the kernels take and check nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import naive
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Pair = tuple[int, int]
NO_PADDING = ((0, 0), (0, 0))


def wrap(value: int, bits: int) -> int:
    """Keep the low bits, as a signed number."""
    return (value + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


def factor_of(parameters: Any, channel: int) -> Any:
    """Return the parameter of one channel from a number, or a vector of one or of all."""
    vector = np.ravel(parameters)
    return vector[0 if len(vector) == 1 else channel].item()


def rescale(value: int, multiplier: int, shift: int, rounding: str = "double") -> int:
    """Return value * multiplier * 2^(shift - 31), rounded twice or once."""
    if rounding == "single":
        return naive.multiply_by_quantized_multiplier_single_rounding(value, multiplier, shift)
    return naive.multiply_by_quantized_multiplier(value, multiplier, shift)


def rescale_wide(value: int, multiplier: int, shift: int) -> int:
    """The same for a 64-bit value: the multiplier has 16 bits, rounded once, halves up."""
    reduced = min((multiplier + (1 << 15)) >> 16, 0x7FFF)
    total = 15 - shift
    return wrap((value * reduced + (1 << (total - 1))) >> total, 32)


def finish(value: int, channel: int, dtype: Any, bits: int, options: dict[str, Any]) -> int:
    """Requantise one sum, add the zero point, clamp."""
    if options.get("scales") is not None:
        result = naive.multiply_by_float_scale(value, float(np.float32(factor_of(options["scales"], channel))))
    else:
        multiplier, shift = factor_of(options["multipliers"], channel), factor_of(options["shifts"], channel)
        if bits == 64:
            result = rescale_wide(value, multiplier, shift)
        else:
            result = rescale(value, multiplier, shift, options.get("rounding", "double"))
    result += options.get("output_zero_point", 0)
    if "noted" in options:  # for twins of `passed`, in the order of the outputs
        options["noted"].append(clamp(result, dtype, options) == result)
    return clamp(result, dtype, options)


def clamp(value: int, dtype: Any, options: dict[str, Any]) -> int:
    """Cut to the activation's range, or to the dtype's."""
    low, high = options.get("activation_min"), options.get("activation_max")
    limits = np.iinfo(dtype)
    low, high = (limits.min if low is None else low), (limits.max if high is None else high)
    return int(min(max(value, low), high))


def bits_of_sums(inputs: Array, bias: Array | None) -> int:
    """Return 64 where TensorFlow Lite has 64-bit sums, else 32."""
    if inputs.dtype == np.int16:
        return 64 if bias is None else bias.dtype.itemsize * 8
    return 32


def out_size(inputs: Array, kernel: Pair, options: dict[str, Any]) -> Pair:
    """Count the places of the window, by trying them."""
    padding = options.get("padding", NO_PADDING)
    sizes = []
    for axis in (0, 1):
        stride, dilation = options.get("strides", (1, 1))[axis], options.get("dilations", (1, 1))[axis]
        length = inputs.shape[1 + axis] + sum(padding[axis])
        count = 0
        while count * stride + (kernel[axis] - 1) * dilation < length:
            count += 1
        sizes.append(count)
    return sizes[0], sizes[1]


def window(inputs: Array, place: Pair, kernel: Pair, options: dict[str, Any]) -> Iterator[tuple[int, int, int, int]]:
    """Yield (ky, kx, y, x) for what of the window at an output lies in the image."""
    (top, _bottom), (left, _right) = options.get("padding", NO_PADDING)
    strides, dilations = options.get("strides", (1, 1)), options.get("dilations", (1, 1))
    for ky in range(kernel[0]):
        for kx in range(kernel[1]):
            y = place[0] * strides[0] + ky * dilations[0] - top
            x = place[1] * strides[1] + kx * dilations[1] - left
            if 0 <= y < inputs.shape[1] and 0 <= x < inputs.shape[2]:
                yield ky, kx, y, x


def each_output(
    inputs: Array, kernel: Pair, channels: int, options: dict[str, Any], value: Callable[[int, Pair, int], int]
) -> Array:
    """Fill (n, oh, ow, channels) by calling value(batch, place, channel)."""
    size = out_size(inputs, kernel, options)
    outputs = np.zeros((inputs.shape[0], *size, channels), inputs.dtype)
    for batch, row, column, channel in np.ndindex(*outputs.shape):
        outputs[batch, row, column, channel] = value(batch, (row, column), channel)
    return outputs


def conv2d(inputs: Array, weights: Array, bias: Array | None = None, **options: Any) -> Array:
    """Convolution with groups."""
    outputs, kernel, depth = weights.shape[0], (weights.shape[1], weights.shape[2]), weights.shape[3]
    bits, zero_point = bits_of_sums(inputs, bias), options.get("input_zero_point", 0)
    per_group = outputs // (inputs.shape[3] // depth)

    def value(batch: int, place: Pair, channel: int) -> int:
        first = channel // per_group * depth
        total = 0 if bias is None else int(bias[channel])
        for ky, kx, y, x in window(inputs, place, kernel, options):
            for index in range(depth):
                difference = int(inputs[batch, y, x, first + index]) - zero_point
                total += int(weights[channel, ky, kx, index]) * difference
        return finish(wrap(total, bits), channel, inputs.dtype, bits, options)

    return each_output(inputs, kernel, outputs, options, value)


def depthwise_conv2d(inputs: Array, weights: Array, bias: Array | None = None, **options: Any) -> Array:
    """Depthwise convolution."""
    kernel, outputs = (weights.shape[1], weights.shape[2]), weights.shape[3]
    bits, zero_point = bits_of_sums(inputs, bias), options.get("input_zero_point", 0)
    repeats = outputs // inputs.shape[3]

    def value(batch: int, place: Pair, channel: int) -> int:
        total = 0 if bias is None else int(bias[channel])
        for ky, kx, y, x in window(inputs, place, kernel, options):
            total += int(weights[0, ky, kx, channel]) * (int(inputs[batch, y, x, channel // repeats]) - zero_point)
        return finish(wrap(total, bits), channel, inputs.dtype, bits, options)

    return each_output(inputs, kernel, outputs, options, value)


def fully_connected(inputs: Array, weights: Array, bias: Array | None = None, **options: Any) -> Array:
    """Matrix product."""
    units, depth = weights.shape
    bits, rows = bits_of_sums(inputs, bias), inputs.reshape(-1, depth)
    outputs = np.zeros((len(rows), units), inputs.dtype)
    for row, unit in np.ndindex(*outputs.shape):
        total = 0 if bias is None else int(bias[unit])
        for index in range(depth):
            weight = int(weights[unit, index]) - options.get("weights_zero_point", 0)
            total += weight * (int(rows[row, index]) - options.get("input_zero_point", 0))
        outputs[row, unit] = finish(wrap(total, bits), unit, inputs.dtype, bits, options)
    return outputs.reshape(*inputs.shape[:-1], units) if options.get("keep_dims") else outputs


def average_pool2d(inputs: Array, kernel_size: Pair, **options: Any) -> Array:
    """Average of what lies in the image, halves away from zero."""

    def value(batch: int, place: Pair, channel: int) -> int:
        seen = [int(inputs[batch, y, x, channel]) for _, _, y, x in window(inputs, place, kernel_size, options)]
        total, half = sum(seen), len(seen) // 2
        rounded = naive.divide_towards_zero(total + (half if total > 0 else -half), len(seen))
        return clamp(rounded, inputs.dtype, options)

    return each_output(inputs, kernel_size, inputs.shape[3], options, value)


def max_pool2d(inputs: Array, kernel_size: Pair, **options: Any) -> Array:
    """The largest of what lies in the image."""

    def value(batch: int, place: Pair, channel: int) -> int:
        seen = [int(inputs[batch, y, x, channel]) for _, _, y, x in window(inputs, place, kernel_size, options)]
        return clamp(max(seen, default=np.iinfo(inputs.dtype).min), inputs.dtype, options)

    return each_output(inputs, kernel_size, inputs.shape[3], options, value)


def reduce(inputs: Array, axes: Sequence[int], *, average: bool, **options: Any) -> Array:
    """Mean or sum over axes, kept with length 1."""
    outputs = np.zeros([1 if axis in axes else length for axis, length in enumerate(inputs.shape)], inputs.dtype)
    count = inputs.size // outputs.size
    multiplier, shift = options["multiplier"], options["shift"]
    if average:
        bits = 0
        while 2 << bits <= count and bits < 31 + shift:
            bits += 1
        multiplier, shift = (multiplier << bits) // count, shift - bits
    for place in np.ndindex(*outputs.shape):
        where = tuple(slice(None) if axis in axes else index for axis, index in enumerate(place))
        total = sum(int(each) for each in np.ravel(inputs[where])) - count * options.get("input_zero_point", 0)
        result = rescale(wrap(total, 32), multiplier, shift, options.get("rounding", "double"))
        outputs[place] = clamp(result + options.get("output_zero_point", 0), inputs.dtype, {})
    return outputs
