# SPDX-License-Identifier: Apache-2.0
"""Largest element of a sliding window: `max_pool2d`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_activation, check_array
from mcusim.kernels.shapes import NO_STEP, VALID, check_padding, check_pair, output_size, pad_image, tap

Array = npt.NDArray[Any]


def max_pool2d(
    inputs: Array,
    kernel_size: Sequence[int],
    *,
    strides: Sequence[int] = NO_STEP,
    padding: Sequence[Sequence[int]] = VALID,
    activation_min: int | None = None,
    activation_max: int | None = None,
) -> Array:
    """Take the largest; int8 or int16 (n, h, w, c), kernel_size (kh, kw) -> (n, oh, ow, c) of the same dtype.

        outputs = clamp(max over the window's elements that lie in the image)

    A window that sees padding only gives the least value of the dtype, clamped. Input and output have the same scale
    and zero point. Raises ValueError naming the operand.

    Source: TensorFlow Lite kernels/internal/reference/integer_ops/pooling.h (MaxPool).
    """
    check_array("inputs", inputs, ("int8", "int16"), 4)
    kernel, steps, sides = (
        check_pair("kernel_size", kernel_size),
        check_pair("strides", strides),
        check_padding(padding),
    )
    limits = check_activation(activation_min, activation_max, inputs.dtype)
    size = output_size((inputs.shape[1], inputs.shape[2]), kernel, steps, NO_STEP, sides)
    least = int(np.iinfo(inputs.dtype).min)
    image = pad_image(inputs, sides, least)
    largest = np.full((inputs.shape[0], *size, inputs.shape[3]), least, inputs.dtype)
    if largest.size:
        for number in range(kernel[0] * kernel[1]):
            np.maximum(largest, tap(image, divmod(number, kernel[1]), size, steps, NO_STEP), out=largest)
    return np.clip(largest, *limits).astype(inputs.dtype)
