# SPDX-License-Identifier: Apache-2.0
"""Operators that work element by element, and over axes, equal their plain twins."""

from __future__ import annotations

from typing import Any

import kernel_values as draws
import naive_elementwise
import naive_kernels
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from numpy.testing import assert_array_equal

from mcusim.kernels.add import add, add_float_scale
from mcusim.kernels.dequantize import dequantize
from mcusim.kernels.hard_swish import hard_swish
from mcusim.kernels.leaky_relu import leaky_relu
from mcusim.kernels.maximum import maximum
from mcusim.kernels.mean import mean
from mcusim.kernels.minimum import minimum
from mcusim.kernels.mul import mul
from mcusim.kernels.prelu import prelu
from mcusim.kernels.quantization import quantize_multiplier
from mcusim.kernels.quantize import quantize
from mcusim.kernels.relu import relu
from mcusim.kernels.relu6 import relu6
from mcusim.kernels.rescale import rescale
from mcusim.kernels.scaling import add_scaling, leaky_relu_scaling, mul_scaling, sub_scaling
from mcusim.kernels.sub import sub
from mcusim.kernels.sum import sum as sum_over

DTYPES = st.sampled_from(("int8", "int16"))
SHAPES = mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=4, min_side=0)
SCALES = st.floats(2.0**-10, 4.0, width=32)
AT_MOST_ONE = st.sampled_from((-31, -8, 0)) | st.integers(-12, 0)


def zero_points(data: st.DataObject, dtype: str, *names: str) -> dict[str, int]:
    """Draw zero points; int16 has none."""
    return {name: data.draw(draws.zero_points) for name in names} if dtype == "int8" else {}


@draws.few
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


@draws.few
@given(st.data(), DTYPES, SHAPES)
def test_mul_equals_its_twin(data: st.DataObject, dtype: str, shapes: Any) -> None:
    first, second = (data.draw(draws.values(dtype, shape)) for shape in shapes.input_shapes)
    options = {"multiplier": data.draw(draws.multipliers), "shift": data.draw(draws.shifts)}
    options |= zero_points(data, dtype, "input1_zero_point", "input2_zero_point", "output_zero_point")
    options |= data.draw(draws.activations(dtype)) | {"rounding": data.draw(draws.roundings)}
    assert_array_equal(mul(first, second, **options), naive_elementwise.mul(first, second, **options), strict=True)


def test_tinyengine_multiplies_towards_zero() -> None:
    first, second = np.array([[10, -10, 127, -128]], np.int8), np.array([3, 3, 127, 127], np.int8)
    options = {"scale": 0.09, "input1_zero_point": 1, "output_zero_point": -2}
    assert mul(first, second, **options).tolist() == [[0, -4, 127, -128]]  # 2.43, -2.97, and beyond


@draws.few
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
    passed = np.zeros(4, bool)
    cut = add_float_scale(first, second, **options, activation_min=-9, activation_max=8, passed=passed)
    assert cut.tolist() == [8, -9, 8, -9]
    assert passed.tolist() == [False, True, False, False]
    options |= {"input1_zero_point": 10, "output_zero_point": -1}
    assert add_float_scale(first, second, **options).tolist() == [-3, -20, 127, -128]  # -2.5, -19.5


@draws.few
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


@draws.few
@given(st.data(), DTYPES)
def test_rectifiers_equal_their_twins(data: st.DataObject, dtype: str) -> None:
    inputs = data.draw(draws.values(dtype, (2, 5)))
    options: dict[str, Any] = {"multiplier": data.draw(draws.multipliers), "shift": data.draw(draws.shifts)}
    options |= zero_points(data, dtype, "input_zero_point", "output_zero_point")
    options["rounding"] = data.draw(draws.roundings)
    assert_array_equal(relu(inputs, **options), naive_elementwise.relu(inputs, **options), strict=True)
    cut = options | data.draw(draws.activations(dtype))
    assert_array_equal(relu(inputs, **cut), naive_elementwise.relu(inputs, **cut), strict=True)

    options |= {"alpha_multiplier": data.draw(draws.multipliers), "alpha_shift": data.draw(draws.shifts)}
    negative = options | {"alpha_is_negative": data.draw(st.booleans())}
    assert_array_equal(leaky_relu(inputs, **negative), naive_elementwise.leaky_relu(inputs, **negative), strict=True)
    options["alpha_zero_point"] = data.draw(draws.zero_points)
    alphas = data.draw(draws.values("int8", data.draw(st.sampled_from(((2, 5), (5,), (1,))))))
    expected = naive_elementwise.leaky_relu(inputs, alphas, **options)
    assert_array_equal(prelu(inputs, alphas, **options), expected, strict=True)


