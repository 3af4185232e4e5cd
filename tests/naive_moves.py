# SPDX-License-Identifier: Apache-2.0
"""Plain twins of the operators that move elements, one element at a time; they check nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import naive
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def fill(shape: Sequence[int], dtype: Any, value: Callable[[tuple[int, ...]], Any]) -> Array:
    """Return an array whose every element is value(place)."""
    outputs = np.zeros(shape, dtype)
    for place in np.ndindex(*shape):
        outputs[place] = value(place)
    return outputs


def pad(inputs: Array, paddings: Sequence[tuple[int, int]], value: int) -> Array:
    """A constant around the inputs."""

    def element(place: tuple[int, ...]) -> Any:
        inner = tuple(index - before for index, (before, _after) in zip(place, paddings, strict=True))
        inside = all(0 <= index < length for index, length in zip(inner, inputs.shape, strict=True))
        return inputs[inner] if inside else value

    shape = [length + sum(sides) for length, sides in zip(inputs.shape, paddings, strict=True)]
    return fill(shape, inputs.dtype, element)


def positions(length: int, begin: int, end: int, stride: int, masks: tuple[bool, bool, bool]) -> list[int]:
    """Walk along one axis as TensorFlow's strided slice does: (begin, end, shrink) masks."""

    def cut(index: int) -> int:
        index = index + length if index < 0 else index
        return min(max(index, 0), length) if stride > 0 else min(max(index, -1), length - 1)

    start = (0 if stride > 0 else length - 1) if masks[0] else cut(begin)
    stop = (length if stride > 0 else -1) if masks[1] else cut(end)
    if masks[2]:
        return [start]
    found = []
    while (start < stop) if stride > 0 else (start > stop):
        found.append(start)
        start += stride
    return found


def strided_slice(
    inputs: Array, begin: Sequence[int], end: Sequence[int], strides: Sequence[int], masks: tuple[int, int, int]
) -> Array:
    """Evenly spaced elements; masks of begin, end, and axes that go."""
    walks = []
    for axis, length in enumerate(inputs.shape):
        here = (bool(masks[0] >> axis & 1), bool(masks[1] >> axis & 1), bool(masks[2] >> axis & 1))
        walks.append(positions(length, begin[axis], end[axis], strides[axis], here))
    whole = fill(
        [len(walk) for walk in walks],
        inputs.dtype,
        lambda place: inputs[tuple(walk[index] for walk, index in zip(walks, place, strict=True))],
    )
    return whole.reshape([length for axis, length in enumerate(whole.shape) if not masks[2] >> axis & 1])


def gather(inputs: Array, indices: Array, axis: int, batch_dims: int) -> Array:
    """Slices by their indices."""
    inner = indices.ndim - batch_dims

    def element(place: tuple[int, ...]) -> Any:
        index = indices[place[:batch_dims] + place[axis : axis + inner]]
        return inputs[(*place[:axis], index, *place[axis + inner :])]

    shape = (*inputs.shape[:axis], *indices.shape[batch_dims:], *inputs.shape[axis + 1 :])
    return fill(shape, inputs.dtype, element)


def transpose(inputs: Array, permutation: Sequence[int]) -> Array:
    """Axes in another order."""

    def element(place: tuple[int, ...]) -> Any:
        return inputs[tuple(place[permutation.index(axis)] for axis in range(inputs.ndim))]

    return fill([inputs.shape[axis] for axis in permutation], inputs.dtype, element)


def concatenation(inputs: Sequence[Array], axis: int) -> Array:
    """Arrays side by side."""
    owners = [(number, index) for number, array in enumerate(inputs) for index in range(array.shape[axis])]

    def element(place: tuple[int, ...]) -> Any:
        number, index = owners[place[axis]]
        return inputs[number][(*place[:axis], index, *place[axis + 1 :])]

    shape = list(inputs[0].shape)
    shape[axis] = len(owners)
    return fill(shape, inputs[0].dtype, element)


def argmax(inputs: Array, axis: int, smallest: bool) -> Array:
    """The first place of the largest."""
    outer = [length for other, length in enumerate(inputs.shape) if other != axis]

    def element(place: tuple[int, ...]) -> int:
        row = [int(each) for each in inputs[(*place[:axis], slice(None), *place[axis:])]]
        return row.index(min(row) if smallest else max(row))

    return fill(outer, np.int32, element)


def nearest(place: int, length: int, wanted: int, align: bool, half: bool) -> int:
    """Which element of an axis one of the output is."""
    f = np.float32
    scale = f(length - 1) / f(wanted - 1) if align and wanted > 1 else f(length) / f(wanted)
    there = float((f(place) + f(0.5 if half else 0)) * scale)
    return max(min(math.floor(there + 0.5) if align else math.floor(there), length - 1), 0)


def resize_nearest_neighbor(inputs: Array, size: tuple[int, int], align: bool, half: bool) -> Array:
    """The nearest elements."""
    _, height, width, _ = inputs.shape

    def element(place: tuple[int, ...]) -> Any:
        batch, y, x, channel = place
        row, column = nearest(y, height, size[0], align, half), nearest(x, width, size[1], align, half)
        return inputs[batch, row, column, channel]

    return fill((inputs.shape[0], *size, inputs.shape[3]), inputs.dtype, element)


def resize_bilinear(inputs: Array, size: tuple[int, int], align: bool, half: bool) -> Array:
    """Weighted sums of four elements, positions in units of 2^-10."""

    def between(place: int, length: int, wanted: int) -> tuple[int, int, int]:
        span, steps = (length - 1, wanted - 1) if align and wanted > 1 else (length, wanted)
        scale = (1024 * span + steps // 2) // steps
        there = place * scale + (scale // 2 - 512 if half else 0)
        before = max(naive.divide_towards_zero(there, 1024), 0)
        return before, min(naive.divide_towards_zero(there + 1023, 1024), length - 1), there - 1024 * before

    def element(place: tuple[int, ...]) -> int:
        batch, y, x, channel = place
        top, bottom, down = between(y, inputs.shape[1], size[0])
        left, right, across = between(x, inputs.shape[2], size[1])
        total = 0
        for row, weight in ((top, 1024 - down), (bottom, down)):
            for column, other in ((left, 1024 - across), (right, across)):
                total += int(inputs[batch, row, column, channel]) * weight * other
        return naive.divide_towards_zero(total + ((1 << 19) if total > 0 else -(1 << 19)), 1 << 20)

    return fill((inputs.shape[0], *size, inputs.shape[3]), inputs.dtype, element)
