# SPDX-License-Identifier: Apache-2.0
"""What moves elements and computes nothing: padding, concatenation, reshape, transpose, repeating pixels."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from mcusim.checking.case import Array, Operator, Style, Values, tensor
from mcusim.checking.space import Space
from mcusim.kernels.concatenation import concatenation
from mcusim.kernels.pad import pad
from mcusim.kernels.reshape import reshape
from mcusim.kernels.resize_nearest_neighbor import resize_nearest_neighbor
from mcusim.kernels.transpose import transpose

_AXES = ("batches", "input_h", "input_w", "input_c")
_IMAGE: Space = {"batches": (1, 2, 3), "input_h": tuple(range(1, 6)), "input_w": tuple(range(1, 6)),
                 "input_c": tuple(range(1, 10))}  # fmt: skip


def _image(sizes: dict[str, int]) -> tuple[int, ...]:
    return tuple(sizes[name] for name in _AXES)


def _with_output(values: Values, shape: tuple[int, ...], style: Style) -> Values:
    count = int(np.prod(shape))
    return values | {"output": np.zeros(shape, style.dtype), "size": count, "macs": count}


def _draw_pad(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    shape = _image(sizes)
    sides = tuple((sizes[f"before_{axis}"], sizes[f"after_{axis}"]) for axis in "nhwc")
    values: Values = {**sizes, "input": tensor(rng, shape, dtype=style.dtype), "paddings": sides}
    values["value"] = int(rng.integers(style.limits[0], style.limits[1] + 1))
    return _with_output(values, tuple(sum(pair) + side for pair, side in zip(sides, shape, strict=True)), style)


def _draw_concatenation(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    """Draw two images that are alike but for one axis, where the second has `more`."""
    axis, shape = sizes["axis"], _image(sizes)
    second = (*shape[:axis], sizes["more"], *shape[axis + 1 :])
    output = (*shape[:axis], shape[axis] + sizes["more"], *shape[axis + 1 :])
    values: Values = {**sizes, "input1": tensor(rng, shape, dtype=style.dtype)}
    values["input2"] = tensor(rng, second, dtype=style.dtype)
    values |= {f"input2_{name}": length for name, length in zip("nhwc", second, strict=True)}
    values |= {f"output_{name}": length for name, length in zip("nhwc", output, strict=True)}
    values["offset"] = int(np.prod(shape[axis:]))  # of the second's first element
    values["offset_axis"] = shape[axis]
    return _with_output(values, output, style)


def _draw_reshape(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    shape = _image(sizes)
    return _with_output(
        {**sizes, "input": tensor(rng, shape, dtype=style.dtype)}, (shape[0], int(np.prod(shape[1:]))), style
    )


def _draw_transpose(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    """Draw a tensor of `rank` axes and the permutation with that number, in their order."""
    rank = sizes["rank"]
    shape = tuple(sizes[f"input_{axis}"] for axis in range(rank))
    orders = list(permutations(range(rank)))
    order = orders[sizes["permutation"] % len(orders)]
    values: Values = {**sizes, "input": tensor(rng, shape, dtype=style.dtype), "order": order}
    values["permutations"] = np.array(order, np.uint32)
    output = tuple(shape[axis] for axis in order)
    for axis in range(4):
        values[f"input_{axis}"] = shape[axis] if axis < rank else 1
        values[f"output_{axis}"] = output[axis] if axis < rank else 1
    return _with_output(values, output, style)


def _draw_repeat(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    shape = _image(sizes)
    values: Values = {**sizes, "input": tensor(rng, shape, dtype=style.dtype)}
    factor = sizes["factor"]
    values["output_h"], values["output_w"] = shape[1] * factor, shape[2] * factor
    return _with_output(values, (shape[0], values["output_h"], values["output_w"], shape[3]), style)


def _repeat(values: Values) -> Array:
    return resize_nearest_neighbor(values["input"], (values["output_h"], values["output_w"]))


def _concatenation(values: Values) -> Array:
    return concatenation((values["input1"], values["input2"]), values["axis"])


_SIDES: Space = {f"{side}_{axis}": (0, 1, 2) for side in ("before", "after") for axis in "nhwc"}
OPERATORS = (
    Operator("pad", _IMAGE | _SIDES, _draw_pad,
             lambda values: pad(values["input"], values["paddings"], value=values["value"])),
    Operator("concatenation", _IMAGE | {"axis": (0, 1, 2, 3), "more": (1, 2, 3, 5, 8)}, _draw_concatenation,
             _concatenation),
    Operator("reshape", _IMAGE, _draw_reshape, lambda values: reshape(values["input"], values["output"].shape)),
    Operator("transpose", {f"input_{axis}": tuple(range(1, 8)) for axis in range(4)}
             | {"rank": (2, 3, 4), "permutation": tuple(range(24))}, _draw_transpose,
             lambda values: transpose(values["input"], values["order"])),
    Operator("resize_nearest_neighbor", _IMAGE | {"factor": (1, 2, 3)}, _draw_repeat, _repeat),
)  # fmt: skip
