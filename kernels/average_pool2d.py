# SPDX-License-Identifier: Apache-2.0
"""Average over a sliding window: `average_pool2d`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_activation, check_array
from mcusim.kernels.shapes import NO_STEP, VALID, check_padding, check_pair, output_size, pad_image, tap

Array = npt.NDArray[Any]


def average_pool2d(
    inputs: Array,
    kernel_size: Sequence[int],
    *,
    strides: Sequence[int] = NO_STEP,
    padding: Sequence[Sequence[int]] = VALID,
    activation_min: int | None = None,
    activation_max: int | None = None,
) -> Array:
    """Average; int8 or int16 (n, h, w, c), kernel_size (kh, kw) -> (n, oh, ow, c) of the same dtype.

        outputs = clamp(round(sum / count)), halves away from zero

    over the elements of the window that lie in the image: padding counts for nothing. Input and output have the same
    scale and zero point. Raises ValueError naming the operand, also for a window that sees padding only.

    Source: TensorFlow Lite kernels/internal/reference/integer_ops/pooling.h (AveragePool). TinyEngine's gives the same.
    """
    check_array("inputs", inputs, ("int8", "int16"), 4)
    kernel, steps, sides = (
        check_pair("kernel_size", kernel_size),
        check_pair("strides", strides),
        check_padding(padding),
    )
    limits = check_activation(activation_min, activation_max, inputs.dtype)
    size = output_size((inputs.shape[1], inputs.shape[2]), kernel, steps, NO_STEP, sides)
    image = pad_image(inputs, sides, 0)
    inside = pad_image(np.ones((1, *inputs.shape[1:3], 1), np.int32), sides, 0)
    sums = np.zeros((inputs.shape[0], *size, inputs.shape[3]), np.int32)
    counts = np.zeros((1, *size, 1), np.int32)
    if sums.size:
        for number in range(kernel[0] * kernel[1]):
            position = divmod(number, kernel[1])
            sums += tap(image, position, size, steps, NO_STEP)
            counts += tap(inside, position, size, steps, NO_STEP)
        if not counts.all():
            raise ValueError(f"padding: {sides} leaves windows of {kernel} that see nothing of the image")
    # C divides towards zero.
    sizes = (np.abs(sums) + counts // 2) // np.maximum(counts, 1)
    return np.clip(np.where(sums > 0, sizes, -sizes), *limits).astype(inputs.dtype)
