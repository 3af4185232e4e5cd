# SPDX-License-Identifier: Apache-2.0
"""Requantisation: the compiled kernels equal their plain twins, at the extremes above all."""

from __future__ import annotations

import ctypes
import math
import shutil
import subprocess
from pathlib import Path

import naive
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mcusim.kernels import requantize as kernel

ROOT = Path(__file__).resolve().parents[1]
EXTREMES = (naive.INT32_MIN, naive.INT32_MIN + 1, -(1 << 30) - 1, -(1 << 30), -3, -2, -1, 0, 1, 2, 3,
            (1 << 30) - 1, 1 << 30, (1 << 30) + 1, naive.INT32_MAX - 1, naive.INT32_MAX)  # fmt: skip
MULTIPLIERS = (0, 1, 1 << 30, (1 << 30) + 1, 0x5A82_799A, naive.INT32_MAX - 1, naive.INT32_MAX)

int32s = st.sampled_from(EXTREMES) | st.integers(naive.INT32_MIN, naive.INT32_MAX)
# Small ones too: halves happen where few bits are left.
values = int32s | st.integers(-4096, 4096)
multipliers = st.sampled_from(MULTIPLIERS) | st.integers(1 << 30, naive.INT32_MAX) | st.integers(0, naive.INT32_MAX)
shifts = st.integers(kernel.SHIFT_MIN, kernel.SHIFT_MAX)
scales = st.floats(width=32) | st.floats(0, 1, width=32)


@given(int32s, int32s)
@example(naive.INT32_MIN, naive.INT32_MIN)
@example(-(1 << 30), 1)  # minus one half
def test_high_mul_equals_its_twin(a: int, b: int) -> None:
    assert kernel.saturating_rounding_doubling_high_mul(a, b) == naive.saturating_rounding_doubling_high_mul(a, b)


@given(values, st.integers(0, 31))
@example(naive.INT32_MIN, 31)
@example(naive.INT32_MAX, 31)
def test_rounding_divide_equals_its_twin(value: int, exponent: int) -> None:
    expected = naive.rounding_divide_by_power_of_two(value, exponent)
    assert kernel.rounding_divide_by_power_of_two(value, exponent) == expected


@given(values, multipliers, shifts)
@example(naive.INT32_MIN, naive.INT32_MAX, 30)
@example(naive.INT32_MIN, naive.INT32_MAX, -31)
@example(naive.INT32_MAX, naive.INT32_MAX, 0)
@example(3, 1 << 30, -1)
def test_double_rounding_equals_its_twin(value: int, multiplier: int, shift: int) -> None:
    expected = naive.multiply_by_quantized_multiplier(value, multiplier, shift)
    assert kernel.multiply_by_quantized_multiplier(value, multiplier, shift) == expected


@given(values, multipliers, shifts)
@example(naive.INT32_MIN, naive.INT32_MAX, 30)
@example(naive.INT32_MAX, naive.INT32_MAX, 30)
@example(naive.INT32_MIN, naive.INT32_MAX, -31)
def test_single_rounding_equals_its_twin(value: int, multiplier: int, shift: int) -> None:
    expected = naive.multiply_by_quantized_multiplier_single_rounding(value, multiplier, shift)
    assert kernel.multiply_by_quantized_multiplier_single_rounding(value, multiplier, shift) == expected


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")  # NumPy's, with NUMBA_DISABLE_JIT
@given(values, scales)
@example((1 << 24) + 1, 1.0)  # the accumulator itself is rounded to single precision
@example(naive.INT32_MAX, 1.0)
@example(naive.INT32_MIN, 1.0)
@example(1, math.nan)
@example(0, math.inf)
@example(-1, math.inf)
def test_float_scale_equals_its_twin(value: int, scale: float) -> None:
    assert kernel.multiply_by_float_scale(value, np.float32(scale)) == naive.multiply_by_float_scale(value, scale)


def test_the_three_differ_where_they_should() -> None:
    """A quarter of 1, rounded twice: one half becomes 1, and half of that again. Once: 0. A float is cut off."""
    quarter = 1 << 30, -1
    assert kernel.multiply_by_quantized_multiplier(1, *quarter) == 1
    assert kernel.multiply_by_quantized_multiplier_single_rounding(1, *quarter) == 0
    assert kernel.multiply_by_quantized_multiplier_single_rounding(3, *quarter) == 1
    assert kernel.multiply_by_float_scale(3, np.float32(0.25)) == 0
    assert kernel.multiply_by_float_scale(-5, np.float32(0.25)) == -1


