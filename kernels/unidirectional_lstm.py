# SPDX-License-Identifier: Apache-2.0
"""Long short-term memory over a sequence: `unidirectional_lstm`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_integer, check_zero_point
from mcusim.kernels.elementwise import check_factor, check_rounding, clamped, dtype_limits, requantized
from mcusim.kernels.logistic import MULTIPLIER_OF_A_POWER_OF_TWO, logistic_int16, tanh_int16
from mcusim.kernels.output_stage import requantize_wide
from mcusim.kernels.products import padded_rows, sums_of_products, widened

Array = npt.NDArray[Any]
Factor = tuple[int, int]

GATES = ("input", "forget", "cell", "output")


@dataclass(frozen=True)
class Gate:
    """One of the four gates: weights int8 (units, features) and (units, units), bias (units,) or None, two factors.

    The bias is int32 with int8 inputs, int64 with int16 ones. Each factor (multiplier, shift) brings a sum to 2^-12.
    """

    input_weights: Array
    recurrent_weights: Array
    bias: Array | None
    input_factor: Factor
    recurrent_factor: Factor


def unidirectional_lstm(
    inputs: Array,
    hidden: Array,
    cell: Array,
    *,
    input_gate: Gate,
    forget_gate: Gate,
    cell_gate: Gate,
    output_gate: Gate,
    forget_factor: Factor,
    input_factor: Factor,
    hidden_factor: Factor,
    cell_scale_power: int,
    cell_clip: int = 0,
    input_zero_point: int = 0,
    hidden_zero_point: int = 0,
    time_major: bool = False,
    rounding: str = "double",
) -> tuple[Array, Array, Array]:
    """Run over time; int8 or int16 (n, steps, features) -> ((n, steps, units), hidden, cell after the last step).

    `hidden` (n, units) has the inputs' dtype, `cell` (n, units) is int16 with the scale 2^cell_scale_power. Each step,
    for each gate g, with x the inputs of that step and all sums saturating to int16:

        g       = act(requantise(Wx @ (x - input_zero_point) + bias) + requantise(Wh @ (hidden - hidden_zero_point)))
        cell    = requantise(forget * cell, forget_factor) + requantise(input * cell gate, input_factor)
        hidden  = clamp(requantise(output * tanh(cell), hidden_factor) + hidden_zero_point)

    act is the logistic function, for the cell gate tanh; both are those of `logistic.py`. A `cell_clip` above 0 cuts
    the cell to [-cell_clip, cell_clip]. With `time_major` inputs and outputs are (steps, n, ...). The factors come from
    `scaling.lstm_scaling` and `scaling.lstm_gate_factor`. Raises ValueError naming the operand. Source: TensorFlow Lite
    Micro micro/kernels/lstm_eval.h, lstm_eval_common.cc (no peepholes, projection, layer normalisation, nor coupled
    gates).
    """
    check_array("inputs", inputs, ("int8", "int16"), 3)
    check_array("hidden", hidden, (inputs.dtype.name,), 2)
    check_array("cell", cell, ("int16",), 2)
    sequence = inputs if time_major else inputs.swapaxes(0, 1)
    units = hidden.shape[1]
    for name, state in (("hidden", hidden), ("cell", cell)):
        if state.shape != (sequence.shape[1], units):
            raise ValueError(f"{name}: shape is {state.shape}, it must be ({sequence.shape[1]}, {units})")
    gates = dict(zip(GATES, (input_gate, forget_gate, cell_gate, output_gate), strict=True))
    for name, gate in gates.items():
        _check_gate(f"{name}_gate", gate, inputs, units)
    factors = {
        name: check_factor(f"{name}_factor: ", *factor)
        for name, factor in (("forget", forget_factor), ("input", input_factor), ("hidden", hidden_factor))
    }
    single, clip = check_rounding(rounding), check_integer("cell_clip", cell_clip, 0, 32767)
    tanh_scaling = _tanh_scaling(check_integer("cell_scale_power", cell_scale_power, -15, 0))
    input_point = check_zero_point("input_zero_point", input_zero_point, inputs.dtype)
    hidden_point = check_zero_point("hidden_zero_point", hidden_zero_point, inputs.dtype)

    limits = dtype_limits(inputs.dtype)
    outputs = np.empty((*sequence.shape[:2], units), inputs.dtype)
    for step, features in enumerate(sequence):
        found = {}
        for name, gate in gates.items():
            total = _gate_sums(features, input_point, gate.input_weights, gate.bias, gate.input_factor, single)
            total += _gate_sums(hidden, hidden_point, gate.recurrent_weights, None, gate.recurrent_factor, single)
            values = np.clip(total, -32768, 32767)
            function = tanh_int16 if name == "cell" else logistic_int16
            found[name] = function(values, MULTIPLIER_OF_A_POWER_OF_TWO, 0).astype(np.int32)
        kept = _product(found["forget"], cell.astype(np.int32), factors["forget"], single)
        new = _product(found["input"], found["cell"], factors["input"], single)
        cell = np.clip(kept + new, -32768, 32767).astype(np.int16)
        if clip:
            cell = np.clip(cell, -clip, clip).astype(np.int16)
        squashed = tanh_int16(cell, *tanh_scaling).astype(np.int32)
        scaled = requantized(squashed * found["output"], factors["hidden"], single)
        hidden = clamped(scaled, hidden_point, limits, inputs.dtype)
        outputs[step] = hidden
    return np.ascontiguousarray(outputs if time_major else outputs.swapaxes(0, 1)), hidden.copy(), cell.copy()


def _check_gate(name: str, gate: Gate, inputs: Array, units: int) -> None:
    for part, columns in (("input_weights", inputs.shape[2]), ("recurrent_weights", units)):
        weights = getattr(gate, part)
        check_array(f"{name}.{part}", weights, ("int8",), 2)
        if weights.shape != (units, columns):
            raise ValueError(f"{name}.{part}: shape is {weights.shape}, it must be ({units}, {columns})")
    if gate.bias is not None:
        check_array(f"{name}.bias", gate.bias, ("int64" if inputs.dtype == np.int16 else "int32",), 1)
        if gate.bias.shape != (units,):
            raise ValueError(f"{name}.bias: shape is {gate.bias.shape}, it must be ({units},)")
    most = 7 if inputs.dtype == np.int16 else 30
    check_factor(f"{name}.input_factor: ", *gate.input_factor, most=most)
    check_factor(f"{name}.recurrent_factor: ", *gate.recurrent_factor, most=most)


def _tanh_scaling(power: int) -> Factor:
    """Return (multiplier, shift to the right) that bring a cell with scale 2^power to 1/12288."""
    left = power + 12
    return (MULTIPLIER_OF_A_POWER_OF_TWO << left, 0) if left >= 0 else (MULTIPLIER_OF_A_POWER_OF_TWO, -left)


def _gate_sums(
    values: Array, zero_point: int, weights: Array, bias: Array | None, factor: Factor, single: bool
) -> npt.NDArray[np.int32]:
    """Return the requantised products of one step, saturated to int16."""
    bits = 64 if values.dtype == np.int16 else 32
    sums = sums_of_products(padded_rows(widened(values, zero_point)), padded_rows(widened(weights)), bits)
    if bias is not None:
        sums += bias
    if bits == 64:
        multipliers, shifts = np.array([factor[0]], np.int32), np.array([factor[1]], np.int32)
        scaled = requantize_wide(sums, multipliers, shifts, single)
    else:
        scaled = requantized(sums, factor, single)
    return np.clip(scaled, -32768, 32767)


def _product(first: Array, second: Array, factor: Factor, single: bool) -> npt.NDArray[np.int32]:
    """Return the requantised product of two int16 vectors, saturated to int16."""
    return np.clip(requantized(first * second, factor, single), -32768, 32767)
