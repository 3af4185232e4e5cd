# SPDX-License-Identifier: Apache-2.0
"""Shape and multiply-accumulates of a layer, from the names and values of its arguments.

The names are those that CMSIS-NN, TinyEngine and hand-written kernels give to dimensions (docs/layers.md has the
tables). What is not there, or contradicts itself, is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mcusim.layers.kinds import MAC_KINDS
from mcusim.layers.values import Values

# Ends of paths, most exact first. `{t}` is a name of the tensor.
_HEIGHT = ("{t}_dims.h", "{t}.height", "{t}.h", "{t}_shape.height", "{t}_shape.h", "{t}_height", "{t}_h", "{t}_y")
_WIDTH = ("{t}_dims.w", "{t}.width", "{t}.w", "{t}_shape.width", "{t}_shape.w", "{t}_width", "{t}_w", "{t}_x")
_CHANNELS = (
    "{t}_dims.c", "{t}.channels", "{t}.c", "{t}_shape.channels", "{t}_shape.c", "{t}_channels", "{t}_ch", "{t}_c",
    "{t}_depth",
)  # fmt: skip
_INPUTS = ("input", "in", "dim_im_in")
_OUTPUTS = ("output", "out", "dim_im_out")
_KERNELS = ("filter", "kernel", "weights", "sample", "pool", "dim_kernel")
_BATCHES = ("input_dims.n", "input.batches", "input.n", "batches", "batch_size")
_KERNEL_NAMES = re.compile(r"kernel_?(\d+)x(\d+)|kernel_?(\d+)(?!x|\d)|(?<![\da-z])(\d+)x(\d+)(?![\dx])")
_STRIDE_NAMES = re.compile(r"stride_?(\d+)(?!x|\d)")
_POINTWISE = re.compile(r"pointwise")


@dataclass(frozen=True)
class Dimensions:
    """Height, width and channels of a tensor."""

    height: int
    width: int
    channels: int

    def __str__(self) -> str:
        return f"{self.height}x{self.width}x{self.channels}"


def facts(kind: str, function: str, values: Values) -> tuple[str, int | None]:
    """Return shape ('' unknown) and MACs (None unknown) of a layer of this kind; `function` is its kernel's name."""
    if kind == "fully_connected":
        return _fully_connected(values)
    if kind == "batch_matmul":
        return _matmul(values)
    if kind in ("softmax", "log_softmax"):
        return _rows(values), None
    before, after = _tensor(values, _INPUTS, "ch_im_in", "n_channel_in"), _tensor(values, _OUTPUTS, "ch_im_out")
    windowed = kind in MAC_KINDS or kind.endswith(("conv2d", "pool"))
    if not windowed:
        return _elementwise(values, before, after), None
    kernel = _kernel(function, values)
    text = " -> ".join(str(each) for each in (before, after) if each is not None)
    if before is None and after is not None:
        text = ""  # half a shape reads as a whole one
    if text and kernel:
        text += f", {kernel[0]}x{kernel[1]}{_stride(function, values)}"
    return text, _macs(kind, before, after, kernel, values)


def output_elements(kind: str, values: Values) -> int | None:
    """Return how many elements the output of a layer of this kind has, None where its arguments do not say it."""
    batches = _batches(values)
    if batches is None:
        return None
    if kind == "fully_connected":
        outputs = _sizes_of_fully_connected(values)[1]
        return batches * outputs if outputs else None
    after = _tensor(values, _OUTPUTS, "ch_im_out")
    if after is None or not (kind in MAC_KINDS or kind.endswith(("conv2d", "pool"))):
        return None
    return batches * after.height * after.width * after.channels


def _tensor(values: Values, names: tuple[str, ...], *channels: str) -> Dimensions | None:
    """Return the dimensions of the tensor by any of its names, where all three are known."""
    for name in names:
        found = [
            values.size(*(pattern.format(t=name) for pattern in patterns)) for patterns in (_HEIGHT, _WIDTH, _CHANNELS)
        ]
        if found[2] is None:
            found[2] = values.size(*channels)
        if all(found):
            return Dimensions(*(each or 0 for each in found))
    return None


def _pairs(values: Values, name: str) -> Iterator[tuple[int | None, int | None]]:
    yield (
        values.size(*(pattern.format(t=name) for pattern in _HEIGHT)),
        values.size(*(pattern.format(t=name) for pattern in _WIDTH)),
    )


