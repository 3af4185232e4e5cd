# SPDX-License-Identifier: Apache-2.0
"""Nonlinear operators: they equal plain twins bit for bit, and are near the real functions."""

from __future__ import annotations

import math

import kernel_values as draws
import naive_fixed_point as twin
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from mcusim.kernels import fixed_point
from mcusim.kernels.log_softmax import log_softmax
from mcusim.kernels.logistic import SIGMOID_TABLE, int16_scaling, logistic, logistic_int16, tanh_int16
from mcusim.kernels.lookup import look_up
from mcusim.kernels.quantization import quantize_multiplier
from mcusim.kernels.softmax import difference_scaling, softmax
from mcusim.kernels.tanh import tanh

SCALES = st.sampled_from((2.0**-20, 1 / 256, 0.1, 8.0, 20.0)) | st.floats(2.0**-12, 1, width=32)
fractions = st.sampled_from((0, 1, (1 << 30) - 1, 1 << 30, twin.MAX)) | st.integers(0, twin.MAX)
raws = st.sampled_from((twin.MIN + 1, -1, 0, 1, twin.MAX)) | st.integers(twin.MIN + 1, twin.MAX)


@draws.few
@given(fractions, st.integers(0, 5))
@example(1 << 31, 5)
def test_exp_equals_its_twin_and_is_near_exp(size: int, bits: int) -> None:
    result = fixed_point.exp_of_negative(-size, bits).item()
    assert result == twin.exp_on_negative_values(twin.Fixed(-size, bits)).raw
    assert result * 2.0**-31 == pytest.approx(math.exp(-size * 2.0 ** (bits - 31)), abs=3e-7)


@draws.few
@given(fractions)
def test_ratios_equal_their_twins(size: int) -> None:
    x = size * 2.0**-31
    assert fixed_point.one_over_one_plus(size).item() == twin.one_over_one_plus_x(twin.Fixed(size, 0)).raw
    assert fixed_point.one_over_one_plus(size).item() * 2.0**-31 == pytest.approx(1 / (1 + x), abs=1e-8)
    assert fixed_point.one_minus_over_one_plus(size).item() * 2.0**-31 == pytest.approx((1 - x) / (1 + x), abs=1e-8)


@draws.few
@given(raws, st.integers(0, 4))
def test_logistic_and_tanh_equal_their_twins(raw: int, bits: int) -> None:
    x = raw * 2.0 ** (bits - 31)
    logistic, tanh = fixed_point.logistic(raw, bits).item(), fixed_point.tanh(raw, bits).item()
    assert logistic == twin.logistic(twin.Fixed(raw, bits)).raw
    assert tanh == twin.tanh(twin.Fixed(raw, bits)).raw
    assert logistic * 2.0**-31 == pytest.approx(1 / (1 + math.exp(-x)), abs=3e-7)
    assert tanh * 2.0**-31 == pytest.approx(math.tanh(x), abs=6e-7)


@draws.few
@given(st.integers(1, twin.MAX))
def test_a_reciprocal_equals_its_twin(raw: int) -> None:
    fraction, bits = fixed_point.reciprocal(raw, 12)
    expected = twin.reciprocal(twin.Fixed(raw, 12))
    assert (fraction.item(), bits.item()) == (expected[0].raw, expected[1])


@draws.few
@given(st.data(), SCALES, st.sampled_from((1.0, 0.5)), st.sampled_from(("int8", "int16")))
def test_softmax_of_int8_equals_its_twin(data: st.DataObject, scale: float, beta: float, dtype: str) -> None:
    inputs = data.draw(draws.values("int8", (2, data.draw(st.integers(1, 12)))))
    result = softmax(inputs, input_scale=scale, beta=beta, output_dtype=dtype)
    parameters = difference_scaling(scale, beta)
    expected = [twin.softmax_int8([int(each) for each in row], *parameters, dtype) for row in inputs]
    assert_array_equal(result, np.array(expected, dtype), strict=True)
    real = np.exp(beta * scale * (inputs.astype(float) - inputs.max(axis=1, keepdims=True)))
    real /= real.sum(axis=1, keepdims=True)
    steps = 256 if dtype == "int8" else 65536
    # Factors are rounded to a relative 2^-30, differences go to 2^-26; one step at the end.
    assert np.abs((result.astype(float) + steps / 2) / steps - real).max() <= 1 / 256 * (1 if dtype == "int8" else 0.01)


