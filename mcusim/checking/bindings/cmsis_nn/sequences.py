# SPDX-License-Identifier: Apache-2.0
"""CMSIS-NN's layers with a state: svdf, unidirectional LSTM."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcusim.checking.binding import Binding, Spec
from mcusim.checking.bindings.cmsis_nn.words import CONTEXT, INT16, LIBRARY
from mcusim.checking.case import INT8_MAX, INT8_MIN, Array, Style, Values
from mcusim.checking.operators.sequences import lstm_sequence, svdf_step
from mcusim.kernels.unidirectional_lstm import GATES

_SIGMOID, _TANH = 0, 1  # arm_nn_activation_type


def _svdf(function: str, *first: Spec, style: Style, **options: Any) -> Binding:
    """Return the binding of svdf; `first` are the contexts before those of input and output."""
    low, high = style.limits
    features: Spec = {"n": "filters", "h": "input_c", "w": 1, "c": 1}
    params: Spec = {
        "rank": "rank", "input_offset": "input_zero_point", "output_offset": "output_zero_point",
        "input_activation": {"min": low, "max": high}, "output_activation": {"min": INT8_MIN, "max": INT8_MAX},
    }  # fmt: skip
    arguments: tuple[Spec, ...] = (
        *first, {"buf": "filters_scratch", "size": 0}, {"buf": "units_scratch", "size": 0}, params,
        {"multiplier": "feature_multiplier", "shift": "feature_shift"}, {"multiplier": "multiplier", "shift": "shift"},
        {"n": "batches", "h": "input_c", "w": 1, "c": 1}, "input", {"n": "batches", "h": "filters", "w": "memory",
                                                                    "c": 1}, "state",
        features, "feature_weights", {"n": "filters", "h": "memory", "w": 1, "c": 1}, "time_weights",
        {"n": "units", "h": 1, "w": 1, "c": 1}, "bias", {"n": "batches", "h": "units", "w": 1, "c": 1}, "output",
    )  # fmt: skip
    return Binding(
        function, "svdf", arguments, LIBRARY, style, success=0, prepare=_svdf_buffers,
        more={"state": lambda values: svdf_step(values)[1]}, **options,
    )  # fmt: skip


def _svdf_buffers(values: Values) -> Values:
    sums = values["batches"] * values["filters"]
    return values | {"filters_scratch": np.zeros(sums, np.int32), "units_scratch": np.zeros(sums, np.int32)}


def _lstm(function: str, style: Style) -> Binding:
    params: dict[str, Spec] = {
        "time_major": "time_major", "batch_size": "batches", "time_steps": "steps", "input_size": "input_c",
        "hidden_size": "units", "input_offset": "-input_zero_point",
        **{f"{name}_{part}": f"{name}_{part}" for name in ("forget_to_cell", "input_to_cell")
           for part in ("multiplier", "shift")},
        "cell_clip": "cell_clip", "cell_scale_power": "cell_scale_power", "output_multiplier": "output_multiplier",
        "output_shift": "output_shift", "output_offset": "hidden_zero_point",
    }  # fmt: skip
    params |= {f"{name}_gate": _gate(name) for name in ("forget", "input", "cell", "output")}
    buffers: Spec = {
        "temp1": "first_scratch",
        "temp2": "second_scratch",
        "cell_state": "cell",
        "hidden_state": "hidden",
    }
    return Binding(
        function, "unidirectional_lstm", ("input", "output", params, buffers), LIBRARY, style, success=0,
        prepare=_lstm_words,
        more={"hidden": lambda values: lstm_sequence(values)[1], "cell": lambda values: lstm_sequence(values)[2]},
    )  # fmt: skip


def _gate(name: str) -> Spec:
    """Return a `cmsis_nn_lstm_gate`; the bias is in what the input adds."""
    return {
        "input_multiplier": f"{name}_input_multiplier", "input_shift": f"{name}_input_shift",
        "input_weights": f"{name}_input_weights", "input_effective_bias": f"{name}_input_bias",
        "hidden_multiplier": f"{name}_hidden_multiplier", "hidden_shift": f"{name}_hidden_shift",
        "hidden_weights": f"{name}_hidden_weights", "hidden_effective_bias": f"{name}_hidden_bias",
        "bias": 0, "activation_type": _TANH if name == "cell" else _SIGMOID,
    }  # fmt: skip


def _lstm_words(values: Values) -> Values:
    """Add the members of gates, with what zero points add in the biases, factors by CMSIS-NN's names, and buffers."""
    made: Values = {}
    wide = np.int64 if values["input"].dtype == np.int16 else np.int32
    for name in GATES:
        gate = values[f"{name}_gate"]
        weights: dict[str, tuple[Array, tuple[int, int], int]] = {
            "input": (gate.input_weights, gate.input_factor, values["input_zero_point"]),
            "hidden": (gate.recurrent_weights, gate.recurrent_factor, values["hidden_zero_point"]),
        }
        for part, (matrix, (multiplier, shift), point) in weights.items():
            made[f"{name}_{part}_weights"] = matrix
            made[f"{name}_{part}_multiplier"], made[f"{name}_{part}_shift"] = multiplier, shift
            sums = matrix.astype(np.int64).sum(axis=1) * -point + (gate.bias if part == "input" else 0)
            made[f"{name}_{part}_bias"] = sums.astype(wide)
    for theirs, ours in (("forget_to_cell", "forget"), ("input_to_cell", "input"), ("output", "hidden")):
        made[f"{theirs}_multiplier"], made[f"{theirs}_shift"] = values[f"{ours}_factor"]
    size = values["batches"] * values["units"]
    return values | made | {"first_scratch": np.zeros(size, np.int16), "second_scratch": np.zeros(size, np.int16)}


BINDINGS = (
    _svdf("arm_svdf_s8", CONTEXT, style=Style(),
          scratch=("arm_svdf_s8_get_buffer_size", ({"n": "filters", "h": "input_c", "w": 1, "c": 1},)),
          scratch_limit=lambda values: 4 * int(values["filters"]) + 16),
    _svdf("arm_svdf_state_s16_s8", style=INT16),
    _lstm("arm_lstm_unidirectional_s8", Style()),
    _lstm("arm_lstm_unidirectional_s16", INT16),
)  # fmt: skip
