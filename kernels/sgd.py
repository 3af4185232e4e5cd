# SPDX-License-Identifier: Apache-2.0
"""Stochastic gradient descent on int8 weights and int32 biases, with quantisation-aware scaling.

A weight of scale s is worth s * w, so a gradient with respect to w is s times that with respect to its worth, and a
step that is right for the worth must be divided by s once more: gradients are multiplied by s^-2 before they are
subtracted. `weight_factors` and `bias_factors` give these numbers.

Source: TinyEngine code_generator/QAS_util.py, code_generator/operators/bias_update.py, include/nnfunctions_fp.h
(assign_sum_to_group_output_*), mit-han-lab; arXiv 2206.15472, section 2.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_scale
from mcusim.kernels.gradients import Float32Array

Array = npt.NDArray[Any]
Int8Array = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]
OVERFLOWS = ("saturate", "wrap")
_INT32_END = np.float32(2147483648.0)


def weight_factors(weight_scales: Array | float) -> Float32Array:
    """Return float32(1 / s^2) for each weight scale, computed in double precision; a vector."""
    scales = [check_scale("weight_scales", float(scale)) for scale in np.ravel(weight_scales)]
    return np.array([1 / (scale * scale) for scale in scales], np.float32)


def bias_factors(input_scale: float, weight_scales: Array | float) -> Float32Array:
    """Return float32(1 / s^2) for each bias scale s = input_scale * weight_scale, in double precision; a vector."""
    first = check_scale("input_scale", input_scale)
    scales = [first * check_scale("weight_scales", float(scale)) for scale in np.ravel(weight_scales)]
    return np.array([1 / (scale * scale) for scale in scales], np.float32)


def update_weights(
    weights: Int8Array,
    gradients: Float32Array,
    factors: Float32Array,
    learning_rate: float,
    *,
    channel_axis: int = 0,
    gradient_min: float = -np.inf,
    gradient_max: float = np.inf,
    overflow: str = "saturate",
) -> Int8Array:
    """Return weights after one step; int8 and float32 of one shape, float32 (channels,) or (1,) -> int8.

        result = int8(trunc(weights - clamp(gradients, gradient_min, gradient_max) * factors * learning_rate))

    in float32, operations from left to right. `factors` belong to `channel_axis` (0 for conv2d and fully_connected, 3
    for depthwise_conv2d). What leaves int8 stays at its end ("saturate"), or keeps its low 8 bits ("wrap"), which
    TinyEngine's conversion does on Arm. Raises ValueError naming the operand, also for gradients that are not finite.
    """
    check_array("weights", weights, ("int8",))
    check_array("gradients", gradients, ("float32",))
    if overflow not in OVERFLOWS:
        raise ValueError(f"overflow: '{overflow}' is not one of {', '.join(OVERFLOWS)}")
    if gradients.shape != weights.shape:
        raise ValueError(f"gradients: shape is {gradients.shape}, the weights' is {weights.shape}")
    row = _along(factors, weights.shape, channel_axis)
    rate = np.float32(check_scale("learning_rate", learning_rate))
    if not np.isfinite(gradients).all():
        raise ValueError("gradients: are not all finite")
    step = np.clip(gradients, np.float32(gradient_min), np.float32(gradient_max)) * row * rate
    moved = np.trunc(weights.astype(np.float32) - step)
    if overflow == "saturate":
        return np.clip(moved, -128, 127).astype(np.int8)
    return _to_int32(moved).astype(np.int8)


def update_bias(bias: Int32Array, gradients: Float32Array, factors: Float32Array, learning_rate: float) -> Int32Array:
    """Return a bias after one step; int32 and float32 (channels,), float32 (channels,) or (1,) -> int32.

        result = bias - int32(trunc(gradients * learning_rate * factors))

    in float32, operations from left to right; a step beyond 32 bits is cut to its end, as VCVT does, and the difference
    wraps. Raises ValueError naming the operand, also for gradients that are not finite.
    """
    check_array("bias", bias, ("int32",), 1)
    check_array("gradients", gradients, ("float32",), 1)
    if gradients.shape != bias.shape:
        raise ValueError(f"gradients: shape is {gradients.shape}, the bias's is {bias.shape}")
    row = _along(factors, bias.shape, 0)
    rate = np.float32(check_scale("learning_rate", learning_rate))
    if not np.isfinite(gradients).all():
        raise ValueError("gradients: are not all finite")
    return bias - _to_int32(np.trunc(gradients * rate * row))


def _along(factors: Float32Array, shape: tuple[int, ...], axis: int) -> Float32Array:
    """Return factors shaped so that they go along an axis of `shape`."""
    check_array("factors", factors, ("float32",), 1)
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"channel_axis: {axis} is no axis of {shape}")
    if factors.shape not in ((1,), (shape[axis],)):
        raise ValueError(
            f"factors: shape is {factors.shape}, it must be (1,) or ({shape[axis]},), one for each channel"
        )
    view = [1] * len(shape)
    view[axis] = len(factors)
    return factors.reshape(view)


def _to_int32(whole: Float32Array) -> Int32Array:
    """Convert whole numbers; those beyond int32 become its ends."""
    inside = np.clip(whole, -_INT32_END, np.nextafter(_INT32_END, np.float32(0))).astype(np.int32)
    # The largest int32 is no float32: what reaches 2^31 becomes it.
    return np.where(whole >= _INT32_END, np.int32(2147483647), inside)
