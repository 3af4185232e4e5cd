# SPDX-License-Identifier: Apache-2.0
"""Images in another size, of the nearest elements: `resize_nearest_neighbor`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.shapes import check_image

Array = npt.NDArray[Any]
Int64Array = npt.NDArray[np.int64]


def resize_nearest_neighbor(
    inputs: Array, size: Sequence[int], *, align_corners: bool = False, half_pixel_centers: bool = False
) -> Array:
    """Return the nearest elements; int8 or int16 (n, h, w, c), size (oh, ow) -> (n, oh, ow, c) of the same dtype.

        source = floor((y + centre) * h / oh), or round(... (h - 1) / (oh - 1)) with align_corners, in single precision

    cut to the image; the centre is 1/2 with half_pixel_centers, else 0. Raises ValueError naming the operand.
    Source: TensorFlow Lite kernels/internal/reference/resize_nearest_neighbor.h.
    """
    height, width = check_image(inputs, size)
    rows = _nearest(inputs.shape[1], height, align_corners, half_pixel_centers)
    columns = _nearest(inputs.shape[2], width, align_corners, half_pixel_centers)
    return np.ascontiguousarray(inputs[:, rows[:, None], columns[None, :]])


def _nearest(length: int, wanted: int, align_corners: bool, half_pixel_centers: bool) -> Int64Array:
    """Return which element each of `wanted` positions takes."""
    f = np.float32
    corners = align_corners and wanted > 1
    scale = f(length - 1) / f(wanted - 1) if corners else f(length) / f(wanted)
    places = (np.arange(wanted, dtype=f) + f(0.5 if half_pixel_centers else 0)) * scale
    # TensorFlow Lite rounds wherever corners are to be aligned, also for one element.
    whole = np.floor(places.astype(np.float64) + 0.5) if align_corners else np.floor(places)
    return np.clip(whole.astype(np.int64), 0, length - 1)
