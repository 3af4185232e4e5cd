# SPDX-License-Identifier: Apache-2.0
"""Windows that slide over an image: convolutions, their transposed form, pools."""

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
)
from mcusim.checking.space import Space
from mcusim.kernels.average_pool2d import average_pool2d
from mcusim.kernels.conv2d import conv2d
from mcusim.kernels.depthwise_conv2d import depthwise_conv2d
from mcusim.kernels.max_pool2d import max_pool2d
from mcusim.kernels.shapes import output_size, same_padding
from mcusim.kernels.transpose_conv import transpose_conv

_SIZES: Space = {"batches": (1, 2), "input_h": tuple(range(1, 11)), "input_w": tuple(range(1, 11))}
_SMALL: Space = {"batches": (1, 2), "input_h": tuple(range(1, 7)), "input_w": tuple(range(1, 7))}
_WINDOW: Space = {"kernel_h": (1, 2, 3), "kernel_w": (1, 2, 3), "stride_h": (1, 2), "stride_w": (1, 2)}
_DILATION: Space = {"dilation_h": (1, 1, 1, 2), "dilation_w": (1, 1, 1, 2)}


def window(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
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
    values = window(sizes, rng, style)
    products = values["kernel_h"] * values["kernel_w"] * values["input_c"]
    shape = (values["output_c"], values["kernel_h"], values["kernel_w"], values["input_c"])
    values["weights"] = small_or_large(rng, shape)
    return _finish(values, rng, style, products)


def _add_images(values: Values, rng: np.random.Generator, style: Style) -> None:
    shapes = {
        part: tuple(values[name] for name in ("batches", f"{part}_h", f"{part}_w", f"{part}_c"))
        for part in ("input", "output")
    }
    values["input"] = tensor(rng, shapes["input"], dtype=style.dtype)
    values["output"] = np.zeros(shapes["output"], style.dtype)


def _finish(values: Values, rng: np.random.Generator, style: Style, products: int) -> Values:
    """Add what convolutions have in common: quantisation, input, bias, output, products."""
    reach = reach_of(values["weights"], values["output_c"])
    values |= quantised(rng, values["output_c"], reach, style, per_channel=True)
    _add_images(values, rng, style)
    values["bias"] = bias(rng, values["output_c"], reach, style)
    return values | {"macs": values["output"].size * products}


def _draw_depthwise(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    values = window(sizes, rng, style)
    values["output_c"] = values["input_c"] * values["channel_multiplier"]
    products = values["kernel_h"] * values["kernel_w"]
    values["weights"] = small_or_large(rng, (1, values["kernel_h"], values["kernel_w"], values["output_c"]))
    return _finish(values, rng, style, products)


def _draw_transpose_conv(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    """Draw what TensorFlow Lite's SAME or VALID makes: the output is stride times the input, or all that is reached."""
    values: Values = dict(sizes)
    kernel, strides = (values["kernel_h"], values["kernel_w"]), (values["stride_h"], values["stride_w"])
    size = (values["input_h"], values["input_w"])
    output, offset = [step * side for step, side in zip(strides, size, strict=True)], (0, 0)
    if rng.integers(2) and style.padding != "none":
        (top, _), (left, _) = same_padding((output[0], output[1]), kernel, strides)
        offset = (top, left)
    else:
        output = [each + max(side - step, 0) for each, side, step in zip(output, kernel, strides, strict=True)]
    values |= {
        "kernel": kernel, "strides": strides, "offset": offset, "pad_top": offset[0], "pad_left": offset[1],
        "output_h": output[0], "output_w": output[1],
    }  # fmt: skip
    values["weights"] = small_or_large(rng, (values["output_c"], *kernel, values["input_c"]))
    made = _finish(values, rng, style, 1)
    return made | {"macs": values["input"].size * kernel[0] * kernel[1] * values["output_c"]}


def _draw_pool(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    values = window(sizes, rng, style)
    values["activation_min"], values["activation_max"] = activation(rng, style)
    values["output_c"] = values["input_c"]
    _add_images(values, rng, style)
    return values | {"macs": values["output"].size * values["kernel_h"] * values["kernel_w"]}


def _conv2d(values: Values) -> Array:
    return conv2d(values["input"], values["weights"], values["bias"], **_sliding(values))


def _transpose_conv(values: Values) -> Array:
    how = {name: values[name] for name in ("strides", "offset", "input_zero_point")} | stage_of(values)
    size = (values["output_h"], values["output_w"])
    return transpose_conv(values["input"], values["weights"], values["bias"], output_size=size, **how)


def _depthwise(values: Values) -> Array:
    return depthwise_conv2d(values["input"], values["weights"], values["bias"], **_sliding(values))


def _sliding(values: Values) -> dict[str, Any]:
    names = ("strides", "dilations", "padding", "input_zero_point", "passed")
    return {name: values[name] for name in names if name in values} | stage_of(values)


def _average_pool(values: Values) -> Array:
    return average_pool2d(values["input"], values["kernel"], **_pooling(values))


def _max_pool(values: Values) -> Array:
    return max_pool2d(values["input"], values["kernel"], **_pooling(values))


def _pooling(values: Values) -> dict[str, Any]:
    return {name: values[name] for name in ("strides", "padding", "activation_min", "activation_max")}


_CHANNELS: Space = {"input_c": (1, 2, 3, 4, 5, 7, 8, 12, 16)}
OPERATORS = (
    Operator("conv2d", _SIZES | _CHANNELS | {"output_c": tuple(range(1, 11))} | _WINDOW | _DILATION, _draw_conv2d,
             _conv2d, mistakes.WINDOWS),
    Operator("depthwise_conv2d", _SIZES | _CHANNELS | {"channel_multiplier": (1, 1, 2)} | _WINDOW | _DILATION,
             _draw_depthwise, _depthwise, mistakes.WINDOWS),
    Operator("transpose_conv", _SMALL | _CHANNELS | {"output_c": tuple(range(1, 11))} | _WINDOW, _draw_transpose_conv,
             _transpose_conv, mistakes.WITH_SUMS),
    Operator("average_pool2d", _SIZES | _CHANNELS | _WINDOW, _draw_pool, _average_pool, mistakes.CLAMPED),
    Operator("max_pool2d", _SIZES | _CHANNELS | _WINDOW, _draw_pool, _max_pool, mistakes.CLAMPED),
)  # fmt: skip
