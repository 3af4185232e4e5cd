# SPDX-License-Identifier: Apache-2.0
"""CMSIS-NN, int8 functions (Include/arm_nnfunctions.h, arm_nn_types.h of ARM-software/CMSIS-NN, commit 99f736a).

Dimensions are n, h, w, c; offsets of inputs are negated zero points, those of outputs are not. Rounding is double
unless the library was built with CMSIS_NN_USE_SINGLE_ROUNDING (`rounding = "single"` in a suite).
"""

from __future__ import annotations

from typing import Any

from mcusim.checking.binding import Binding, Spec
from mcusim.checking.case import Style, Values

_CONTEXT = {"buf": "scratch", "size": "scratch_bytes"}
_ACTIVATION = {"min": "activation_min", "max": "activation_max"}
_STRIDE, _DILATION = {"w": "stride_w", "h": "stride_h"}, {"w": "dilation_w", "h": "dilation_h"}
_PADDING = {"w": "pad_left", "h": "pad_top"}
_INPUT = {"n": "batches", "h": "input_h", "w": "input_w", "c": "input_c"}
_OUTPUT = {"n": "batches", "h": "output_h", "w": "output_w", "c": "output_c"}
_BIAS = {"n": 1, "h": 1, "w": 1, "c": "output_c"}
_CHANNEL_QUANT = {"multiplier": "multipliers", "shift": "shifts"}
_TENSOR_QUANT = {"multiplier": "multiplier", "shift": "shift"}

_CONV = {
    "input_offset": "-input_zero_point", "output_offset": "output_zero_point", "stride": _STRIDE, "padding": _PADDING,
    "dilation": _DILATION, "activation": _ACTIVATION,
}  # fmt: skip
_CONV_FILTER = {"n": "output_c", "h": "kernel_h", "w": "kernel_w", "c": "input_c"}
_DEPTHWISE = {
    "input_offset": "-input_zero_point", "output_offset": "output_zero_point", "ch_mult": "channel_multiplier",
    "stride": _STRIDE, "padding": _PADDING, "dilation": _DILATION, "activation": _ACTIVATION,
}  # fmt: skip
_DEPTHWISE_FILTER = {"n": 1, "h": "kernel_h", "w": "kernel_w", "c": "output_c"}
_POOL = {"stride": _STRIDE, "padding": _PADDING, "activation": _ACTIVATION}
_POOL_FILTER = {"n": 1, "h": "kernel_h", "w": "kernel_w", "c": 1}
_FC = {
    "input_offset": "-input_zero_point", "filter_offset": 0, "output_offset": "output_zero_point",
    "activation": _ACTIVATION,
}  # fmt: skip
_FC_INPUT = {"n": "batches", "h": 1, "w": 1, "c": "input_c"}
_FC_FILTER = {"n": "input_c", "h": 1, "w": 1, "c": "output_c"}
_FC_OUTPUT = {"n": "batches", "h": 1, "w": 1, "c": "output_c"}
_LAYER: tuple[Spec, ...] = ("bias", _OUTPUT, "output")
_LIBRARY = "cmsis-nn"


def _conv_scratch(values: Values) -> int:
    """Return bytes that hold two columns of int16 (arm_convolve_get_buffer_sizes_s8.c), with room to spare."""
    return 4 * int(values["kernel_h"] * values["kernel_w"] * values["input_c"] + values["output_c"] + 32)


def _depthwise_scratch(values: Values) -> int:
    """Return bytes that hold the window of all channels as int16 (arm_depthwise_conv_get_buffer_sizes_s8.c)."""
    return 4 * int(values["kernel_h"] * values["kernel_w"] * values["output_c"] + 32)


def _channels_scratch(values: Values) -> int:
    """Return bytes that hold a 32-bit sum for each channel, of input or output."""
    return 4 * int(max(values["input_c"], values["output_c"])) + 16


