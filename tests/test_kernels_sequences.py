# SPDX-License-Identifier: Apache-2.0
"""Transposed convolution, matrix products, SVDF and LSTM equal their plain twins."""

from __future__ import annotations

from typing import Any

import kernel_values as draws
import naive_sequences
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from mcusim.kernels.batch_matmul import batch_matmul
from mcusim.kernels.logistic import SIGMOID_TABLE
from mcusim.kernels.scaling import lstm_scaling
from mcusim.kernels.svdf import svdf
from mcusim.kernels.transpose_conv import transpose_conv
from mcusim.kernels.unidirectional_lstm import GATES, Gate, unidirectional_lstm

DTYPES = st.sampled_from(("int8", "int16"))
FACTORS = st.tuples(draws.multipliers, draws.shifts)


@draws.few
@given(st.data(), DTYPES, draws.pairs, draws.pairs, draws.pairs)
def test_transpose_conv_equals_its_twin(data: st.DataObject, dtype: str, size: Any, kernel: Any, strides: Any) -> None:
    channels, outputs = data.draw(draws.small), data.draw(draws.small)
    inputs = data.draw(draws.values(dtype, (data.draw(st.integers(1, 2)), *size, channels)))
    weights = data.draw(draws.values("int8", (outputs, *kernel, channels)))
    bias = data.draw(draws.biases(dtype, outputs, narrow=False))
    options = data.draw(draws.output_options(dtype, outputs))
    options |= {"strides": strides, "offset": data.draw(draws.sides)}
    output_size = (data.draw(st.integers(1, 8)), data.draw(st.integers(1, 8)))
    result = transpose_conv(inputs, weights, bias, output_size=output_size, **options)
    expected = naive_sequences.transpose_conv(inputs, weights, bias, output_size, **options)
    assert_array_equal(result, expected, strict=True)


@draws.few
@given(st.data(), DTYPES, st.booleans(), st.booleans())
def test_batch_matmul_equals_its_twin(data: st.DataObject, dtype: str, transpose1: bool, transpose2: bool) -> None:
    rows, depth, columns = (data.draw(st.integers(0, 4)) for _ in range(3))
    leading = data.draw(st.sampled_from((((), ()), ((2,), (2,)), ((3, 1), (2,)), ((), (2,)), ((2, 1), (1, 3)))))
    first = data.draw(draws.values(dtype, (*leading[0], *((depth, rows) if transpose1 else (rows, depth)))))
    second = data.draw(draws.values(dtype, (*leading[1], *((columns, depth) if transpose2 else (depth, columns)))))
    options: dict[str, Any] = {"multiplier": data.draw(draws.multipliers), "shift": data.draw(draws.shifts)}
    options |= {"transpose1": transpose1, "transpose2": transpose2, "rounding": data.draw(draws.roundings)}
    if dtype == "int8":
        options |= {
            name: data.draw(draws.zero_points)
            for name in ("input1_zero_point", "input2_zero_point", "output_zero_point")
        }
    options |= data.draw(draws.activations(dtype))
    result = batch_matmul(first, second, **options)
    assert_array_equal(result, naive_sequences.batch_matmul(first, second, **options), strict=True)


@draws.few
@given(st.data(), DTYPES, st.integers(1, 3))
def test_svdf_equals_its_twin_step_by_step(data: st.DataObject, dtype: str, rank: int) -> None:
    batches, units, features, memory = (data.draw(st.integers(1, 3)) for _ in range(4))
    filters = units * rank
    feature_weights = data.draw(draws.values("int8", (filters, features)))
    time_weights = data.draw(draws.values(dtype, (filters, memory)))
    bias = data.draw(draws.biases("int8", units))
    options: dict[str, Any] = {"rank": rank, "rounding": data.draw(draws.roundings)}
    options["feature_multiplier"], options["feature_shift"] = data.draw(FACTORS)
    options["multiplier"], options["shift"] = data.draw(FACTORS)
    options |= {name: data.draw(draws.zero_points) for name in ("input_zero_point", "output_zero_point")}
    if dtype == "int8":
        options["state_zero_point"] = data.draw(draws.zero_points)
    state = data.draw(draws.values(dtype, (batches, filters * memory)))
    twins = state
    for _ in range(2):
        inputs = data.draw(draws.values("int8", (batches, features)))
        outputs, state = svdf(inputs, feature_weights, time_weights, bias, state, **options)
        expected, twins = naive_sequences.svdf(inputs, feature_weights, time_weights, bias, twins, **options)
        assert_array_equal(outputs, expected, strict=True)
        assert_array_equal(state, twins, strict=True)


@draws.few
@given(st.data(), DTYPES, st.integers(-15, -9), st.booleans())
def test_lstm_equals_its_twin(data: st.DataObject, dtype: str, power: int, clipped: bool) -> None:
    batches, steps, features, units = (data.draw(st.integers(1, 3)) for _ in range(4))
    near = st.tuples(st.just(1 << 30), st.integers(-6, 0))  # what leaves the gates between their ends
    gates = {
        name: Gate(
            data.draw(draws.values("int8", (units, features))),
            data.draw(draws.values("int8", (units, units))),
            data.draw(draws.biases(dtype, units, narrow=False)) if data.draw(st.booleans()) else None,
            data.draw(near),
            data.draw(near),
        )
        for name in GATES
    }
    options: dict[str, Any] = lstm_scaling(2.0**power, 2.0**-7 if dtype == "int8" else 2.0**-15)
    options |= {"cell_clip": data.draw(st.integers(1, 20000)) if clipped else 0}
    options["rounding"] = data.draw(draws.roundings)
    if dtype == "int8":
        options |= {name: data.draw(draws.zero_points) for name in ("input_zero_point", "hidden_zero_point")}
    inputs = data.draw(draws.values(dtype, (batches, steps, features)))
    hidden, cell = data.draw(draws.values(dtype, (batches, units))), data.draw(draws.values("int16", (batches, units)))
    expected = naive_sequences.lstm(inputs, hidden, cell, gates, SIGMOID_TABLE.tolist(), **options)
    named: dict[str, Any] = {f"{name}_gate": gate for name, gate in gates.items()} | options
    for result, twin in zip(unidirectional_lstm(inputs, hidden, cell, **named), expected, strict=True):
        assert_array_equal(result, twin, strict=True)
    turned = unidirectional_lstm(inputs.swapaxes(0, 1), hidden, cell, time_major=True, **named)
    assert_array_equal(turned[0].swapaxes(0, 1), expected[0])


def test_wrong_gates_are_named() -> None:
    gate = Gate(np.zeros((2, 3), np.int8), np.zeros((2, 2), np.int8), None, (1 << 30, 0), (1 << 30, 0))
    wrong = Gate(np.zeros((2, 4), np.int8), np.zeros((2, 2), np.int8), None, (1 << 30, 0), (1 << 30, 0))
    gates: dict[str, Any] = dict.fromkeys(("input_gate", "forget_gate", "cell_gate", "output_gate"), gate)
    tensors = np.zeros((1, 1, 3), np.int8), np.zeros((1, 2), np.int8), np.zeros((1, 2), np.int16)
    factors = lstm_scaling(2.0**-12, 0.01)
    assert unidirectional_lstm(*tensors, **gates, **factors)[0].shape == (1, 1, 2)
    with pytest.raises(ValueError, match=r"cell_gate\.input_weights: shape is \(2, 4\), it must be \(2, 3\)"):
        unidirectional_lstm(*tensors, **gates | {"cell_gate": wrong}, **factors)
