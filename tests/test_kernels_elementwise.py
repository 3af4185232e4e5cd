# SPDX-License-Identifier: Apache-2.0
"""Operators that work element by element, and over axes, equal their plain twins."""

from __future__ import annotations

from typing import Any

import kernel_values as draws
import naive_elementwise
import naive_kernels
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from numpy.testing import assert_array_equal

from mcusim.kernels.add import add, add_float_scale
from mcusim.kernels.mean import mean
from mcusim.kernels.mul import mul
from mcusim.kernels.scaling import add_scaling, mul_scaling, sub_scaling
from mcusim.kernels.sub import sub
from mcusim.kernels.sum import sum as sum_over

DTYPES = st.sampled_from(("int8", "int16"))
SHAPES = mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=4, min_side=0)
SCALES = st.floats(2.0**-10, 4.0, width=32)
AT_MOST_ONE = st.sampled_from((-31, -8, 0)) | st.integers(-12, 0)


def zero_points(data: st.DataObject, dtype: str, *names: str) -> dict[str, int]:
    """Draw zero points; int16 has none."""
    return {name: data.draw(draws.zero_points) for name in names} if dtype == "int8" else {}


@given(st.data(), DTYPES, SHAPES)
def test_add_and_sub_equal_their_twins(data: st.DataObject, dtype: str, shapes: Any) -> None:
    first, second = (data.draw(draws.values(dtype, shape)) for shape in shapes.input_shapes)
    options: dict[str, Any] = {"left_shift": data.draw(st.integers(0, 15 if dtype == "int16" else 22))}
    for name in ("input1", "input2", "output"):
        options |= {f"{name}_multiplier": data.draw(draws.multipliers), f"{name}_shift": data.draw(AT_MOST_ONE)}
    options |= zero_points(data, dtype, "input1_zero_point", "input2_zero_point", "output_zero_point")
    options |= data.draw(draws.activations(dtype)) | {"rounding": data.draw(draws.roundings)}
    assert_array_equal(add(first, second, **options), naive_elementwise.add(first, second, **options), strict=True)
    assert_array_equal(sub(first, second, **options), naive_elementwise.sub(first, second, **options), strict=True)


@given(st.data(), DTYPES, SHAPES)
def test_mul_equals_its_twin(data: st.DataObject, dtype: str, shapes: Any) -> None:
    first, second = (data.draw(draws.values(dtype, shape)) for shape in shapes.input_shapes)
    options = {"multiplier": data.draw(draws.multipliers), "shift": data.draw(draws.shifts)}
    options |= zero_points(data, dtype, "input1_zero_point", "input2_zero_point", "output_zero_point")
    options |= data.draw(draws.activations(dtype)) | {"rounding": data.draw(draws.roundings)}
    assert_array_equal(mul(first, second, **options), naive_elementwise.mul(first, second, **options), strict=True)


@given(st.data(), DTYPES, SCALES, SCALES)
def test_scaled_arithmetic_is_what_real_numbers_give(data: st.DataObject, dtype: str, one: float, two: float) -> None:
    """With an output scale that loses nothing much: off by one step at most."""
    first, second = (data.draw(draws.values(dtype, (3,))) for _ in range(2))
    size = 128 if dtype == "int8" else 32768
    real1, real2 = first * float(np.float32(one)), second * float(np.float32(two))
    for result, exact, scale in (
        (lambda s: add(first, second, **add_scaling(one, two, s, dtype)), real1 + real2, one + two),
        (lambda s: sub(first, second, **sub_scaling(one, two, s, dtype)), real1 - real2, one + two),
        (lambda s: mul(first, second, **mul_scaling(one, two, s)), real1 * real2, one * two * size),
    ):
        expected = np.clip(exact / float(np.float32(scale)), -size, size - 1)
        assert np.abs(result(scale) - expected).max() <= 1


def test_tinyengine_adds_in_single_precision() -> None:
    first, second = np.array([10, -10, 127, -128], np.int8), np.array([-3, 3, 127, -128], np.int8)
    options: dict[str, Any] = {"input1_scale": 0.5, "input2_scale": 0.25, "output_scale": 0.5}
    expected = [9, -9, 127, -128]  # 8.5, -8.5, and beyond
    assert add_float_scale(first, second, **options).tolist() == expected
    options |= {"input1_zero_point": 10, "output_zero_point": -1}
    assert add_float_scale(first, second, **options).tolist() == [-3, -20, 127, -128]  # -2.5, -19.5


@given(st.data(), DTYPES, st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_mean_and_sum_equal_their_twins(data: st.DataObject, dtype: str, shape: list[int]) -> None:
    inputs = data.draw(draws.values(dtype, tuple(shape)))
    axes = data.draw(st.sets(st.integers(0, len(shape) - 1)))
    options: dict[str, Any] = {"multiplier": data.draw(draws.multipliers), "shift": data.draw(draws.shifts)}
    options |= zero_points(data, dtype, "input_zero_point", "output_zero_point")
    options["rounding"] = data.draw(draws.roundings)
    for function, average in ((mean, True), (sum_over, False)):
        expected = naive_kernels.reduce(inputs, tuple(axes), average=average, **options)
        assert_array_equal(function(inputs, tuple(axes), keep_dims=True, **options), expected, strict=True)
        counted_back = [axis - len(shape) for axis in axes]
        short = function(inputs, counted_back, **options)
        assert_array_equal(short, expected.reshape([n for axis, n in enumerate(shape) if axis not in axes]))
