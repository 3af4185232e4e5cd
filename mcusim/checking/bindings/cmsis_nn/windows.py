# SPDX-License-Identifier: Apache-2.0
"""CMSIS-NN's convolutions, transposed convolutions, and pools."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcusim.checking.binding import Binding, Deviation, Spec
from mcusim.checking.bindings.cmsis_nn.words import (
    ACTIVATION,
    BIAS,
    CHANNEL_QUANT,
    CONTEXT,
    INPUT,
    INT16,
    LIBRARY,
    OUTPUT,
    channels_scratch,
)
from mcusim.checking.case import Style, Values

_STRIDE, _DILATION = {"w": "stride_w", "h": "stride_h"}, {"w": "dilation_w", "h": "dilation_h"}
_PADDING = {"w": "pad_left", "h": "pad_top"}
_CONV = {
    "input_offset": "-input_zero_point", "output_offset": "output_zero_point", "stride": _STRIDE, "padding": _PADDING,
    "dilation": _DILATION, "activation": ACTIVATION,
}  # fmt: skip
_TRANSPOSE = {
    "input_offset": "-input_zero_point", "output_offset": "output_zero_point", "stride": _STRIDE, "padding": _PADDING,
    "padding_offsets": {"w": 0, "h": 0}, "dilation": {"w": 1, "h": 1}, "activation": ACTIVATION,
}  # fmt: skip
_CONV_FILTER = {"n": "output_c", "h": "kernel_h", "w": "kernel_w", "c": "input_c"}
_DEPTHWISE = {
    "input_offset": "-input_zero_point", "output_offset": "output_zero_point", "ch_mult": "channel_multiplier",
    "stride": _STRIDE, "padding": _PADDING, "dilation": _DILATION, "activation": ACTIVATION,
}  # fmt: skip
_DEPTHWISE_FILTER = {"n": 1, "h": "kernel_h", "w": "kernel_w", "c": "output_c"}
_POOL = {"stride": _STRIDE, "padding": _PADDING, "activation": ACTIVATION}
_POOL_FILTER = {"n": 1, "h": "kernel_h", "w": "kernel_w", "c": 1}
_LAYER: tuple[Spec, ...] = (BIAS, "bias", OUTPUT, "output")
_DATA_AND_WIDTH = {"data": "bias", "is_int32_bias": 0}  # cmsis_nn_bias_data


def _conv_scratch(values: Values) -> int:
    """Return bytes that hold two columns of int16 (arm_convolve_get_buffer_sizes_s8.c), with room to spare."""
    return 4 * int(values["kernel_h"] * values["kernel_w"] * values["input_c"] + values["output_c"] + 32)


def _depthwise_scratch(values: Values) -> int:
    """Return bytes that hold the window of all channels as int16 (arm_depthwise_conv_get_buffer_sizes_s8.c)."""
    return 4 * int(values["kernel_h"] * values["kernel_w"] * values["output_c"] + 32)


def _transpose_scratch(values: Values) -> int:
    """Return bytes for 32-bit sums of some rows of the output, or for two columns of the turned convolution."""
    return 4 * int((values["output_w"] + 8) * values["output_c"] * 8) + _conv_scratch(values)


def _convolution(function: str, *size: Spec, layer: tuple[Spec, ...] = _LAYER, **options: Any) -> Binding:
    """Return the binding of a convolution; `size` are the arguments of the function that returns its scratch size."""
    arguments = (CONTEXT, _CONV, CHANNEL_QUANT, INPUT, "input", _CONV_FILTER, "weights", *layer)
    scratch = (f"{function}_get_buffer_size", size or (_CONV, INPUT, _CONV_FILTER, OUTPUT))
    common: dict[str, Any] = {"scratch": scratch, "scratch_limit": _conv_scratch, "success": 0}
    return Binding(function, "conv2d", arguments, LIBRARY, **common, **options)


def _depthwise(function: str, *size: Spec, **options: Any) -> Binding:
    arguments = (CONTEXT, _DEPTHWISE, CHANNEL_QUANT, INPUT, "input", _DEPTHWISE_FILTER, "weights", *_LAYER)
    scratch = (f"{function}_get_buffer_size", size or (_DEPTHWISE, INPUT, _DEPTHWISE_FILTER, OUTPUT))
    common: dict[str, Any] = {"scratch": scratch, "scratch_limit": _depthwise_scratch, "success": 0}
    return Binding(function, "depthwise_conv2d", arguments, LIBRARY, **common, **options)


def _transpose_convolution(function: str, *deviations: Deviation) -> Binding:
    """Return the binding of a transposed convolution, which has a second buffer, for the weights turned around."""
    arguments = (
        CONTEXT, {"buf": "turned_scratch", "size": "turned_bytes"}, _TRANSPOSE, CHANNEL_QUANT, INPUT, "input",
        _CONV_FILTER, "weights", *_LAYER,
    )  # fmt: skip
    size = ("arm_transpose_conv_s8_get_buffer_size", (_TRANSPOSE, INPUT, _CONV_FILTER, OUTPUT))
    return Binding(
        function, "transpose_conv", arguments, LIBRARY, scratch=size, scratch_limit=_transpose_scratch, success=0,
        prepare=_turned, space={"input_c": [1, 2, 3, 4, 8, 12, 16, 20, 24]}, deviations=deviations,
    )  # fmt: skip


def _turned(values: Values) -> Values:
    turned = np.zeros(values["weights"].size, np.int8)
    return values | {"turned_scratch": turned, "turned_bytes": turned.size}


def _pool(function: str, operator: str, **options: Any) -> Binding:
    arguments = (CONTEXT, _POOL, INPUT, "input", _POOL_FILTER, OUTPUT, "output")
    return Binding(function, operator, arguments, LIBRARY, success=0, **options)


def _average_pool(function: str, **options: Any) -> Binding:
    size = (f"{function}_get_buffer_size", ("output_w", "input_c"))
    return _pool(function, "average_pool2d", scratch=size, scratch_limit=channels_scratch, **options)


def _turned_instead(values: Values) -> bool:
    """Return whether the wrapper would turn the weights and convolve (REVERSE_TCOL_EFFICIENT_THRESHOLD is 16)."""
    return bool(values["stride_w"] <= 2 and values["stride_h"] <= 2 and values["input_c"] > 16)


_ROWS_TOO_SHORT = Deviation(
    "arm_transpose_conv_s8_get_buffer_size takes stride.h where stride.w is meant: the buffer is too small for kernels "
    "narrower than stride.w, and the function writes behind it",
    lambda values: max(values["kernel_w"], values["stride_h"]) < max(values["kernel_w"], values["stride_w"]),
    "error",
)
_SIZE_OF_THE_WRAPPER = Deviation(
    "arm_transpose_conv_s8_get_buffer_size gives the size that arm_transpose_conv_wrapper_s8 needs, with more than 16 "
    "channels another one: the function writes behind the buffer",
    _turned_instead, "error",
)  # fmt: skip

_ONE_BY_ONE = {"kernel_h": 1, "kernel_w": 1, "dilation_h": 1, "dilation_w": 1}
_NO_DILATION = {"dilation_h": 1, "dilation_w": 1}
_SINGLE = _NO_DILATION | {"batches": 1, "channel_multiplier": 1}
_INT16_LAYER: tuple[Spec, ...] = (BIAS, _DATA_AND_WIDTH, OUTPUT, "output")

BINDINGS = (
    _convolution("arm_convolve_wrapper_s8"),
    # The dimensions before the output's say how far a transposed convolution spreads its input; none for others.
    _convolution("arm_convolve_s8", INPUT, _CONV_FILTER, layer=(BIAS, "bias", 0, OUTPUT, "output")),
    _convolution("arm_convolve_1x1_s8", space=_ONE_BY_ONE, style=Style(padding="none")),
    _convolution("arm_convolve_1x1_s8_fast", INPUT, space=_ONE_BY_ONE | {"stride_h": 1, "stride_w": 1},
                 style=Style(padding="none")),
    _convolution("arm_convolve_1_x_n_s8", space=_NO_DILATION | {"input_h": 1, "kernel_h": 1, "stride_h": 1,
                                                                "batches": 1, "input_c": [4, 8, 12]}),
    _convolution("arm_convolve_wrapper_s16", layer=_INT16_LAYER, style=INT16),
    _convolution("arm_convolve_s16", INPUT, _CONV_FILTER, layer=_INT16_LAYER, style=INT16),
    _transpose_convolution("arm_transpose_conv_wrapper_s8", _ROWS_TOO_SHORT),
    _transpose_convolution("arm_transpose_conv_s8", _ROWS_TOO_SHORT, _SIZE_OF_THE_WRAPPER),
    _depthwise("arm_depthwise_conv_wrapper_s8", space={"batches": 1}),
    _depthwise("arm_depthwise_conv_s8", space={"batches": 1}),
    _depthwise("arm_depthwise_conv_s8_opt", INPUT, _DEPTHWISE_FILTER, space=_SINGLE),
    _depthwise("arm_depthwise_conv_3x3_s8", space=_SINGLE | {"kernel_h": 3, "kernel_w": 3}),
    _depthwise("arm_depthwise_conv_wrapper_s16", style=INT16),
    _depthwise("arm_depthwise_conv_s16", style=INT16),
    _depthwise("arm_depthwise_conv_fast_s16", INPUT, _DEPTHWISE_FILTER, style=INT16,
               space=_NO_DILATION | {"channel_multiplier": 1}),
    _average_pool("arm_avgpool_s8"),
    _average_pool("arm_avgpool_s16", style=INT16),
    _pool("arm_max_pool_s8", "max_pool2d"),
    _pool("arm_max_pool_s16", "max_pool2d", style=INT16),
)  # fmt: skip