@given(st.data())
def test_arrays_equal_the_scalars(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from([(), (0,), (1,), (5,), (2, 3), (0, 4), (2, 1, 3)]))
    accumulators = data.draw(arrays(np.int32, shape, elements=values))
    channels = shape[-1] if shape else 1
    multiplier = data.draw(arrays(np.int32, channels, elements=multipliers))
    shift = data.draw(arrays(np.int32, channels, elements=shifts))
    rounding = data.draw(st.sampled_from(kernel.ROUNDINGS))
    twin = {
        "double": naive.multiply_by_quantized_multiplier,
        "single": naive.multiply_by_quantized_multiplier_single_rounding,
    }[rounding]
    result = kernel.requantize(accumulators, multiplier, shift, rounding=rounding)
    assert result.dtype == np.int32
    assert result.shape == accumulators.shape
    for index, value in np.ndenumerate(accumulators):
        channel = index[-1] if index else 0
        assert result[index] == twin(int(value), int(multiplier[channel]), int(shift[channel]))


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@given(st.data())
def test_float_arrays_equal_the_scalars(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from([(), (4,), (2, 3)]))
    accumulators = data.draw(arrays(np.int32, shape, elements=values))
    channels = shape[-1] if shape else 1
    scale = data.draw(arrays(np.float32, channels, elements=scales))
    zero_point = data.draw(st.integers(-128, 127))
    result = kernel.requantize_float_scale(accumulators, scale, zero_point)
    assert result.dtype == np.int8
    assert result.shape == accumulators.shape
    for index, value in np.ndenumerate(accumulators):
        expected = naive.multiply_by_float_scale(int(value), float(scale[index[-1] if index else 0])) + zero_point
        assert result[index] == min(max(expected, -128), 127)


def test_one_number_serves_all_channels_and_views_need_not_be_contiguous() -> None:
    accumulators = np.arange(-12, 12, dtype=np.int32).reshape(4, 6)[:, ::2]
    one = kernel.requantize(accumulators, 1 << 30, 0)
    each = kernel.requantize(accumulators, np.full(3, 1 << 30, np.int32), np.zeros(3, np.int32))
    assert (one == each).all()
    assert (one == [[(value + 1) >> 1 for value in row] for row in accumulators.tolist()]).all()
    scaled = kernel.requantize_float_scale(accumulators, 0.5, 3, minimum=0, maximum=5)
    assert scaled.min() == 0
    assert scaled.max() == 5


INT32 = np.zeros((2, 3), np.int32)


@pytest.mark.parametrize(
    ("operand", "call"),
    [
        ("accumulators", lambda: kernel.requantize(INT32.astype(np.int64), 1 << 30, 0)),
        ("accumulators", lambda: kernel.requantize([1, 2], 1 << 30, 0)),
        ("multipliers", lambda: kernel.requantize(INT32, np.zeros(3, np.int64), 0)),
        ("multipliers", lambda: kernel.requantize(INT32, np.zeros(2, np.int32), 0)),
        ("multipliers", lambda: kernel.requantize(INT32, -1, 0)),
        ("multipliers", lambda: kernel.requantize(INT32, 1 << 31, 0)),
        ("multipliers", lambda: kernel.requantize(INT32, 0.5, 0)),
        ("shifts", lambda: kernel.requantize(INT32, 1 << 30, 31)),
        ("shifts", lambda: kernel.requantize(INT32, 1 << 30, -32)),
        ("shifts", lambda: kernel.requantize(INT32, 1 << 30, np.zeros((3, 1), np.int32))),
        ("rounding", lambda: kernel.requantize(INT32, 1 << 30, 0, rounding="up")),
        ("accumulators", lambda: kernel.requantize_float_scale(INT32.astype(np.int16), 1.0, 0)),
        ("scales", lambda: kernel.requantize_float_scale(INT32, np.ones(3), 0)),
        ("scales", lambda: kernel.requantize_float_scale(INT32, np.ones(4, np.float32), 0)),
        ("zero_point", lambda: kernel.requantize_float_scale(INT32, 1.0, 128)),
        ("minimum", lambda: kernel.requantize_float_scale(INT32, 1.0, 0, minimum=1, maximum=0)),
        ("maximum", lambda: kernel.requantize_float_scale(INT32, 1.0, 0, maximum=128)),
    ],
)
def test_a_wrong_operand_is_named(operand: str, call: object) -> None:
    with pytest.raises(ValueError, match=f"^{operand}: "):
        call()  # type: ignore[operator]


SHIM = """
#include "quantize.h"
int32_t high_mul(int32_t a, int32_t b) { return saturating_rounding_doubling_high_mul(a, b); }
int32_t divide(int32_t a, int32_t b) { return rounding_divide_by_power_of_two(a, b); }
int32_t whole(int32_t a, int32_t b, int32_t c) { return requantize(a, b, c); }
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler for this machine (cc)")
def test_the_example_firmware_computes_the_same(tmp_path: Path) -> None:
    """The keyword-spotting example's quantize.h, compiled for this machine, agrees on all pairs of extremes."""
    (tmp_path / "shim.c").write_text(SHIM)
    include = ROOT / "examples" / "keyword_spotting"
    library = tmp_path / "shim.so"
    command = ["cc", "-O1", "-shared", "-fPIC", "-I", str(include), str(tmp_path / "shim.c"), "-o", str(library)]
    subprocess.run(command, check=True)
    shim = ctypes.CDLL(str(library))
    generator = np.random.default_rng(1)
    numbers = [*EXTREMES, *generator.integers(naive.INT32_MIN, naive.INT32_MAX, 40).tolist()]
    for a in numbers:
        for b in numbers:
            assert shim.high_mul(a, b) == kernel.saturating_rounding_doubling_high_mul(a, b), (a, b)
        for exponent in range(32):
            assert shim.divide(a, exponent) == kernel.rounding_divide_by_power_of_two(a, exponent), (a, exponent)
        for multiplier in MULTIPLIERS:
            for shift in range(kernel.SHIFT_MIN, kernel.SHIFT_MAX + 1):
                expected = kernel.multiply_by_quantized_multiplier(a, multiplier, shift)
                assert shim.whole(a, multiplier, shift) == expected, (a, multiplier, shift)
