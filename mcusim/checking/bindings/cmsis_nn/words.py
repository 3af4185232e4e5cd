# SPDX-License-Identifier: Apache-2.0
"""CMSIS-NN's structures (Include/arm_nn_types.h), in words of a case, and what several families share."""

from __future__ import annotations

from mcusim.checking.binding import Spec
from mcusim.checking.case import Style, Values

LIBRARY = "cmsis-nn"
INT16 = Style(dtype="int16")
CONTEXT: Spec = {"buf": "scratch", "size": "scratch_bytes"}
ACTIVATION: Spec = {"min": "activation_min", "max": "activation_max"}
CHANNEL_QUANT: Spec = {"multiplier": "multipliers", "shift": "shifts"}
TENSOR_QUANT: Spec = {"multiplier": "multiplier", "shift": "shift"}
INPUT: Spec = {"n": "batches", "h": "input_h", "w": "input_w", "c": "input_c"}
OUTPUT: Spec = {"n": "batches", "h": "output_h", "w": "output_w", "c": "output_c"}
BIAS: Spec = {"n": 1, "h": 1, "w": 1, "c": "output_c"}
# cmsis_nn_fc_params
FC: Spec = {
    "input_offset": "-input_zero_point", "filter_offset": 0, "output_offset": "output_zero_point",
    "activation": ACTIVATION,
}  # fmt: skip


def channels_scratch(values: Values) -> int:
    """Return bytes that hold a 32-bit sum for each channel, of input or output."""
    return 4 * int(max(values["input_c"], values["output_c"])) + 16


def dims(name: str) -> Spec:
    """Return a `cmsis_nn_dims` of words such as input1_n, input1_h, input1_w, input1_c."""
    return {axis: f"{name}_{axis}" for axis in "nhwc"}
