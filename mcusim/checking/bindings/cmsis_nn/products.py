# SPDX-License-Identifier: Apache-2.0
"""CMSIS-NN's fully connected layers, and products of matrices in batches."""

from __future__ import annotations

from typing import Any

from mcusim.checking.binding import Binding, Spec
from mcusim.checking.bindings.cmsis_nn.words import (
    ACTIVATION,
    BIAS,
    CHANNEL_QUANT,
    CONTEXT,
    FC,
    INT16,
    LIBRARY,
    TENSOR_QUANT,
    channels_scratch,
)
from mcusim.checking.case import Style

_INPUT: Spec = {"n": "batches", "h": 1, "w": 1, "c": "input_c"}
_FILTER: Spec = {"n": "input_c", "h": 1, "w": 1, "c": "output_c"}
_OUTPUT: Spec = {"n": "batches", "h": 1, "w": 1, "c": "output_c"}


def _either_quant(per_channel: int) -> Spec:
    """Return a `cmsis_nn_quant_params`."""
    return {"multiplier": "multipliers", "shift": "shifts", "is_per_channel": per_channel}


def _fully_connected(function: str, quant: Spec, size: str = "s8", **options: Any) -> Binding:
    arguments = (CONTEXT, FC, quant, _INPUT, "input", _FILTER, "weights", BIAS, "bias", _OUTPUT, "output")
    return Binding(
        function, "fully_connected", arguments, LIBRARY, success=0, scratch_limit=channels_scratch,
        scratch=(f"arm_fully_connected_{size}_get_buffer_size", (_FILTER,)), **options,
    )  # fmt: skip


def _matrices(number: int, rows: str) -> Spec:
    return {"n": f"input{number}_batches", "h": f"input{number}_heads", "w": rows, "c": "depth"}


def _batch_matmul(function: str, **options: Any) -> Binding:
    """Return the binding of a product of matrices. The second's rows are the product's columns, whatever adj_y says."""
    params: Spec = {
        "adjoint": 0,  # adj_x and adj_y, a byte each, and padding
        "fc_params": {"input_offset": "-input1_zero_point", "filter_offset": "-input2_zero_point",
                      "output_offset": "output_zero_point", "activation": ACTIVATION},
    }  # fmt: skip
    output: Spec = {"n": "output_batches", "h": "output_heads", "w": "rows", "c": "columns"}
    arguments = (
        CONTEXT, params, TENSOR_QUANT, _matrices(1, "rows"), "input1", _matrices(2, "columns"), "input2", output,
        "output",
    )  # fmt: skip
    return Binding(
        function, "batch_matmul", arguments, LIBRARY, success=0,
        scratch_limit=lambda values: 4 * int(values["columns"]), **options,
    )  # fmt: skip


BINDINGS = (
    _fully_connected("arm_fully_connected_s8", TENSOR_QUANT),
    _fully_connected("arm_fully_connected_per_channel_s8", CHANNEL_QUANT, style=Style(per_channel=True)),
    _fully_connected("arm_fully_connected_wrapper_s8", _either_quant(0)),
    _fully_connected("arm_fully_connected_wrapper_s8", _either_quant(1), style=Style(per_channel=True),
                     name="arm_fully_connected_wrapper_s8 (per channel)"),
    _fully_connected("arm_fully_connected_s16", TENSOR_QUANT, "s16", style=INT16),
    _batch_matmul("arm_batch_matmul_s8"),
    _batch_matmul("arm_batch_matmul_s16", style=INT16),
)  # fmt: skip
