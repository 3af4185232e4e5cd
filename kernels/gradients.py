# SPDX-License-Identifier: Apache-2.0
"""What the backward passes share: checks, and how gradients are defined.

A gradient here is that of a loss with respect to a *quantised* value, as if rounding were not there (the straight-
through estimator): with y = clamp(round(sum * scale) + zero point), d loss / d sum = d loss / d y * scale where y was
not clamped, and 0 where it was (`output_gradient`). Weights stay int8, activations int8; gradients are float32.

All sums are float32, start at zero, and add one product after the other in the order that each docstring says,
products and sums rounded separately; so C gives the same bits (`-ffp-contract=off`). What lies outside of the image
adds nothing.

Source: TinyEngine, MCUNetV3 (mit-han-lab), "On-Device Training Under 256KB Memory", arXiv 2206.15472.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_integer, check_zero_point
from mcusim.kernels.compiled import compiled
from mcusim.kernels.shapes import Pair, check_padding, check_pair, output_size

Array = npt.NDArray[Any]
Float32Array = npt.NDArray[np.float32]
# How a window moves: strides, dilations, and how many elements of padding are above and to the left.
Moves = tuple[Pair, Pair, Pair]


def check_gradients(gradients: Array, rank: int | None = None) -> None:
    """Check that gradients are a float32 array, of that rank if given."""
    check_array("gradients", gradients, ("float32",), rank)


def check_channels(name: str, channels: Sequence[int] | None, count: int) -> slice:
    """Return the half-open range (start, stop) of channels as a slice; None means all of them."""
    if channels is None:
        return slice(0, count)
    if isinstance(channels, (str, int)) or len(channels) != 2:
        raise ValueError(f"{name}: is {channels!r}, it must be (start, stop)")
    start = check_integer(name, channels[0], 0, count)
    return slice(start, check_integer(name, channels[1], start, count))


def check_window(
    gradients: Array,
    image_shape: Sequence[int],
    kernel: Pair,
    strides: Sequence[int],
    dilations: Sequence[int],
    padding: Sequence[Sequence[int]],
) -> Moves:
    """Return how the window moves, having checked that gradients (n, oh, ow, c) are those of the image's outputs."""
    steps, spread, sides = check_pair("strides", strides), check_pair("dilations", dilations), check_padding(padding)
    size = output_size((image_shape[1], image_shape[2]), kernel, steps, spread, sides)
    if gradients.shape[:3] != (image_shape[0], *size):
        raise ValueError(
            f"gradients: shape is {gradients.shape}, outputs have {(image_shape[0], *size)} before channels"
        )
    return steps, spread, (sides[0][0], sides[1][0])


def check_image(inputs: Array, zero_point: int) -> int:
    """Check an int8 NHWC image and return its zero point."""
    check_array("inputs", inputs, ("int8",), 4)
    return check_zero_point("input_zero_point", zero_point, inputs.dtype)


@compiled
def _bias_gradient(gradients: Float32Array, results: Float32Array) -> None:
    for row in range(gradients.shape[0]):
        for channel in range(results.shape[0]):
            results[channel] += gradients[row, channel]


def bias_gradient(gradients: Float32Array, *, channels: Sequence[int] | None = None) -> Float32Array:
    """Add up for each channel; float32 (..., c) -> (c,), over the other axes in row-major order.

    For every operator that adds a bias to its sums. `channels` (start, stop) restricts it to some. Raises ValueError
    naming the operand.
    """
    check_gradients(gradients)
    if not gradients.ndim:
        raise ValueError("gradients: is a scalar, the last axis must be channels")
    part = check_channels("channels", channels, gradients.shape[-1])
    rows = np.ascontiguousarray(gradients[..., part]).reshape(-1, part.stop - part.start)
    results = np.zeros(rows.shape[1], np.float32)
    _bias_gradient(rows, results)
    return results
