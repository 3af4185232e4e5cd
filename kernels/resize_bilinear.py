# SPDX-License-Identifier: Apache-2.0
"""Images in another size, interpolated: `resize_bilinear`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.shapes import check_image

Array = npt.NDArray[Any]
Int64Array = npt.NDArray[np.int64]


def resize_bilinear(
    inputs: Array, size: Sequence[int], *, align_corners: bool = False, half_pixel_centers: bool = False
) -> Array:
    """Interpolate between four elements; int8 or int16 (n, h, w, c), size (oh, ow) -> (n, oh, ow, c), the same dtype.

    Positions are integers in units of 2^-10, with the scale (h << 10 + oh / 2) // oh, or of h - 1 and oh - 1 with
    align_corners; the weighted sum, in units of 2^-20, is rounded with halves away from zero. Raises ValueError naming
    the operand. Source: TensorFlow Lite kernels/internal/reference/resize_bilinear.h (ResizeBilinearInteger).
    """
    if align_corners and half_pixel_centers:
        raise ValueError("half_pixel_centers: not with align_corners (TensorFlow Lite refuses both)")
    height, width = check_image(inputs, size)
    top, bottom, down = _between(inputs.shape[1], height, align_corners, half_pixel_centers)
    left, right, across = _between(inputs.shape[2], width, align_corners, half_pixel_centers)
    image = inputs.astype(np.int64)
    vertical, horizontal = down[:, None, None], across[None, :, None]
    total = np.zeros((inputs.shape[0], height, width, inputs.shape[3]), np.int64)
    for rows, weight in ((top, 1024 - vertical), (bottom, vertical)):
        for columns, other in ((left, 1024 - horizontal), (right, horizontal)):
            total += image[:, rows[:, None], columns[None, :]] * (weight * other)
    sizes = (np.abs(total) + (1 << 19)) >> 20
    return np.where(total > 0, sizes, -sizes).astype(inputs.dtype)


def _between(
    length: int, wanted: int, align_corners: bool, half_pixel_centers: bool
) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Return (element before, element after, position behind the first in 2^-10) of each of `wanted` positions."""
    corners = align_corners and wanted > 1
    span, steps = (length - 1, wanted - 1) if corners else (length, wanted)
    scale = ((span << 10) + steps // 2) // steps
    places = np.arange(wanted, dtype=np.int64) * scale
    if half_pixel_centers:
        places += scale // 2 - (1 << 9)
    # C divides towards zero, which for the negative ones at the edge gives 0.
    before = np.maximum(places >> 10, 0)
    after = np.minimum(np.where(places + 1023 < 0, 0, (places + 1023) >> 10), length - 1)
    return before, after, places - (before << 10)
