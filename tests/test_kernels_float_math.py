# SPDX-License-Identifier: Apache-2.0
"""exp and log in single precision: within 2 units in the last place, and the same bits from C without contraction."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

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


# The same formulas as C for a target has them; constants are read as double and rounded to float, as in NumPy.
C_TWIN = """
#include <math.h>
float exp_float32(float x)
{
    if (x != x) return x;
    if (x > 88.72283f) return INFINITY;
    if (x < -87.33654f) return 0.0f;
    float n = floorf(x * 1.44269504088896341f + 0.5f);
    float r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    float y = 1.9875691500e-4f;
    y = y * r + 1.3981999507e-3f; y = y * r + 8.3334519073e-3f; y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f; y = y * r + 5.0000001201e-1f;
    y = y * (r * r);
    y = y + r + 1.0f;
    return ldexpf(y, (int)n);
}
float log_float32(float x)
{
    if (x != x || x < 0.0f) return NAN;
    if (x == 0.0f) return -INFINITY;
    if (x == INFINITY) return x;
    int exponent;
    float m = frexpf(x, &exponent);
    if (m < 0.707106781186547524f) { exponent--; m = m + m; }
    float f = m - 1.0f, e = (float)exponent, z = f * f;
    float y = 7.0376836292e-2f;
    y = y * f + -1.1514610310e-1f; y = y * f + 1.1676998740e-1f; y = y * f + -1.2420140846e-1f;
    y = y * f + 1.4249322787e-1f; y = y * f + -1.6668057665e-1f; y = y * f + 2.0000714765e-1f;
    y = y * f + -2.4999993993e-1f; y = y * f + 3.3333331174e-1f;
    y = y * f * z;
    y = y + -2.12194440e-4f * e;
    y = y - 0.5f * z;
    return (f + y) + 0.693359375f * e;
}
void all(const float *x, float *exps, float *logs, int count)
{
    for (int i = 0; i < count; i++) { exps[i] = exp_float32(x[i]); logs[i] = log_float32(x[i]); }
}
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler for this machine (cc)")
@pytest.mark.parametrize("optimisation", ["-O0", "-O3"])
def test_c_gives_the_same_bits(tmp_path: Path, optimisation: str) -> None:
    source, library = tmp_path / "twin.c", tmp_path / "twin.so"
    source.write_text(C_TWIN, "utf-8")
    flags = [optimisation, "-ffp-contract=off", "-fPIC", "-shared"]
    subprocess.run(["cc", *flags, str(source), "-o", str(library), "-lm"], check=True)
    bits = np.random.default_rng(0).integers(0, 1 << 32, 200_000, np.uint32)
    values = np.concatenate([bits.view(np.float32), np.linspace(-90, 90, 200_001).astype(np.float32)])
    values = values[(np.abs(values) >= 2.0**-126) | np.isnan(values)]  # no subnormal numbers
    exps, logs = np.empty_like(values), np.empty_like(values)
    pointers = [each.ctypes.data_as(ctypes.c_void_p) for each in (values, exps, logs)]
    ctypes.CDLL(str(library)).all(*pointers, len(values))
    np.testing.assert_array_equal(float_math.exp(values), exps)
    np.testing.assert_array_equal(float_math.log(values), logs)