def _kernel(function: str, values: Values) -> tuple[int, int] | None:
    """Return the kernel's height and width: by the arguments, else by the function's name."""
    for name in _KERNELS:
        for height, width in _pairs(values, name):
            if height and width:
                return height, width
    square = values.size("dim_kernel", "kernel_size", "filter_size")
    if square:
        return square, square
    match = _KERNEL_NAMES.search(function)
    if match:
        sides = [int(group) for group in match.groups() if group]
        return sides[0], sides[-1]
    return (1, 1) if _POINTWISE.search(function) else None


def _stride(function: str, values: Values) -> str:
    """Return the stride in words: ` s2`, ` s2x1`, '' where it is unknown."""
    for height, width in _pairs(values, "stride"):
        if height and width:
            return f" s{height}" if height == width else f" s{height}x{width}"
    both = values.size("stride", "strides")
    match = _STRIDE_NAMES.search(function)
    if both is None and match:
        both = int(match.group(1))
    return f" s{both}" if both else ""


def _batches(values: Values) -> int | None:
    """Return the number of images; 1 where the arguments have no such number, None where it makes no sense."""
    return values.size(*_BATCHES) if values.has(*_BATCHES) else 1


def _macs(
    kind: str, before: Dimensions | None, after: Dimensions | None, kernel: tuple[int, int] | None, values: Values
) -> int | None:
    batches = _batches(values)
    if kind not in MAC_KINDS or before is None or after is None or kernel is None or batches is None:
        return None
    window = kernel[0] * kernel[1]
    outputs = after.height * after.width * after.channels
    if kind == "depthwise_conv2d":
        return batches * outputs * window
    if kind == "transpose_conv2d":
        return batches * before.height * before.width * before.channels * after.channels * window
    if kind == "group_conv2d":
        groups = values.size("groups", "group")
        return batches * outputs * window * before.channels // groups if groups else None
    if kind not in ("conv2d", "conv1d"):
        return None
    depth = values.size("filter_dims.c")  # CMSIS-NN: input channels of one group
    if depth is None or before.channels % depth:
        depth = before.channels
    return batches * outputs * window * depth


def _sizes_of_fully_connected(values: Values) -> tuple[int | None, int | None]:
    """Return inputs and outputs. CMSIS-NN: filter_dims.n and output_dims.c."""
    inputs = values.size("filter_dims.n", "inputs", "in_features", "num_inputs", "input_size", "in_size", "dim_vec")
    outputs = values.size(
        "output_dims.c", "outputs", "out_features", "num_outputs", "output_size", "out_size", "num_of_rows", "units"
    )
    if inputs is None and values.size("input_x", "input_h") == values.size("input_y", "input_w") == 1:
        inputs, outputs = values.size("input_ch", "input_c"), values.size("output_ch", "output_c")  # TinyEngine
    return inputs, outputs


def _fully_connected(values: Values) -> tuple[str, int | None]:
    """Return shape and MACs; CMSIS-NN: input_dims.n rows."""
    inputs, outputs = _sizes_of_fully_connected(values)
    rows = _batches(values)
    if inputs is None or outputs is None or rows is None:
        return "", None
    text = f"{inputs} -> {outputs}"
    return (f"{rows}x{text}" if rows > 1 else text), rows * inputs * outputs


def _matmul(values: Values) -> tuple[str, int | None]:
    """Return the shape of a product of matrices: by TinyEngine's and the usual names."""
    rows, inner = values.size("mat_a_row", "m"), values.size("mat_a_col", "k")
    columns = values.size("mat_b_col", "n")
    if rows is None or inner is None or columns is None:
        return "", None
    return f"{rows}x{inner} * {inner}x{columns}", rows * inner * columns


def _rows(values: Values) -> str:
    """Return the shape of a softmax: rows of so many values."""
    rows = values.size("num_rows", "rows")
    size = values.size("row_size", "size", "length", "dim_vec", "classes", "num_classes", "n")
    if size is None:
        return ""
    return f"{rows}x{size}" if rows is not None and rows > 1 else str(size)


def _elementwise(values: Values, before: Dimensions | None, after: Dimensions | None) -> str:
    if before is not None:
        return f"{before} -> {after}" if after is not None and after != before else str(before)
    named = [values.size(f"input_{side}") for side in "hwc"]
    if all(named):
        return str(Dimensions(*(each or 0 for each in named)))
    size = values.size("block_size", "size", "length", "elements", "num_elements")
    return str(size) if size is not None else ""
