# SPDX-License-Identifier: Apache-2.0
"""Plain twins of the training kernels: one element after the other, in single precision, as the docstrings say.

`np.float32` scalars round each operation. Arrays are nested by index; padding is ((top, bottom), (left, right)).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
F = np.float32
Pair = tuple[int, int]


def windows(
    gradients: Array, image: Sequence[int], kernel: Pair, strides: Pair, dilations: Pair, padding: Any
) -> Iterator[tuple[int, int, int, int, int, int, int]]:
    """Yield (n, oy, ox, ky, kx, y, x) in row-major order for every element of the image that a window sees."""
    for n in range(gradients.shape[0]):
        for oy in range(gradients.shape[1]):
            for ox in range(gradients.shape[2]):
                for ky in range(kernel[0]):
                    for kx in range(kernel[1]):
                        y = oy * strides[0] + ky * dilations[0] - padding[0][0]
                        x = ox * strides[1] + kx * dilations[1] - padding[1][0]
                        if 0 <= y < image[1] and 0 <= x < image[2]:
                            yield n, oy, ox, ky, kx, y, x


def conv2d_input_gradient(
    gradients: Array, weights: Array, shape: Sequence[int], strides: Pair, dilations: Pair, padding: Any
) -> Array:
    """Collect the terms of each element, sort them by (ky, kx, o), add them up."""
    outputs, kernel, depth = weights.shape[0], weights.shape[1:3], weights.shape[3]
    each = outputs // (shape[3] // depth)
    terms: dict[tuple[int, ...], list[tuple[tuple[int, int, int], Any]]] = {}
    for n, oy, ox, ky, kx, y, x in windows(gradients, shape, kernel, strides, dilations, padding):
        for o in range(outputs):
            for i in range(depth):
                product = gradients[n, oy, ox, o] * F(weights[o, ky, kx, i])
                terms.setdefault((n, y, x, o // each * depth + i), []).append(((ky, kx, o), product))
    return added(terms, shape)


def conv2d_weight_gradient(
    inputs: Array, zero_point: int, gradients: Array, shape: Sequence[int], strides: Pair, dilations: Pair, padding: Any
) -> Array:
    """As above, by (n, oy, ox); `shape` is that of the weights."""
    outputs, kernel, depth = shape[0], (shape[1], shape[2]), shape[3]
    each = outputs // (inputs.shape[3] // depth)
    terms: dict[tuple[int, ...], list[tuple[tuple[int, int, int], Any]]] = {}
    for n, oy, ox, ky, kx, y, x in windows(gradients, inputs.shape, kernel, strides, dilations, padding):
        for o in range(outputs):
            for i in range(depth):
                value = F(int(inputs[n, y, x, o // each * depth + i]) - zero_point)
                terms.setdefault((o, ky, kx, i), []).append(((n, oy, ox), gradients[n, oy, ox, o] * value))
    return added(terms, shape)


def depthwise_input_gradient(
    gradients: Array, weights: Array, shape: Sequence[int], strides: Pair, dilations: Pair, padding: Any
) -> Array:
    """By (ky, kx, copy)."""
    multiplier = weights.shape[3] // shape[3]
    terms: dict[tuple[int, ...], list[tuple[tuple[int, int, int], Any]]] = {}
    for n, oy, ox, ky, kx, y, x in windows(gradients, shape, weights.shape[1:3], strides, dilations, padding):
        for o in range(weights.shape[3]):
            product = gradients[n, oy, ox, o] * F(weights[0, ky, kx, o])
            terms.setdefault((n, y, x, o // multiplier), []).append(((ky, kx, o % multiplier), product))
    return added(terms, shape)


def depthwise_weight_gradient(
    inputs: Array, zero_point: int, gradients: Array, kernel: Pair, strides: Pair, dilations: Pair, padding: Any
) -> Array:
    """By (n, oy, ox)."""
    outputs = gradients.shape[3]
    terms: dict[tuple[int, ...], list[tuple[tuple[int, int, int], Any]]] = {}
    for n, oy, ox, ky, kx, y, x in windows(gradients, inputs.shape, kernel, strides, dilations, padding):
        for o in range(outputs):
            value = F(int(inputs[n, y, x, o // (outputs // inputs.shape[3])]) - zero_point)
            terms.setdefault((0, ky, kx, o), []).append(((n, oy, ox), gradients[n, oy, ox, o] * value))
    return added(terms, (1, *kernel, outputs))


def average_pool_gradient(gradients: Array, shape: Sequence[int], kernel: Pair, strides: Pair, padding: Any) -> Array:
    """By (oy, ox); what a window sees is counted first."""
    seen = list(windows(gradients, shape, kernel, strides, (1, 1), padding))
    counts: dict[tuple[int, int, int], int] = {}
    for n, oy, ox, *_ in seen:
        counts[n, oy, ox] = counts.get((n, oy, ox), 0) + 1
    terms: dict[tuple[int, ...], list[tuple[tuple[int, int, int], Any]]] = {}
    for n, oy, ox, _ky, _kx, y, x in seen:
        for c in range(shape[3]):
            term = gradients[n, oy, ox, c] / F(counts[n, oy, ox])
            terms.setdefault((n, y, x, c), []).append(((n, oy, ox), term))
    return added(terms, shape)


def max_pool_gradient(inputs: Array, gradients: Array, kernel: Pair, strides: Pair, padding: Any) -> Array:
    """By (oy, ox); the first of the largest."""
    best: dict[tuple[int, ...], tuple[int, int, int]] = {}
    for n, oy, ox, _ky, _kx, y, x in windows(gradients, inputs.shape, kernel, strides, (1, 1), padding):
        for c in range(inputs.shape[3]):
            value = int(inputs[n, y, x, c])
            if (n, oy, ox, c) not in best or value > best[n, oy, ox, c][0]:
                best[n, oy, ox, c] = (value, y, x)
    terms: dict[tuple[int, ...], list[tuple[tuple[int, int, int], Any]]] = {}
    for (n, oy, ox, c), (_value, y, x) in best.items():
        terms.setdefault((n, y, x, c), []).append(((n, oy, ox), gradients[n, oy, ox, c]))
    return added(terms, inputs.shape)


def added(terms: dict[tuple[int, ...], list[tuple[tuple[int, int, int], Any]]], shape: Sequence[int]) -> Array:
    """Add each element's terms in the order of their keys, from zero, in single precision."""
    result = np.zeros(tuple(shape), F)
    for place, found in terms.items():
        total = F(0)
        for _key, term in sorted(found, key=lambda pair: pair[0]):
            total = F(total + term)
        result[place] = total
    return result


def update_weight(weight: int, gradient: float, factor: float, rate: float, low: float, high: float, wrap: bool) -> int:
    """One step of one weight."""
    clamped = min(max(F(gradient), F(low)), F(high))
    moved = math.trunc(float(F(F(weight) - F(F(clamped * F(factor)) * F(rate)))))
    if wrap:
        moved = min(max(moved, -(2**31)), 2**31 - 1) % 256
        return moved - 256 if moved >= 128 else moved
    return min(max(moved, -128), 127)


def update_bias(bias: int, gradient: float, factor: float, rate: float) -> int:
    """One step of one bias."""
    step = math.trunc(float(F(F(F(gradient) * F(rate)) * F(factor))))
    moved = (bias - min(max(step, -(2**31)), 2**31 - 1)) % 2**32
    return moved - 2**32 if moved >= 2**31 else moved