def _convolution(function: str, *size: Spec, **options: Any) -> Binding:
    """Return the binding of a convolution; `size` are the arguments of the function that returns its scratch size."""
    arguments = (_CONTEXT, _CONV, _CHANNEL_QUANT, _INPUT, "input", _CONV_FILTER, "weights", _BIAS, *_LAYER)
    scratch = (f"{function}_get_buffer_size", size or (_CONV, _INPUT, _CONV_FILTER, _OUTPUT))
    common: dict[str, Any] = {"scratch": scratch, "scratch_limit": _conv_scratch, "success": 0}
    return Binding(function, "conv2d", arguments, _LIBRARY, **common, **options)


def _depthwise(function: str, *size: Spec, **options: Any) -> Binding:
    arguments = (_CONTEXT, _DEPTHWISE, _CHANNEL_QUANT, _INPUT, "input", _DEPTHWISE_FILTER, "weights", _BIAS, *_LAYER)
    scratch = (f"{function}_get_buffer_size", size or (_DEPTHWISE, _INPUT, _DEPTHWISE_FILTER, _OUTPUT))
    common: dict[str, Any] = {"scratch": scratch, "scratch_limit": _depthwise_scratch, "success": 0}
    return Binding(function, "depthwise_conv2d", arguments, _LIBRARY, **common, **options)


def _pool(function: str, operator: str, **options: Any) -> Binding:
    arguments = (_CONTEXT, _POOL, _INPUT, "input", _POOL_FILTER, _OUTPUT, "output")
    return Binding(function, operator, arguments, _LIBRARY, success=0, **options)


_ONE_BY_ONE = {"kernel_h": 1, "kernel_w": 1, "dilation_h": 1, "dilation_w": 1}
_NO_DILATION = {"dilation_h": 1, "dilation_w": 1}
_SINGLE = _NO_DILATION | {"batches": 1, "channel_multiplier": 1}

BINDINGS = (
    _convolution("arm_convolve_wrapper_s8"),
    _convolution("arm_convolve_1x1_s8", space=_ONE_BY_ONE, style=Style(padding="none")),
    _convolution("arm_convolve_1x1_s8_fast", _INPUT, space=_ONE_BY_ONE | {"stride_h": 1, "stride_w": 1},
                 style=Style(padding="none")),
    _convolution("arm_convolve_1_x_n_s8", space=_NO_DILATION | {"input_h": 1, "kernel_h": 1, "stride_h": 1,
                                                                "batches": 1, "input_c": [4, 8, 12]}),
    _depthwise("arm_depthwise_conv_wrapper_s8", space={"batches": 1}),
    _depthwise("arm_depthwise_conv_s8", space={"batches": 1}),
    _depthwise("arm_depthwise_conv_s8_opt", _INPUT, _DEPTHWISE_FILTER, space=_SINGLE),
    _depthwise("arm_depthwise_conv_3x3_s8", space=_SINGLE | {"kernel_h": 3, "kernel_w": 3}),
    Binding(
        "arm_fully_connected_s8", "fully_connected",
        (_CONTEXT, _FC, _TENSOR_QUANT, _FC_INPUT, "input", _FC_FILTER, "weights", _BIAS, "bias", _FC_OUTPUT, "output"),
        _LIBRARY, scratch=("arm_fully_connected_s8_get_buffer_size", (_FC_FILTER,)), scratch_limit=_channels_scratch,
        success=0,
    ),
    _pool("arm_avgpool_s8", "average_pool2d", scratch=("arm_avgpool_s8_get_buffer_size", ("output_w", "input_c")),
          scratch_limit=_channels_scratch),
    _pool("arm_max_pool_s8", "max_pool2d"),
    Binding(
        "arm_elementwise_add_s8", "add",
        ("input1", "input2", "-input1_zero_point", "input1_multiplier", "input1_shift", "-input2_zero_point",
         "input2_multiplier", "input2_shift", "left_shift", "output", "output_zero_point", "output_multiplier",
         "output_shift", "activation_min", "activation_max", "size"),
        _LIBRARY, success=0,
    ),
    Binding("arm_softmax_s8", "softmax",
            ("input", "rows", "row_size", "multiplier", "shift", "difference_min", "output"), _LIBRARY),
)  # fmt: skip
