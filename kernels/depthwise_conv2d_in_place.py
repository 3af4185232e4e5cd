# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution whose output takes the place of its input: `depthwise_conv2d_in_place`.

A channel's outputs depend on that channel's inputs alone. So one channel is copied out, with its padding, and its
outputs are written over it; the memory needed beside the tensor is one channel instead of a second tensor.

Source: MCUNet, arXiv 2007.10319, section 3.2; TinyEngine's depthwise_kernel*_inplace_CHW.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array
from mcusim.kernels.depthwise_conv2d import depthwise_conv2d
from mcusim.kernels.shapes import NO_STEP, VALID, Padding, check_padding, check_pair, output_size

Array = npt.NDArray[Any]


def scratch_bytes(image_size: tuple[int, int], padding: Padding, element_bytes: int = 1) -> int:
    """Return what is needed beside the tensor: one channel of an image (height, width) with its padding."""
    (top, bottom), (left, right) = padding
    return (image_size[0] + top + bottom) * (image_size[1] + left + right) * element_bytes


def depthwise_conv2d_in_place(
    tensor: Array,
    weights: Array,
    bias: Array | None = None,
    *,
    strides: Sequence[int] = NO_STEP,
    dilations: Sequence[int] = NO_STEP,
    padding: Sequence[Sequence[int]] = VALID,
    **options: Any,
) -> Array:
    """Convolve each channel in place; `tensor` int8 or int16 (1, h, w, c) -> (1, oh, ow, c), in the same memory.

    The arguments are those of `depthwise_conv2d`, and so are the results. The tensor must be contiguous and writable,
    hold one image, and have at least as many elements as the output; weights (1, kh, kw, c) have depth multiplier 1.
    The output, which is returned as a view, begins where the tensor does: element (y, x, channel) is written over
    element number y * ow + x of that channel. What is left behind it is undefined.

    Raises ValueError naming the operand; the tensor is unchanged then.
    """
    check_array("tensor", tensor, ("int8", "int16"), 4)
    check_array("weights", weights, ("int8",), 4)
    batches, height, width, channels = tensor.shape
    if batches != 1:
        raise ValueError(f"tensor: holds {batches} images, in place there must be one")
    if not (tensor.flags.c_contiguous and tensor.flags.writeable):
        raise ValueError("tensor: must be contiguous and writable")
    if weights.shape[3] != channels:
        raise ValueError(f"weights: have {weights.shape[3]} channels, in place they must have {channels}")
    steps, spread, sides = check_pair("strides", strides), check_pair("dilations", dilations), check_padding(padding)
    size = output_size((height, width), weights.shape[1:3], steps, spread, sides)
    window: dict[str, Any] = {"strides": steps, "dilations": spread, "padding": sides}
    count = size[0] * size[1]
    if count > height * width:
        raise ValueError(f"tensor: has {height * width} places in a channel, the output needs {count}")
    # Checks the rest before anything is written.
    depthwise_conv2d(tensor[:, :0], weights, bias, **window, **options)

    planes = tensor.reshape(height * width, channels)
    for channel in range(channels):
        one = slice(channel, channel + 1)
        plane = planes[:, one].reshape(1, height, width, 1).copy()
        own = {name: _of_channel(options[name], channel) for name in _PER_CHANNEL if options.get(name) is not None}
        outputs = depthwise_conv2d(
            plane,
            weights[:, :, :, one],
            None if bias is None else bias[one],
            **window,
            **options | own,
        )
        planes[:count, channel] = outputs.reshape(count)
    return tensor.reshape(-1)[: count * channels].reshape(1, *size, channels)


_PER_CHANNEL = ("multipliers", "shifts", "scales")


def _of_channel(parameters: Any, channel: int) -> Any:
    """Return the parameter of one channel from a number, or a vector of one or of all."""
    if not isinstance(parameters, np.ndarray) or parameters.size == 1:
        return parameters
    return parameters[channel : channel + 1]
