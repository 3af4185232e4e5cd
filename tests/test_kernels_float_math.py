# SPDX-License-Identifier: Apache-2.0
"""exp and log in single precision: within 2 units in the last place, and the same bits from C without contraction."""

from __future__ import annotations

import numpy as np
import pytest

from mcusim.kernels import float_math


def ulps(found: np.ndarray, expected: np.ndarray) -> float:  # type: ignore[type-arg]
    """Return the largest distance in units in the last place of the result."""
    return float((np.abs(found.astype(np.float64) - expected) / np.spacing(np.abs(expected).astype(np.float32))).max())


def test_exp_is_close_everywhere() -> None:
    values = np.linspace(-87.3, 88.7, 400_001).astype(np.float32)
    values = np.concatenate([values, np.linspace(-1, 1, 100_001).astype(np.float32), np.float32([0, -0.0])])
    assert ulps(float_math.exp(values), np.exp(values.astype(np.float64))) < 2


def test_log_is_close_everywhere() -> None:
    values = np.exp(np.linspace(-87.3, 88.7, 400_001)).astype(np.float32)
    values = values[values != 1]
    near_one = np.linspace(0.5, 2, 200_002).astype(np.float32)
    values = np.concatenate([values, near_one[near_one != 1]])
    assert ulps(float_math.log(values), np.log(values.astype(np.float64))) < 2


def test_ends_and_what_is_no_number() -> None:
    given = np.array([0, 1, 88.73, -87.34, np.inf, -np.inf], np.float32)
    np.testing.assert_array_equal(
        float_math.exp(given), np.array([1, np.float32(np.e), np.inf, 0, np.inf, 0], np.float32)
    )
    assert np.isnan(float_math.exp(np.array([np.nan], np.float32))[0])
    np.testing.assert_array_equal(
        float_math.log(np.array([1, 0, np.inf, 2], np.float32)), np.array([0, -np.inf, np.inf, np.log(2)], np.float32)
    )
    assert np.isnan(float_math.log(np.array([-1, np.nan], np.float32))).all()
    with pytest.raises(ValueError, match="values: dtype is float64, it must be float32"):
        float_math.exp(np.zeros(1))
