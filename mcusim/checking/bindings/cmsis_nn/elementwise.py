# SPDX-License-Identifier: Apache-2.0
"""CMSIS-NN's sums, products and extremes of two tensors, activations, and softmax."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mcusim.checking.binding import Binding, Deviation, Spec
from mcusim.checking.bindings.cmsis_nn.words import CONTEXT, INT16, LIBRARY, dims
from mcusim.checking.case import Style, Values
from mcusim.kernels.softmax import int16_tables

_ACTIVATION = ("activation_min", "activation_max")
_SIGMOID, _TANH = 0, 1  # arm_nn_activation_type
_ZERO = Style(input_zero_point=0)


def _add(function: str, **options: Any) -> Binding:
    arguments = (
        "input1", "input2", "-input1_zero_point", "input1_multiplier", "input1_shift", "-input2_zero_point",
        "input2_multiplier", "input2_shift", "left_shift", "output", "output_zero_point", "output_multiplier",
        "output_shift", *_ACTIVATION, "size",
    )  # fmt: skip
    return Binding(function, "add", arguments, LIBRARY, success=0, **options)


def _mul(function: str, **options: Any) -> Binding:
    arguments = (
        "input1", "input2", "-input1_zero_point", "-input2_zero_point", "output", "output_zero_point", "multiplier",
        "shift", *_ACTIVATION, "size",
    )  # fmt: skip
    return Binding(function, "mul", arguments, LIBRARY, success=0, **options)


def _steps_twice(values: Values) -> bool:
    """Return whether an operand of one column and channel, but several rows, goes with one of several columns."""
    sizes = ({axis: values[f"input{number}_{axis}"] for axis in "hwc"} for number in (1, 2))
    return values["output_w"] > 1 and any(size["w"] * size["c"] == 1 < size["h"] for size in sizes)


_STEPS_TWICE = Deviation(
    "an operand of one column and one channel that is repeated along the columns is stepped on twice a row",
    _steps_twice,
)


def _extreme(name: str) -> Binding:
    arguments = (CONTEXT, "input1", dims("input1"), "input2", dims("input2"), "output", dims("output"))
    return Binding(f"arm_{name}_s8", name, arguments, LIBRARY, success=0, deviations=(_STEPS_TWICE,))


def _curve(operator: str, kind: int) -> Binding:
    """Return the binding of the function that is two operators; the tables go by functions, so one has another name."""
    arguments = ("input", "output", "size", "left_shift", kind)
    return Binding("arm_nn_activation_s16", operator, arguments, LIBRARY, style=INT16, success=0)


def _softmax(function: str, *rest: Spec, **options: Any) -> Binding:
    arguments = ("input", "rows", "row_size", "multiplier", "shift", *rest, "output")
    return Binding(function, "softmax", arguments, LIBRARY, **options)


def _with_tables(values: Values) -> Values:
    exps, ratios = (table.astype(np.int16) for table in int16_tables())
    return values | {"exps": exps, "ratios": ratios}


_ONE_WRAPS = Deviation(
    "a probability of 1 is not clamped to 32767 but wraps to -32768", lambda values: values["row_size"] == 1
)

BINDINGS = (
    _add("arm_elementwise_add_s8"),
    _add("arm_elementwise_add_s16", style=INT16),
    _mul("arm_elementwise_mul_s8"),
    _mul("arm_elementwise_mul_s16", style=INT16),
    _extreme("minimum"),
    _extreme("maximum"),
    Binding("arm_relu_q7", "relu", ("input", "size"), LIBRARY, _ZERO, result="input"),
    Binding("arm_relu_q15", "relu", ("input", "size"), LIBRARY, INT16, result="input"),
    Binding("arm_relu6_s8", "relu6", ("input", "size"), LIBRARY, _ZERO, {"zero": 0, "six": 6}, result="input"),
    _curve("logistic", _SIGMOID),
    replace(_curve("tanh", _TANH), name="arm_nn_activation_s16 (tanh)"),
    _softmax("arm_softmax_s8", "difference_min"),
    _softmax("arm_softmax_s8_s16", "difference_min", style=Style(output_dtype="int16")),
    _softmax("arm_softmax_s16", {"exp_lut": "exps", "one_by_one_lut": "ratios"}, style=INT16, prepare=_with_tables,
             success=0, deviations=(_ONE_WRAPS,)),
)  # fmt: skip
