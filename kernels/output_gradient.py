# SPDX-License-Identifier: Apache-2.0
"""Gradients through what follows a sum: requantisation, clamping, and the addition of two tensors.

`gradients.py` says what a gradient is here. What was clamped is kept from the forward pass as a mask of one bit for
each element, in row-major order, the lowest bit of a byte first: 1 where it was not (`pack_mask`).

Source: TinyEngine src/kernels/fp_requantize_op/convolve_1x1_s8_fpreq_mask.c, fp_backward_op/where_fp.c, mul_fp.c.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_scale
from mcusim.kernels.gradients import Float32Array, check_gradients

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.uint8]


def pack_mask(passed: npt.NDArray[np.bool_]) -> Mask:
    """Return the bits of a boolean array of any shape, uint8 (ceil(size / 8),); bits beyond the end are 0."""
    check_array("passed", passed, ("bool",))
    return np.packbits(passed.reshape(-1), bitorder="little")


def unpack_mask(mask: Mask, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Return the boolean array that `pack_mask` was given. Raises ValueError if `mask` is not as long as it says."""
    check_array("mask", mask, ("uint8",), 1)
    size = int(np.prod(shape, dtype=np.int64))
    if len(mask) != -(-size // 8):
        raise ValueError(f"mask: has {len(mask)} bytes, {size} elements need {-(-size // 8)}")
    return np.unpackbits(mask, count=size, bitorder="little").astype(np.bool_).reshape(shape)


def output_gradient(
    gradients: Float32Array, scales: Array | np.float32 | float, mask: Mask | None = None
) -> Float32Array:
    """Return the gradient of the sums for that of the outputs; float32 (..., c) -> the same shape.

        result = gradients * scales where not clamped, 0 where clamped

    `scales` is what the forward pass multiplied by, input_scale * weight_scale / output_scale: one float32 number, or a
    vector (c,). Without a mask nothing was clamped. Raises ValueError naming the operand.
    """
    check_gradients(gradients)
    factors = np.asarray(scales, np.float32) if not isinstance(scales, np.ndarray) else scales
    check_array("scales", factors, ("float32",))
    channels = gradients.shape[-1] if gradients.ndim else 1
    if factors.shape not in ((), (1,), (channels,)):
        raise ValueError(f"scales: shape is {factors.shape}, it must be () or ({channels},), one for each channel")
    result = np.asarray(gradients * factors, np.float32)
    if mask is None:
        return result
    return np.where(unpack_mask(mask, gradients.shape), result, np.float32(0))


def add_gradients(
    gradients: Float32Array,
    mask: Mask | None = None,
    *,
    input1_scale: float,
    input2_scale: float,
    output_scale: float,
) -> tuple[Float32Array, Float32Array]:
    """Return the gradients of both inputs of `add`, which have one shape; float32 of that shape.

        result_i = gradients * float32(input_i_scale / output_scale) where not clamped, 0 where clamped

    Raises ValueError naming the operand.
    """
    last = check_scale("output_scale", output_scale)
    first = output_gradient(gradients, float(np.float32(check_scale("input1_scale", input1_scale) / last)), mask)
    return first, output_gradient(gradients, float(np.float32(check_scale("input2_scale", input2_scale) / last)), mask)