EXPS = twin.table_int16(math.exp, -10.0, 0.0, *(np.float32(2 / 65535) * np.float32(end) for end in (-32768, 32767)))
RATIOS = twin.table_int16(
    lambda x: 1 / (1 + x), 0.0, 1.0, *(np.float32(2 / 65535) * np.float32(end) for end in (-32768, 32767))
)


@draws.few
@given(st.data(), st.floats(2.0**-18, 2.0**-8, width=32), st.sampled_from(["double", "single"]))
def test_softmax_of_int16_equals_its_twin(data: st.DataObject, scale: float, rounding: str) -> None:
    inputs = data.draw(draws.values("int16", (2, data.draw(st.integers(1, 12)))))
    result = softmax(inputs, input_scale=scale, rounding=rounding)
    factor = quantize_multiplier(float(np.float32(scale)) / (10.0 / 65535.0))
    expected = [twin.softmax_int16([int(each) for each in row], *factor, EXPS, RATIOS, rounding) for row in inputs]
    assert_array_equal(result, np.array(expected, np.int16), strict=True)
    real = np.exp(scale * (inputs.astype(float) - inputs.max(axis=1, keepdims=True)))
    real /= real.sum(axis=1, keepdims=True)
    assert np.abs(result / 32768 - real).max() < 0.002


@draws.few
@given(st.integers(-32768, 32767))
def test_a_table_is_read_as_its_twin_reads_it(value: int) -> None:
    assert look_up(value, np.array(EXPS, np.int64)).item() == twin.look_up_int16(value, EXPS)


def test_softmax_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="inputs: the exps of a row of 4096"):
        softmax(np.zeros((1, 4096), np.int8), input_scale=0.1)
    assert softmax(np.zeros((1, 4095), np.int8), input_scale=0.1).max() == -128
    with pytest.raises(ValueError, match="input_scale: "):
        softmax(np.zeros((1, 4), np.int8), input_scale=2.0**-27)
    with pytest.raises(ValueError, match="output_dtype: "):
        softmax(np.zeros((1, 4), np.int16), input_scale=0.1, output_dtype="int8")


@draws.few
@given(st.integers(1 << 19, twin.MAX))
@example(1 << 19)
@example(twin.MAX)
def test_log_equals_its_twin_and_is_near_log(raw: int) -> None:
    result = fixed_point.log_of_at_least_one(raw, 12, 5).item()
    assert result == twin.log_of_at_least_one(twin.Fixed(raw, 12), 5).raw
    assert result * 2.0**-26 == pytest.approx(math.log(raw * 2.0**-19), abs=2e-6)


@draws.few
@given(st.data(), st.sampled_from((0.002, 0.1, 1.0)) | st.floats(2.0**-9, 1, width=32))
def test_log_softmax_equals_its_twin(data: st.DataObject, scale: float) -> None:
    inputs = data.draw(draws.values("int8", (2, data.draw(st.integers(1, 12)))))
    result = log_softmax(inputs, input_scale=scale)
    multiplier, shift, least = difference_scaling(scale)
    back = quantize_multiplier(2.0 ** (31 - shift) / multiplier)
    expected = [twin.log_softmax_int8([int(each) for each in row], multiplier, shift, least, back) for row in inputs]
    assert_array_equal(result, np.array(expected, np.int8), strict=True)
    x = scale * inputs.astype(float)
    real = x - x.max(axis=1, keepdims=True)
    real = real - np.log(np.exp(real).sum(axis=1, keepdims=True))
    assert np.abs(result - np.clip(real * 16 + 127, -128, 127)).max() <= 0.6


@draws.few
@given(st.floats(2.0**-12, 7, width=32), draws.zero_points)
@example(0.5, 0)
@example(2.0**-27, -128)
def test_logistic_and_tanh_of_int8_equal_their_twins(scale: float, zero_point: int) -> None:
    inputs = np.arange(-128, 128, 5, dtype=np.int8)
    x = np.clip(scale * (inputs - np.float64(zero_point)), -50, 50)
    sigmoid = logistic(inputs, input_scale=scale, input_zero_point=zero_point)
    tangent = tanh(inputs, input_scale=scale, input_zero_point=zero_point)
    for result, name in ((sigmoid, "logistic"), (tangent, "tanh")):
        expected = [twin.squash_int8(int(each), zero_point, scale, name) for each in inputs]
        assert_array_equal(result, np.array(expected, np.int8), strict=True)
    if scale <= 1:  # with a larger one, the sources cut off what lies beyond 6, and with 4 beyond 3
        assert np.abs(sigmoid - np.clip(256 / (1 + np.exp(-x)) - 128, -128, 127)).max() <= 0.51
        assert np.abs(tangent - np.clip(128 * np.tanh(x), -128, 127)).max() <= 0.51


