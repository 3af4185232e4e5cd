# SPDX-License-Identifier: Apache-2.0
"""Sums of products: the loop that convolutions and matrix products spend their time in, and how rows are laid for it.

Two ways. In integers, operands are int16 (int8 values less their zero point need nine bits), each row contiguous and
padded with zeros to a multiple of `LANES`, so that the compiler makes vector instructions of the loop. A 32-bit sum
wraps, as it does on the target; a 64-bit sum, which TensorFlow Lite uses for int16 activations, cannot overflow below
2^33 products.

In real numbers, for int8 operands, NumPy's matrix product in single precision does the same several times as fast and
loses nothing: a product is at most 255 * 128 in size, so sums of up to `EXACT_PRODUCTS` of them, in any order, are
whole numbers below 2^24, which single precision holds exactly. Longer sums are put together from such parts in int32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.compiled import compiled

LANES = 16
EXACT_PRODUCTS = (1 << 24) // (255 * 128)

Array = npt.NDArray[Any]
Float32Array = npt.NDArray[np.float32]
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


def sums_of_real_products(rows: Float32Array, weights: Float32Array) -> Int32Array:
    """Return rows (m, k) times transposed weights (n, k) as int32 sums (m, n), which wrap.

    Values are whole numbers: rows within 255 of zero, weights within 128. Not checked.
    """
    depth = rows.shape[1]
    if depth <= EXACT_PRODUCTS:
        return (rows @ weights.T).astype(np.int32)
    sums = np.zeros((rows.shape[0], weights.shape[0]), np.int32)
    for start in range(0, depth, EXACT_PRODUCTS):
        part = slice(start, start + EXACT_PRODUCTS)
        sums += (rows[:, part] @ weights[:, part].T).astype(np.int32)
    return sums
