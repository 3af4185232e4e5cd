# SPDX-License-Identifier: Apache-2.0
"""The operators that can be checked: how their cases are drawn, and which reference kernel says what is right."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcusim.checking import mistakes
from mcusim.checking.case import (
    Array,
    Operator,
    Style,
    Values,
    activation,
    bias,
    quantised,
    reach_of,
    small_or_large,
    stage_of,
    tensor,
    zero_point,
)
from mcusim.checking.space import Space
from mcusim.kernels.add import add, add_float_scale
from mcusim.kernels.average_pool2d import average_pool2d
from mcusim.kernels.conv2d import conv2d
from mcusim.kernels.depthwise_conv2d import depthwise_conv2d
from mcusim.kernels.fully_connected import fully_connected
from mcusim.kernels.max_pool2d import max_pool2d
from mcusim.kernels.scaling import add_scaling
from mcusim.kernels.shapes import output_size, same_padding
from mcusim.kernels.softmax import difference_scaling, softmax

_SIZES: Space = {"batches": (1, 2), "input_h": tuple(range(1, 11)), "input_w": tuple(range(1, 11))}
_WINDOW: Space = {"kernel_h": (1, 2, 3), "kernel_w": (1, 2, 3), "stride_h": (1, 2), "stride_w": (1, 2)}
_DILATION: Space = {"dilation_h": (1, 1, 1, 2), "dilation_w": (1, 1, 1, 2)}


def _window(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    """Return sizes, strides, dilations, padding and output size of a window that slides over an image.

    `style.padding` is any (SAME or VALID), half (kernel // 2 on each side) or none.
    """
    values: Values = {"dilation_h": 1, "dilation_w": 1, **sizes}
    size = (values["input_h"], values["input_w"])
    strides = (values["stride_h"], values["stride_w"])
    dilations = (values["dilation_h"], values["dilation_w"])
    reach = [(values[f"kernel_{axis}"] - 1) * values[f"dilation_{axis}"] + 1 for axis in "hw"]
    kernel = (values["kernel_h"], values["kernel_w"])
    if style.padding == "half":
        padding: Any = ((kernel[0] // 2, kernel[0] // 2), (kernel[1] // 2, kernel[1] // 2))
    elif style.padding != "none" and (rng.integers(2) or reach[0] > size[0] or reach[1] > size[1]):
        padding = same_padding(size, kernel, strides, dilations)
    else:
        padding = ((0, 0), (0, 0))
        values["input_h"], values["input_w"] = max(size[0], reach[0]), max(size[1], reach[1])
        size = (values["input_h"], values["input_w"])
    height, width = output_size(size, kernel, strides, dilations, padding)
    values |= {
        "padding": padding, "pad_top": padding[0][0], "pad_bottom": padding[0][1], "pad_left": padding[1][0],
        "pad_right": padding[1][1], "output_h": height, "output_w": width, "kernel": kernel, "strides": strides,
        "dilations": dilations,
    }  # fmt: skip
    return values


def _draw_conv2d(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    values = _window(sizes, rng, style)
    products = values["kernel_h"] * values["kernel_w"] * values["input_c"]
    shape = (values["output_c"], values["kernel_h"], values["kernel_w"], values["input_c"])
    values["weights"] = small_or_large(rng, shape)
    return _finish(values, rng, style, products)


def _finish(values: Values, rng: np.random.Generator, style: Style, products: int) -> Values:
    """Add what convolutions have in common: quantisation, input, bias, output, products."""
    reach = reach_of(values["weights"], values["output_c"])
    values |= quantised(rng, values["output_c"], reach, style, per_channel=True)
    values["input"] = tensor(rng, tuple(values[name] for name in ("batches", "input_h", "input_w", "input_c")))
    values["bias"] = bias(rng, values["output_c"], reach)
    values["output"] = np.zeros(tuple(values[n] for n in ("batches", "output_h", "output_w", "output_c")), np.int8)
    return values | {"macs": values["output"].size * products}


def _draw_depthwise(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    values = _window(sizes, rng, style)
    values["output_c"] = values["input_c"] * values["channel_multiplier"]
    products = values["kernel_h"] * values["kernel_w"]
    values["weights"] = small_or_large(rng, (1, values["kernel_h"], values["kernel_w"], values["output_c"]))
    return _finish(values, rng, style, products)


def _draw_fully_connected(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    values: Values = dict(sizes)
    weights = small_or_large(rng, (values["output_c"], values["input_c"]))
    reach = reach_of(weights, values["output_c"])
    values |= quantised(rng, values["output_c"], reach, style, per_channel=False)
    values |= {
        "input": tensor(rng, (values["batches"], values["input_c"])),
        "weights": weights,
        "bias": bias(rng, values["output_c"], reach),
        "output": np.zeros((values["batches"], values["output_c"]), np.int8),
        "macs": values["batches"] * values["output_c"] * values["input_c"],
    }
    return values


def _draw_pool(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    values = _window(sizes, rng, style)
    values["activation_min"], values["activation_max"] = activation(rng, style.activations)
    values["output_c"] = values["input_c"]
    values["input"] = tensor(rng, tuple(values[name] for name in ("batches", "input_h", "input_w", "input_c")))
    values["output"] = np.zeros(tuple(values[n] for n in ("batches", "output_h", "output_w", "output_c")), np.int8)
    return values | {"macs": values["output"].size * values["kernel_h"] * values["kernel_w"]}


def _draw_add(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    scales = [float(np.float32(each)) for each in rng.uniform(0.005, 0.5, 3)]
    scales[2] = float(np.float32(max(scales[:2]) * rng.uniform(0.5, 3)))
    values: Values = {"size": sizes["size"], "rounding": style.rounding, **add_scaling(scales[0], scales[1], scales[2])}
    for number in (1, 2):
        values[f"input{number}"] = tensor(rng, (sizes["size"],))
        values[f"input{number}_scale"] = np.float32(scales[number - 1])
        values[f"input{number}_zero_point"] = zero_point(rng)
    values["output_scale"], values["output_zero_point"] = np.float32(scales[2]), zero_point(rng)
    values["activation_min"], values["activation_max"] = activation(rng, style.activations)
    return values | {"output": np.zeros(sizes["size"], np.int8), "macs": sizes["size"]}


def _draw_softmax(sizes: dict[str, int], rng: np.random.Generator, _style: Style) -> Values:
    scale = float(np.float32(2.0 ** rng.uniform(-7, 0)))
    multiplier, shift, least = difference_scaling(scale)
    shape = (sizes["rows"], sizes["row_size"])
    return {
        **sizes, "input": tensor(rng, shape), "input_scale": scale, "multiplier": multiplier, "shift": shift,
        "difference_min": least, "output": np.zeros(shape, np.int8), "macs": shape[0] * shape[1],
    }  # fmt: skip


def _conv2d(values: Values) -> Array:
    return conv2d(values["input"], values["weights"], values["bias"], **_sliding(values))


def _depthwise(values: Values) -> Array:
    return depthwise_conv2d(values["input"], values["weights"], values["bias"], **_sliding(values))


def _sliding(values: Values) -> dict[str, Any]:
    names = ("strides", "dilations", "padding", "input_zero_point")
    return {name: values[name] for name in names} | stage_of(values)


def _fully_connected(values: Values) -> Array:
    zero = values["input_zero_point"]
    return fully_connected(
        values["input"], values["weights"], values["bias"], input_zero_point=zero, **stage_of(values)
    )  # fmt: skip


def _average_pool(values: Values) -> Array:
    return average_pool2d(values["input"], values["kernel"], **_pooling(values))


def _max_pool(values: Values) -> Array:
    return max_pool2d(values["input"], values["kernel"], **_pooling(values))


def _pooling(values: Values) -> dict[str, Any]:
    return {name: values[name] for name in ("strides", "padding", "activation_min", "activation_max")}


def _add(values: Values) -> Array:
    zeros = {name: values[name] for name in ("input1_zero_point", "input2_zero_point", "output_zero_point")}
    if values["rounding"] == "float":
        scales: dict[str, Any] = {n: float(values[n]) for n in ("input1_scale", "input2_scale", "output_scale")}
        return add_float_scale(values["input1"], values["input2"], **zeros, **scales)
    rest = ("left_shift", "rounding", "activation_min", "activation_max")
    scaled = [f"{name}_{what}" for name in ("input1", "input2", "output") for what in ("multiplier", "shift")]
    how = {name: values[name] for name in (*scaled, *rest)}
    return add(values["input1"], values["input2"], **zeros, **how)


def _softmax(values: Values) -> Array:
    return softmax(values["input"], input_scale=values["input_scale"])


_CHANNELS: Space = {"input_c": (1, 2, 3, 4, 5, 7, 8, 12, 16)}
OPERATORS = {
    operator.name: operator
    for operator in (
        Operator("conv2d", _SIZES | _CHANNELS | {"output_c": tuple(range(1, 11))} | _WINDOW | _DILATION, _draw_conv2d,
                 _conv2d, mistakes.WINDOWS),
        Operator("depthwise_conv2d", _SIZES | _CHANNELS | {"channel_multiplier": (1, 1, 2)} | _WINDOW | _DILATION,
                 _draw_depthwise, _depthwise, mistakes.WINDOWS),
        Operator("fully_connected", {"batches": (1, 1, 2, 3), "input_c": tuple(range(1, 65)),
                                     "output_c": tuple(range(1, 18))},
                 _draw_fully_connected, _fully_connected, mistakes.WITH_SUMS),
        Operator("average_pool2d", _SIZES | _CHANNELS | _WINDOW, _draw_pool, _average_pool),
        Operator("max_pool2d", _SIZES | _CHANNELS | _WINDOW, _draw_pool, _max_pool),
        Operator("add", {"size": tuple(range(1, 100))}, _draw_add, _add, mistakes.COMMON),
        Operator("softmax", {"rows": (1, 2, 3), "row_size": tuple(range(1, 40))}, _draw_softmax, _softmax),
    )
}  # fmt: skip
