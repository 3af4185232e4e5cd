# SPDX-License-Identifier: Apache-2.0
"""Both ways to sum products give the same whole numbers, at the ends of the types and beyond what is exact at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from mcusim.kernels import products


def real_sums(rows: npt.NDArray[np.int64], weights: npt.NDArray[np.int64], largest: int = 255) -> npt.NDArray[np.int32]:
    """Return sums in real numbers, added to 1000 and without it again, with columns on both sides left alone."""
    sums = np.full((rows.shape[0], weights.shape[0] + 2), 1000, np.int32)
    products.RealProducts(weights.astype(np.int8), largest).add_to(sums, rows.astype(np.float32), 1)
    assert (sums[:, [0, -1]] == 1000).all()
    return sums[:, 1:-1] - np.int32(1000)


@pytest.mark.parametrize("depth", [1, 15, 16, products.EXACT_PRODUCTS, products.EXACT_PRODUCTS + 1, 3000])
def test_real_and_integer_sums_are_equal(depth: int) -> None:
    random = np.random.default_rng(depth)
    rows = random.integers(-255, 256, (5, depth))
    weights = random.integers(-128, 128, (7, depth))
    # The largest sums of either sign, and odd ones beside them.
    rows[:2], weights[:2] = 255, ((-128,), (127,))
    rows[1, -1] = 254
    expected = rows @ weights.T
    padded = [products.padded_rows(each.astype(np.int16)) for each in (rows, weights)]
    np.testing.assert_array_equal(real_sums(rows, weights), expected)
    np.testing.assert_array_equal(products.sums_of_products(*padded), expected)
    np.testing.assert_array_equal(products.sums_of_products(*padded, bits=64), expected)


def test_small_weights_are_summed_at_once() -> None:
    """Longer than what is exact for any weights, and exact for these: at the bound and just beyond it."""
    depth = (1 << 24) // (16 * 128)
    for extra in (0, 1):
        rows, weights = np.full((1, depth + extra), 128), np.full((1, depth + extra), 16)
        rows[0, 0] = 127
        np.testing.assert_array_equal(real_sums(rows, weights, 128), rows @ weights.T)


def test_sums_wrap_at_32_bits() -> None:
    depth = 66_000
    rows, weights = np.full((1, depth), -255), np.full((1, depth), -128)
    expected = np.array([[255 * 128 * depth - (1 << 32)]])
    np.testing.assert_array_equal(real_sums(rows, weights), expected)
    padded = [products.padded_rows(each.astype(np.int16)) for each in (rows, weights)]
    np.testing.assert_array_equal(products.sums_of_products(*padded), expected)