@draws.few
@given(st.data(), st.sampled_from((2.0**-12, 2.0**-11, 1.0)) | st.floats(2.0**-16, 2.0**-9, width=32))
def test_logistic_and_tanh_of_int16_equal_their_twins(data: st.DataObject, scale: float) -> None:
    inputs = data.draw(draws.values("int16", (6,)))
    table = SIGMOID_TABLE.tolist()
    for function, inner, name, powers in (
        (logistic, logistic_int16, "logistic", (0,)),
        (tanh, tanh_int16, "tanh", (0, 1)),
    ):
        factor = int16_scaling(scale, powers) if scale < 1 else (3, 2)
        expected = [twin.squash_int16(int(each), *factor, name, table) for each in inputs]
        assert_array_equal(inner(inputs, *factor), expected)
        if scale < 1:
            assert_array_equal(function(inputs, input_scale=scale), np.array(expected, np.int16), strict=True)
            x = scale * inputs.astype(float)
            real = 1 / (1 + np.exp(-x)) if name == "logistic" else np.tanh(x)
            assert np.abs(np.array(expected) / 32768 - real).max() < 1e-3


def test_the_table_of_the_logistic_function() -> None:
    """Between two values a straight line is off by less than a unit of 2^-16, on both sides of the curve."""
    places = np.arange(0, 254, 1 / 8)
    lines = np.interp(places, np.arange(256), SIGMOID_TABLE)
    errors = lines - 65536 / (1 + np.exp(-places / 24))
    assert -1.3 < errors.min() < -0.5
    assert 0.5 < errors.max() < 1.3
    assert (np.diff(SIGMOID_TABLE) >= 0).all()
    assert (SIGMOID_TABLE[0], SIGMOID_TABLE[255]) == (32768, 65535)


@pytest.mark.parametrize("function", [logistic, tanh])
def test_scales_that_are_too_large(function: object) -> None:
    assert callable(function)
    with pytest.raises(ValueError, match=r"input_scale: 8\.0 is too large"):
        function(np.zeros(1, np.int8), input_scale=8.0)
    with pytest.raises(ValueError, match=r"input_scale: 6\.0 is too large for int16"):
        function(np.zeros(1, np.int16), input_scale=6.0)


@pytest.mark.parametrize("scale", [0.002, 0.11, 0.9, 3.0])
def test_every_difference_of_int8_once(scale: float) -> None:
    """Where exp ends, and where outputs become the least one: the edges that random rows rarely meet."""
    rows = [[127, value] for value in range(-128, 128)]
    inputs = np.array(rows, np.int8)
    multiplier, shift, least = difference_scaling(scale)
    expected = [twin.softmax_int8(row, multiplier, shift, least, "int16") for row in rows]
    assert_array_equal(softmax(inputs, input_scale=scale, output_dtype="int16"), np.array(expected, np.int16))
    back = quantize_multiplier(2.0 ** (31 - shift) / multiplier)
    expected = [twin.log_softmax_int8(row, multiplier, shift, least, back) for row in rows]
    assert_array_equal(log_softmax(inputs, input_scale=scale), np.array(expected, np.int8))


def test_halves_of_int16() -> None:
    """Enough values that all roundings of the tables meet their halves."""
    values = range(-9000, 9000)
    table, factor = SIGMOID_TABLE.tolist(), (3, 0)
    inputs = np.array(values, np.int16)
    for function, name in ((logistic_int16, "logistic"), (tanh_int16, "tanh")):
        assert function(inputs, *factor).tolist() == [twin.squash_int16(each, *factor, name, table) for each in values]
    rows = np.random.default_rng(3).integers(-300, 300, (300, 14))
    multiplier, shift = quantize_multiplier(float(np.float32(1e-3)) / (10.0 / 65535.0))
    expected = [twin.softmax_int16([int(each) for each in row], multiplier, shift, EXPS, RATIOS) for row in rows]
    assert softmax(rows.astype(np.int16), input_scale=1e-3).tolist() == expected