@draws.few
@given(st.data(), SCALES, st.sampled_from((0.25, -0.5, 0.0)))
def test_leaky_relu_is_what_real_numbers_give(data: st.DataObject, scale: float, alpha: float) -> None:
    inputs = data.draw(draws.values("int8", (6,)))
    result = leaky_relu(inputs, **leaky_relu_scaling(scale, alpha, scale))
    assert np.abs(result - np.where(inputs > 0, inputs, alpha * inputs)).max() <= 0.5


def test_relu6_cuts() -> None:
    inputs = np.array([-128, -5, 3, 100], np.int8)
    assert relu6(inputs, zero=-5, six=70).tolist() == [-5, -5, 3, 70]
    with pytest.raises(ValueError, match="zero: 5 is more than six"):
        relu6(inputs, zero=5, six=4)


@draws.few
@given(st.floats(2.0**-7, 0.5, width=32), st.floats(2.0**-6, 1, width=32), draws.zero_points, draws.zero_points)
def test_hard_swish_equals_its_twin(scale: float, output_scale: float, first: int, last: int) -> None:
    inputs = np.arange(-128, 128, dtype=np.int8)
    factors = []
    fine = np.float32(scale) / np.float32(128)
    for target in (np.float32(output_scale), np.float32(3 / 32768)):
        multiplier, exponent = quantize_multiplier(float(fine / target))
        factors.append((min((multiplier + (1 << 15)) >> 16, 32767), exponent))
    result = hard_swish(
        inputs, input_scale=scale, output_scale=output_scale, input_zero_point=first, output_zero_point=last
    )
    assert_array_equal(result, naive_elementwise.hard_swish(inputs, *factors, first, last), strict=True)
    x = scale * (inputs - np.float64(first))
    real = x * np.clip(x + 3, 0, 6) / 6 / output_scale + last
    # 16-bit factors: half a step, and a relative 2^-13 of at most 256 / output_scale * scale.
    assert np.abs(result - np.clip(real, -128, 127)).max() <= 1 + scale / output_scale / 16


@draws.few
@given(st.data(), st.sampled_from(("int8", "int16", "int32")), st.sampled_from(("int8", "int16", "int32")))
def test_rescale_equals_its_twin(data: st.DataObject, dtype: str, output: str) -> None:
    inputs = data.draw(draws.values(dtype, (3, 2)))
    options: dict[str, Any] = {"multiplier": data.draw(draws.multipliers), "shift": data.draw(draws.shifts)}
    options["rounding"] = data.draw(draws.roundings)
    options |= zero_points(data, dtype, "input_zero_point") | zero_points(data, output, "output_zero_point")
    result = rescale(inputs, output_dtype=output, **options)
    expected = naive_elementwise.rescale_each(inputs, output, **options)
    assert_array_equal(result, expected, strict=True)


@draws.few
@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=5), SCALES, draws.zero_points)
@example([0.5, 1.5, -0.5, -1.5, 0.49999997, float("inf"), float("-inf"), 3e38], 2.0**-10, 0)
@example([0.5, -0.5, 2.5, -2.5], 1.0, 0)
def test_quantize_rounds_halves_away_from_zero(numbers: list[float], scale: float, zero_point: int) -> None:
    inputs = np.array(numbers, np.float32)
    result = quantize(inputs, output_scale=scale, output_zero_point=zero_point)
    for number, quantised in zip(inputs, result.tolist(), strict=True):
        with np.errstate(over="ignore"):
            quotient = float(number / np.float32(scale))
        if abs(quotient) > 1000:
            assert quantised == (127 if quotient > 0 else -128)
            continue
        whole, half = divmod(abs(quotient), 1)
        size = int(whole) + (half >= 0.5)
        assert quantised == min(max((size if quotient >= 0 else -size) + zero_point, -128), 127)


@draws.few
@given(st.data(), DTYPES, st.floats(2.0**-20, 4.0, width=32))
def test_dequantize_undoes_quantize(data: st.DataObject, dtype: str, scale: float) -> None:
    inputs = data.draw(draws.values(dtype, (4,)))
    point = 0 if dtype == "int16" else data.draw(draws.zero_points)
    real = dequantize(inputs, input_scale=scale, input_zero_point=point)
    assert real.tolist() == [float(np.float32(scale * (int(each) - point))) for each in inputs]
    back = quantize(real, output_scale=scale, output_zero_point=point, output_dtype=dtype)
    assert_array_equal(back, inputs, strict=True)


@draws.few
@given(st.data(), st.sampled_from(("int8", "int16", "int32")), SHAPES)
def test_maximum_and_minimum(data: st.DataObject, dtype: str, shapes: Any) -> None:
    first, second = (data.draw(draws.values(dtype, shape)) for shape in shapes.input_shapes)
    larger, smaller = maximum(first, second), minimum(first, second)
    pairs = np.broadcast_arrays(first, second)
    for place in np.ndindex(*shapes.result_shape):
        two = sorted(int(each[place]) for each in pairs)
        assert [int(smaller[place]), int(larger[place])] == two
    assert (larger.dtype, larger.shape) == (np.dtype(dtype), shapes.result_shape)
