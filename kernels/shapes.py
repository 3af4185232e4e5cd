# SPDX-License-Identifier: Apache-2.0
"""Windows that slide over an image: padding, output sizes, and the padded image itself.

Padding is ((top, bottom), (left, right)), in elements, explicit. `same_padding` and `VALID` give what TensorFlow Lite's
names mean. Source: TensorFlow Lite kernels/padding.h (ComputeOutSize, ComputePaddingWithOffset).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_integer

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]
Array = npt.NDArray[Any]

VALID: Padding = ((0, 0), (0, 0))
NO_STEP: Pair = (1, 1)
LARGEST = 1 << 20


def same_padding(input_size: Pair, kernel_size: Pair, strides: Pair = NO_STEP, dilations: Pair = NO_STEP) -> Padding:
    """Return TensorFlow Lite's SAME padding for sizes (height, width): the output has ceil(input / stride) elements.

    An odd number of padding elements puts the extra one at the end (bottom, right). Raises ValueError naming what is
    no pair of integers, or not positive (an image may be empty).
    """
    pairs = (
        check_pair("input_size", input_size, least=0), check_pair("kernel_size", kernel_size),
        check_pair("strides", strides), check_pair("dilations", dilations),
    )  # fmt: skip
    sides = []
    for size, kernel, stride, dilation in zip(*pairs, strict=True):
        reach = (kernel - 1) * dilation + 1
        total = max(((size + stride - 1) // stride - 1) * stride + reach - size, 0)
        sides.append((total // 2, total - total // 2))
    return sides[0], sides[1]


def output_size(input_size: Pair, kernel_size: Pair, strides: Pair, dilations: Pair, padding: Padding) -> Pair:
    """Return (height, width) of what a window gives; 0 where it does not fit into the padded image."""
    sizes = []
    for size, kernel, stride, dilation, sides in zip(input_size, kernel_size, strides, dilations, padding, strict=True):
        room = size + sum(sides) - ((kernel - 1) * dilation + 1)
        sizes.append(room // stride + 1 if room >= 0 else 0)
    return sizes[0], sizes[1]


def check_reach(operand: str, image_size: Pair, kernel_size: Pair, dilations: Pair, padding: Padding) -> None:
    """Check that a window fits into the padded image; ValueError names the operand. An empty image has no outputs."""
    for axis, size, kernel, dilation, sides in zip(
        ("height", "width"), image_size, kernel_size, dilations, padding, strict=True
    ):
        reach = (kernel - 1) * dilation + 1
        if size and reach > size + sum(sides):
            raise ValueError(
                f"{operand}: the window's {axis} is {reach}, that of the padded image {size + sum(sides)}: "
                "it fits nowhere"
            )


def check_pair(name: str, pair: Sequence[int], *, least: int = 1) -> Pair:
    """Return (vertical, horizontal) as ints, having checked that there are two, each at least `least`."""
    if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) != 2:
        raise ValueError(f"{name}: is {pair!r}, it must be two integers, (vertical, horizontal)")
    return check_integer(name, pair[0], least, LARGEST), check_integer(name, pair[1], least, LARGEST)


def check_padding(padding: Sequence[Sequence[int]]) -> Padding:
    """Return ((top, bottom), (left, right)) as ints, having checked the shape and that none is negative."""
    message = f"padding: is {padding!r}, it must be ((top, bottom), (left, right))"
    if isinstance(padding, (str, int)) or len(padding) != 2:
        raise ValueError(message)
    sides = []
    for side in padding:
        if isinstance(side, (str, int)) or len(side) != 2:
            raise ValueError(message)
        sides.append((check_integer("padding", side[0], 0, LARGEST), check_integer("padding", side[1], 0, LARGEST)))
    return sides[0], sides[1]


def pad_image(image: Array, padding: Padding, value: int) -> Array:
    """Return an NHWC image with `value` around it; the image itself where there is no padding."""
    (top, bottom), (left, right) = padding
    if not (top or bottom or left or right):
        return image
    batches, height, width, channels = image.shape
    padded = np.full((batches, top + height + bottom, left + width + right, channels), value, image.dtype)
    padded[:, top : top + height, left : left + width] = image
    return padded


def tap(image: Array, position: Pair, size: Pair, strides: Pair, dilations: Pair) -> Array:
    """Return the view of a padded NHWC image that one element of the window sees, for all `size` outputs."""
    row, column = position[0] * dilations[0], position[1] * dilations[1]
    rows = slice(row, row + (size[0] - 1) * strides[0] + 1, strides[0])
    columns = slice(column, column + (size[1] - 1) * strides[1] + 1, strides[1])
    return image[:, rows, columns]


def check_image(inputs: Array, size: Sequence[int]) -> tuple[int, int]:
    """Return (height, width) of the output, having checked it and an NHWC image that has elements."""
    check_array("inputs", inputs, ("int8", "int16"), 4)
    if not inputs.shape[1] or not inputs.shape[2]:
        raise ValueError(f"inputs: shape is {inputs.shape}, the image has no elements")
    return check_pair("size", size)
