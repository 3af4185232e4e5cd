# SPDX-License-Identifier: Apache-2.0
"""Multipliers, shifts and activation ranges from scales; and what a model file that is none gets told."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tflite_writer import Operator, Tensor, constant, write_model

from mcusim.kernels import quantization as q
from mcusim.kernels.tflite_file import read_model


@given(st.floats(2.0**-32, 2.0**29))
@example(1.0)
@example(math.nextafter(1.0, 0.0))  # rounds up to the next power of two
@example(2.0**-32)
def test_a_multiplier_is_the_nearest_of_31_bits(factor: float) -> None:
    multiplier, shift = q.quantize_multiplier(factor)
    assert 1 << 30 <= multiplier < 1 << 31
    unit = Fraction(2) ** (shift - 31)
    assert abs(Fraction(factor) - multiplier * unit) <= unit / 2


@given(st.lists(st.floats(0, 2.0**29) | st.sampled_from([0.0, 2.0**-33, 2.0**-32, math.nextafter(2.0, 0)]), max_size=9))
def test_many_multipliers_are_those_of_each(factors: list[float]) -> None:
    multipliers, shifts = q.quantize_multipliers(factors)
    assert multipliers.dtype == shifts.dtype == np.int32
    assert list(zip(multipliers.tolist(), shifts.tolist(), strict=True)) == [q.quantize_multiplier(f) for f in factors]


def test_factors_that_have_no_multiplier() -> None:
    assert q.quantize_multiplier(0.0) == (0, 0)
    assert q.quantize_multiplier(2.0**-33) == (0, 0)
    for wrong in (-0.5, math.inf, math.nan, 2.0**30):
        with pytest.raises(ValueError, match="factor: "):
            q.quantize_multiplier(wrong)
        with pytest.raises(ValueError, match="factor: "):
            q.quantize_multipliers([1.0, wrong])


@given(st.floats(-(2.0**52), 2.0**52))
@example(0.49999999999999994)
@example(-2.5)
@example(4503599627370495.5)
def test_halves_round_away_from_zero(value: float) -> None:
    exact = Fraction(value)
    expected = math.floor(abs(exact) + Fraction(1, 2)) * (-1 if value < 0 else 1)
    assert q.round_half_away(value) == expected


@pytest.mark.parametrize(
    ("activation", "expected"), [(0, (-128, 127)), (1, (-28, 127)), (2, (-38, -18)), (3, (-28, 32))]
)
def test_activations(activation: int, expected: tuple[int, int]) -> None:
    assert q.activation_range(activation, 0.1, -28) == expected


def test_activations_stay_within_the_type() -> None:
    assert q.activation_range(3, 0.01, 100) == (100, 127)
    assert q.activation_range(3, 0.001, 0, "int16") == (0, 6000)
    with pytest.raises(ValueError, match="activation: number 4 "):
        q.activation_range(4, 0.1, 0)
    with pytest.raises(ValueError, match=r"scale: .* too small"):
        q.activation_range(3, 1e-12, 0)


def small_model() -> bytes:
    weights = np.arange(24, dtype=np.int8).reshape(2, 12)
    tensors = [
        Tensor((3, 12), scale=0.5, zero_point=-4),
        constant(weights, [0.25, 0.125], axis=0),
        Tensor((3, 2), scale=2.0, zero_point=9),
    ]
    options = {"FusedActivationFunction": 1, "KeepNumDims": True}
    return write_model(tensors, [Operator("FULLY_CONNECTED", (0, 1, -1), (2,), options)], (0,), (2,))


def test_what_is_written_is_read() -> None:
    model = read_model(small_model())
    assert (model.inputs, model.outputs, model.names) == ((0,), (2,), {"t0": 0, "t1": 1, "t2": 2})
    given_, weights, result = model.tensors
    assert (given_.shape, given_.dtype, given_.scale, given_.zero_point) == ((3, 12), "int8", 0.5, -4)
    assert given_.data is None
    assert not given_.variable
    assert weights.data is not None
    assert weights.data.tolist() == np.arange(24).reshape(2, 12).tolist()
    assert (weights.scales.tolist(), weights.channel_axis) == ([0.25, 0.125], 0)
    assert (result.shape, result.scale, result.zero_point) == ((3, 2), 2.0, 9)
    (operator,) = model.operators
    assert (operator.code, operator.inputs, operator.outputs) == ("FULLY_CONNECTED", (0, 1, -1), (2,))
    assert operator.option("FusedActivationFunction") == 1
    assert operator.option("KeepNumDims")
    with pytest.raises(ValueError, match=r"tensor 1 \(t1\): has 2 scales, one is needed here"):
        _ = weights.scale


def test_what_is_no_model() -> None:
    with pytest.raises(ValueError, match="model: is no TensorFlow Lite model"):
        read_model(b"\x7fELF and so on")
    with pytest.raises(ValueError, match="model: is damaged or cut short"):
        read_model(small_model()[:100])
