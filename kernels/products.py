# SPDX-License-Identifier: Apache-2.0
"""Sums of products: the loop that convolutions and matrix products spend their time in, and how rows are laid for it.

Two ways. In integers, operands are int16 (int8 values less their zero point need nine bits), each row contiguous and
padded with zeros to a multiple of `LANES`, so that the compiler makes vector instructions of the loop. A 32-bit sum
wraps, as it does on the target; a 64-bit sum, which TensorFlow Lite uses for int16 activations, cannot overflow below
2^33 products.

In real numbers, for int8 operands, NumPy's matrix product in single precision does the same several times as fast and
loses nothing as long as sums, in whatever order they are taken, stay whole numbers up to 2^24, which single precision
holds exactly. That is so for up to `EXACT_PRODUCTS` products, at most 255 * 128 each in size; and for more, if the
weights of a row are small enough together. Other sums are put together in int32 from parts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.compiled import compiled

LANES = 16
EXACT = 1 << 24  # whole numbers up to here are exact in single precision
EXACT_PRODUCTS = EXACT // (255 * 128)

Array = npt.NDArray[Any]
Float32Array = npt.NDArray[np.float32]
Int8Array = npt.NDArray[np.int8]
Int16Array = npt.NDArray[np.int16]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]


@compiled
def _products_int32(rows: Int16Array, weights: Int16Array, sums: Int32Array) -> None:
    for row in range(rows.shape[0]):
        for column in range(weights.shape[0]):
            total = np.int32(0)
            for k in range(rows.shape[1]):
                total = np.int32(total + np.int32(rows[row, k]) * np.int32(weights[column, k]))
            sums[row, column] = total


@compiled
def _products_int64(rows: Int16Array, weights: Int16Array, sums: Int64Array) -> None:
    for row in range(rows.shape[0]):
        for column in range(weights.shape[0]):
            total = np.int64(0)
            for k in range(rows.shape[1]):
                total += np.int64(rows[row, k]) * np.int64(weights[column, k])
            sums[row, column] = total


def widened(values: Array, zero_point: int = 0) -> Int16Array:
    """Return values less their zero point as int16; int8 values always fit, int16 ones have zero point 0."""
    wide = values.astype(np.int16)
    if zero_point:
        wide -= np.int16(zero_point)
    return wide


def padded_depth(depth: int, lanes: int = LANES) -> int:
    """Return how long rows of `depth` elements are with their zeros."""
    return -(-depth // lanes) * lanes


def padded_rows(rows: Array, lanes: int = LANES) -> Array:
    """Return rows (count, depth) as the sums of products want them: contiguous, zeros at the end."""
    count, depth = rows.shape
    if depth == padded_depth(depth, lanes):
        return np.ascontiguousarray(rows)
    padded = np.zeros((count, padded_depth(depth, lanes)), rows.dtype)
    padded[:, :depth] = rows
    return padded


def sums_of_products(rows: Int16Array, weights: Int16Array, bits: int = 32) -> Array:
    """Return rows (m, k) times transposed weights (n, k) as int32, wrapping, or int64 sums (m, n).

    Both come from `padded_rows`; `bits` is 32 or 64. Not checked.
    """
    shape = (rows.shape[0], weights.shape[0])
    if bits == 64:
        wide = np.empty(shape, np.int64)
        _products_int64(rows, weights, wide)
        return wide
    sums = np.empty(shape, np.int32)
    _products_int32(rows, weights, sums)
    return sums


class RealProducts:
    """Weights laid out for sums in real numbers, and room to compute them in: int8 (columns, depth).

    `largest` is the largest size of a value in the rows that will come. Not checked.
    """

    def __init__(self, weights: Int8Array, largest: int) -> None:
        """Convert the weights, and see how many products can be summed at once."""
        self._weights = np.empty(weights.shape, np.float32)
        depth = max(weights.shape[1], 1)
        # No partial sum of a row can be larger than this.
        bound = _real_weights(weights, self._weights) * largest
        self._part = depth if bound <= EXACT else EXACT_PRODUCTS
        self._room = np.empty((0, weights.shape[0]), np.float32)

    def at_once(self, rows: Float32Array) -> Float32Array | None:
        """Return rows (m, depth) times transposed weights, (m, columns), or None where that would not be exact.

        The result is overwritten by the next call.
        """
        if self._part < rows.shape[1]:
            return None
        return np.matmul(rows, self._weights.T, out=self._products(len(rows)))

    def _products(self, count: int) -> Float32Array:
        if len(self._room) < count:
            self._room = np.empty((count, len(self._weights)), np.float32)
        return self._room[:count]

    def add_to(self, sums: Int32Array, rows: Float32Array, first: int = 0) -> None:
        """Add rows (m, depth) times transposed weights to columns from `first` of contiguous sums, which wrap."""
        count, depth = rows.shape
        products = self._products(count)
        for start in range(0, depth, self._part):
            part = slice(start, start + self._part)
            np.matmul(rows[:, part], self._weights[:, part].T, out=products)
            _add_real(products, first, sums)


@compiled
def _real_weights(weights: Int8Array, results: Float32Array) -> int:
    """Convert, and return the largest sum of sizes of a row."""
    largest = 0
    for row in range(weights.shape[0]):
        total = np.int32(0)
        for column in range(weights.shape[1]):
            value = np.int32(weights[row, column])
            results[row, column] = np.float32(value)
            total = np.int32(total + abs(value))
        if total > largest:
            largest = int(total)
    return largest


@compiled
def _add_real(products: Float32Array, first: int, sums: Int32Array) -> None:
    for row in range(products.shape[0]):
        for column in range(products.shape[1]):
            sums[row, first + column] = np.int32(sums[row, first + column] + np.int32(products[row, column]))
