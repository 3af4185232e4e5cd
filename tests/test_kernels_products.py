# SPDX-License-Identifier: Apache-2.0
"""Both ways to sum products give the same whole numbers, at the ends of the types and beyond what is exact at once."""

from __future__ import annotations

import numpy as np
import pytest

from mcusim.kernels import products


@pytest.mark.parametrize("depth", [1, 15, 16, products.EXACT_PRODUCTS, products.EXACT_PRODUCTS + 1, 3000])
def test_real_and_integer_sums_are_equal(depth: int) -> None:
    random = np.random.default_rng(depth)
    rows = random.integers(-255, 256, (5, depth))
    weights = random.integers(-128, 128, (7, depth))
    # The largest sums of either sign, and odd ones beside them.
    rows[:2], weights[:2] = 255, ((-128,), (127,))
    rows[1, -1] = 254
    expected = rows @ weights.T
    real = products.sums_of_real_products(rows.astype(np.float32), weights.astype(np.float32))
    padded = [products.padded_rows(each.astype(np.int16)) for each in (rows, weights)]
    np.testing.assert_array_equal(real, expected)
    assert real.dtype == np.int32
    np.testing.assert_array_equal(products.sums_of_products(*padded), expected)
    np.testing.assert_array_equal(products.sums_of_products(*padded, bits=64), expected)


def test_sums_wrap_at_32_bits() -> None:
    depth = 66_000
    rows, weights = np.full((1, depth), 255), np.full((1, depth), 128)
    expected = np.array([[255 * 128 * depth - (1 << 32)]])
    real = products.sums_of_real_products(rows.astype(np.float32), weights.astype(np.float32))
    np.testing.assert_array_equal(real, expected)
    padded = [products.padded_rows(each.astype(np.int16)) for each in (rows, weights)]
    np.testing.assert_array_equal(products.sums_of_products(*padded), expected)
