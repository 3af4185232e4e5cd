# SPDX-License-Identifier: Apache-2.0
"""Random models of one operator, with the inputs to run them on: `CASES` has a function for each kind of operator.

Sizes are small, values reach the ends of their type, and scales are such that outputs fill theirs and sometimes
saturate. The same generator gives the same model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from tflite_writer import Operator, Tensor, constant, write_model

AnyArray = npt.NDArray[Any]
SAME, VALID = 0, 1
ACTIVATIONS = 4  # the schema's numbers 0 to 3: none, RELU, RELU_N1_TO_1, RELU6


@dataclass(frozen=True)
class Case:
    """A model, and values for its inputs in order."""

    model: bytes
    inputs: tuple[AnyArray, ...]


class Draw:
    """Random parts of a model."""

    def __init__(self, seed: int) -> None:
        """Begin with a seed."""
        self.random = np.random.default_rng(seed)

    def one(self, low: int, high: int) -> int:
        """Return an integer, both ends included."""
        return int(self.random.integers(low, high + 1))

    def chance(self, probability: float = 0.5) -> bool:
        """Return True so often."""
        return bool(self.random.random() < probability)

    def scale(self, low: float = 0.01, high: float = 0.2) -> float:
        """Return a scale of single precision."""
        return float(np.float32(np.exp(self.random.uniform(np.log(low), np.log(high)))))

    def zero_point(self, dtype: str = "int8") -> int:
        """Return a zero point: 0 for int16, which is symmetric."""
        return 0 if dtype == "int16" else self.one(-128, 127) if self.chance(0.8) else -128

    def values(self, shape: Sequence[int], dtype: str = "int8", low: int | None = None) -> AnyArray:
        """Return an array over a whole type, its ends more often; `low` cuts it (-127 for weights)."""
        limits = np.iinfo(dtype)
        least, most = int(limits.min) if low is None else low, int(limits.max)
        array = self.random.integers(least, most + 1, tuple(shape))
        ends = self.random.random(tuple(shape))
        array = np.where(ends < 0.05, least, np.where(ends > 0.95, most, array))
        return array.astype(dtype)

    def input(self, shape: Sequence[int], dtype: str = "int8", scale: float | None = None) -> Tensor:
        """Return a quantised tensor."""
        return Tensor(tuple(shape), dtype, self.scale() if scale is None else scale, self.zero_point(dtype))


def run_case(
    draw: Draw, code: str, tensors: Sequence[Tensor], options: dict[str, Any] | None = None, outputs: int = 1
) -> Case:
    """Return the case of one operator: the last `outputs` tensors are written, those without data are the inputs."""
    count = len(tensors) - outputs
    model_inputs = [index for index in range(count) if tensors[index].data is None and not tensors[index].variable]
    written = tuple(range(count, len(tensors)))
    model = write_model(tensors, [Operator(code, tuple(range(count)), written, options or {})], model_inputs, written)
    return Case(model, tuple(random_input(draw, tensors[index]) for index in model_inputs))


def random_input(draw: Draw, tensor: Tensor) -> AnyArray:
    """Return values for a tensor."""
    if tensor.dtype == "float32":
        return (draw.random.standard_normal(tensor.shape) * 3).astype(np.float32)
    return draw.values(tensor.shape, tensor.dtype)


def ints(*values: int) -> Tensor:
    """Return a constant vector of int32."""
    return constant(np.array(values, np.int32))


# Convolutions and matrix products


def filtered(
    draw: Draw, dtype: str, weights_shape: Sequence[int], axis: int, depth: int, *, per_channel: bool = True
) -> tuple[float, Tensor, Tensor, float]:
    """Return the input's scale, weights, bias and the output's scale, so that outputs fill their type."""
    scale = draw.scale() if dtype == "int8" else draw.scale(1e-4, 1e-3)
    channels = weights_shape[axis] if per_channel else 1
    weight_scales = np.array([draw.scale(0.002, 0.02) for _ in range(channels)], np.float32)
    weights = constant(draw.values(weights_shape, "int8", -127), weight_scales.tolist(), axis=axis)
    half = 127 if dtype == "int8" else 32767
    typical = 0.4 * half * 74 * np.sqrt(max(depth, 1))  # of an accumulator
    bias_values = draw.random.normal(0, typical / 2, weights_shape[axis])
    bias = constant(
        bias_values.astype(np.int32 if dtype == "int8" else np.int64), (weight_scales * np.float32(scale)).tolist()
    )
    output_scale = float(np.float32(typical * scale * weight_scales.mean() / half * draw.scale(0.5, 2.0)))
    return scale, weights, bias, output_scale


def window_options(draw: Draw, *, dilation: bool, factor: str = "Dilation{}Factor") -> dict[str, Any]:
    """Return strides, padding, dilations and an activation."""
    options: dict[str, Any] = {
        "StrideH": draw.one(1, 3),
        "StrideW": draw.one(1, 3),
        "Padding": draw.one(SAME, VALID),
        "FusedActivationFunction": draw.one(0, ACTIVATIONS - 1),
    }
    if dilation:
        options |= {factor.format(axis): 1 for axis in "HW"}
        if draw.chance(0.3):
            options |= {"StrideH": 1, "StrideW": 1} | {factor.format(axis): draw.one(1, 2) for axis in "HW"}
    return options


def reached(size: int, kernel: int, options: dict[str, Any], axis: str) -> int:
    """Return how many outputs a window gives along H or W."""
    reach = (kernel - 1) * options.get(f"Dilation{axis}Factor", 1) + 1
    stride = int(options[f"Stride{axis}"])
    return -(-size // stride) if options["Padding"] == SAME else (size - reach) // stride + 1


def image(draw: Draw, channels: int) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
    """Return the shape of an NHWC image, and a kernel that fits into it even when it is dilated."""
    kernel = draw.one(1, 4), draw.one(1, 4)
    size = draw.one(2 * kernel[0] - 1, 9), draw.one(2 * kernel[1] - 1, 9)
    return (draw.one(1, 2), *size, channels), kernel


def conv2d(draw: Draw, dtype: str = "int8", *, grouped: bool = False) -> Case:
    """CONV_2D: strides, dilation, activations; scales per channel or one; with groups, fewer channels in the filter."""
    groups = draw.one(2, 3) if grouped else 1
    depth = draw.one(1, 9)
    shape, kernel = image(draw, depth * groups)
    channels = draw.one(1, 6) * groups
    options = window_options(draw, dilation=True)
    scale, weights, bias, output_scale = filtered(
        draw, dtype, (channels, *kernel, depth), 0, depth * kernel[0] * kernel[1], per_channel=draw.chance(0.8)
    )
    output = (
        shape[0],
        reached(shape[1], kernel[0], options, "H"),
        reached(shape[2], kernel[1], options, "W"),
        channels,
    )
    tensors = [draw.input(shape, dtype, scale), weights, bias, draw.input(output, dtype, output_scale)]
    return run_case(draw, "CONV_2D", tensors, options)


def depthwise_conv2d(draw: Draw, dtype: str = "int8") -> Case:
    """DEPTHWISE_CONV_2D with a depth multiplier of 1 to 3."""
    channels, multiplier = draw.one(1, 9), draw.one(1, 3)
    shape, kernel = image(draw, channels)
    options = window_options(draw, dilation=True) | {"DepthMultiplier": multiplier}
    scale, weights, bias, output_scale = filtered(
        draw, dtype, (1, *kernel, channels * multiplier), 3, kernel[0] * kernel[1]
    )
    output = (
        shape[0],
        reached(shape[1], kernel[0], options, "H"),
        reached(shape[2], kernel[1], options, "W"),
        channels * multiplier,
    )
    tensors = [draw.input(shape, dtype, scale), weights, bias, draw.input(output, dtype, output_scale)]
    return run_case(draw, "DEPTHWISE_CONV_2D", tensors, options)


def transpose_conv(draw: Draw, dtype: str = "int8") -> Case:
    """TRANSPOSE_CONV, whose first input is the shape of its output."""
    depth, channels = draw.one(1, 5), draw.one(1, 5)
    kernel = draw.one(1, 4), draw.one(1, 4)
    options = {"StrideH": draw.one(1, 3), "StrideW": draw.one(1, 3), "Padding": draw.one(SAME, VALID)}
    size = draw.one(1, 5), draw.one(1, 5)
    output = [1, 0, 0, channels]
    for axis in (0, 1):
        stride = options["StrideH" if axis == 0 else "StrideW"]
        if options["Padding"] == VALID:
            output[1 + axis] = (size[axis] - 1) * stride + kernel[axis]
        else:
            output[1 + axis] = size[axis] * stride
    scale, weights, bias, output_scale = filtered(draw, dtype, (channels, *kernel, depth), 0, depth * 4)
    tensors = [
        ints(*output),
        weights,
        draw.input((1, *size, depth), dtype, scale),
        bias,
        draw.input(output, dtype, output_scale),
    ]
    return run_case(draw, "TRANSPOSE_CONV", tensors, options)


def fully_connected(draw: Draw, dtype: str = "int8", *, per_channel: bool = False) -> Case:
    """FULLY_CONNECTED, one scale for all weights or one for each output."""
    depth, channels, rows = draw.one(1, 40), draw.one(1, 9), draw.one(1, 3)
    scale, weights, bias, output_scale = filtered(draw, dtype, (channels, depth), 0, depth, per_channel=per_channel)
    options = {"FusedActivationFunction": draw.one(0, ACTIVATIONS - 1)}
    tensors = [
        draw.input((rows, depth), dtype, scale),
        weights,
        bias,
        draw.input((rows, channels), dtype, output_scale),
    ]
    return run_case(draw, "FULLY_CONNECTED", tensors, options)


def batch_matmul(draw: Draw, dtype: str = "int8") -> Case:
    """BATCH_MATMUL: batches that broadcast, either operand transposed."""
    rows, depth, columns = draw.one(1, 5), draw.one(1, 12), draw.one(1, 5)
    batches = draw.one(1, 3)
    left = (batches if draw.chance() else 1, depth, rows)
    right = (batches, columns, depth)
    options = {"AdjX": draw.chance(), "AdjY": draw.chance()}
    left = left if options["AdjX"] else (left[0], left[2], left[1])
    right = right if options["AdjY"] else (right[0], right[2], right[1])
    scales = (draw.scale(), draw.scale()) if dtype == "int8" else (draw.scale(1e-4, 1e-3), draw.scale(1e-4, 1e-3))
    half = 127 if dtype == "int8" else 32767
    output_scale = float(np.float32(0.4 * half * np.sqrt(depth) * scales[0] * scales[1]))
    tensors = [
        draw.input(left, dtype, scales[0]),
        draw.input(right, dtype, scales[1]),
        draw.input((batches, rows, columns), dtype, output_scale),
    ]
    return run_case(draw, "BATCH_MATMUL", tensors, options)


def svdf(draw: Draw) -> Case:
    """SVDF: a first filter over features, a second over time; its state is a variable that begins as zeros."""
    batches, features, units, rank, memory = (
        draw.one(1, 2),
        draw.one(1, 9),
        draw.one(1, 4),
        draw.one(1, 2),
        draw.one(1, 6),
    )
    filters = units * rank
    scale, first, second, state = draw.scale(), draw.scale(0.002, 0.02), draw.scale(1e-4, 1e-3), draw.scale(1e-3, 1e-2)
    tensors = [
        Tensor((batches, features), "int8", scale, draw.zero_point()),
        constant(draw.values((filters, features), "int8", -127), first),
        constant(draw.values((filters, memory), "int16"), second),
        constant(draw.random.integers(-5000, 5000, units).astype(np.int32), float(np.float32(state * second))),
        Tensor((batches, filters * memory), "int16", state, 0, variable=True),
        Tensor((batches, units), "int8", draw.scale(0.05, 0.5), draw.zero_point()),
    ]
    return run_case(draw, "SVDF", tensors, {"Rank": rank, "FusedActivationFunction": 1})


def lstm(draw: Draw, dtype: str = "int8") -> Case:
    """UNIDIRECTIONAL_SEQUENCE_LSTM without peepholes, projection and normalisation; its states begin as zeros."""
    batches, steps, features, units = draw.one(1, 2), draw.one(1, 4), draw.one(1, 6), draw.one(1, 5)
    time_major = draw.chance()
    scale = draw.scale(0.02, 0.1) if dtype == "int8" else draw.scale(1e-4, 1e-3)
    hidden = Tensor((batches, units), dtype, draw.scale(0.004, 0.008), draw.zero_point(dtype), variable=True)
    if dtype == "int16":
        hidden = Tensor((batches, units), dtype, 2.0**-15, 0, variable=True)
    cell = Tensor((batches, units), "int16", 2.0 ** -draw.one(10, 12), 0, variable=True)
    leading = (steps, batches) if time_major else (batches, steps)
    tensors: list[Tensor] = [draw.input((*leading, features), dtype, scale)]
    inputs = [0] + [-1] * 23
    for gate in range(4):
        weight_scale = draw.scale(0.002, 0.01)
        bias = draw.random.normal(0, 1 / (scale * weight_scale), units)
        for place, tensor in (
            (1 + gate, constant(draw.values((units, features), "int8", -127), weight_scale)),
            (5 + gate, constant(draw.values((units, units), "int8", -127), draw.scale(0.002, 0.01))),
            (12 + gate, constant(bias.astype(np.int32 if dtype == "int8" else np.int64), scale * weight_scale)),
        ):
            inputs[place] = len(tensors)
            tensors.append(tensor)
    for place, tensor in ((18, hidden), (19, cell)):
        inputs[place] = len(tensors)
        tensors.append(tensor)
    result = len(tensors)
    tensors.append(Tensor((*leading, units), dtype, hidden.scale, hidden.zero_point))
    # LiteRT wants to know these; without projection and normalisation they say nothing new.
    tensors += [Tensor((0,), "int16", 2.0**-12)] * 4 + [Tensor((0,), dtype, hidden.scale, hidden.zero_point)]
    unused = tuple(range(result + 1, len(tensors)))
    options = {"FusedActivationFunction": 4, "TimeMajor": time_major, "CellClip": 4.0 if draw.chance() else 0.0}
    operator = Operator("UNIDIRECTIONAL_SEQUENCE_LSTM", tuple(inputs), (result,), options, unused)
    return Case(write_model(tensors, [operator], (0,), (result,)), (random_input(draw, tensors[0]),))


# Kind of operator -> a function that draws a case.
PRODUCTS: dict[str, Callable[[Draw], Case]] = {
    "conv2d": conv2d,
    "conv2d int16": lambda draw: conv2d(draw, "int16"),
    "conv2d groups": lambda draw: conv2d(draw, grouped=True),
    "depthwise_conv2d": depthwise_conv2d,
    "depthwise_conv2d int16": lambda draw: depthwise_conv2d(draw, "int16"),
    "transpose_conv": transpose_conv,
    "transpose_conv int16": lambda draw: transpose_conv(draw, "int16"),
    "fully_connected": fully_connected,
    "fully_connected int16": lambda draw: fully_connected(draw, "int16"),
    "fully_connected per channel": lambda draw: fully_connected(draw, per_channel=True),
    "batch_matmul": batch_matmul,
    "batch_matmul int16": lambda draw: batch_matmul(draw, "int16"),
    "svdf": svdf,
    "unidirectional_lstm": lstm,
    "unidirectional_lstm int16": lambda draw: lstm(draw, "int16"),
}
