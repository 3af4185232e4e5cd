# SPDX-License-Identifier: Apache-2.0
"""TinyEngine's functions with integer multipliers and shifts, and those that only move elements.

Sizes are x, then y, then channels, but for pools (y first); shifts go before multipliers. The functions for patches
take an input that is padded already, and put the padding value over its margins themselves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mcusim.checking.binding import Binding, Deviation, Spec
from mcusim.checking.bindings.tinyengine.words import CLAMP, INPUT, LIBRARY, OUTPUT, WITHOUT_STEPS, by_channel
from mcusim.checking.case import Style, Values

_NONE, _HALF = Style(padding="none"), Style(padding="half")
_SUMS = ("weights", "bias", "shifts", "multipliers", "output_zero_point", "-input_zero_point", *CLAMP)
_ADD: Spec = {
    "input_h": 1, "input_w": 1, "input_c": "size", "left_shift": "left_shift",
    "input1_offset": "-input1_zero_point", "input1_multiplier": "input1_multiplier", "input1_shift": "input1_shift",
    "input2_offset": "-input2_zero_point", "input2_multiplier": "input2_multiplier", "input2_shift": "input2_shift",
    "output_offset": "output_zero_point", "output_multiplier": "output_multiplier", "output_shift": "output_shift",
    "quantized_activation_max": "activation_max", "quantized_activation_min": "activation_min",
}  # fmt: skip


def _columns(values: Values) -> int:
    """Return bytes for two columns of int16, with room to spare."""
    return 4 * int(values["kernel_h"] * values["kernel_w"] * values["input_c"]) + 64


def _pointwise(function: str, channels: int | str | list[int], **options: Any) -> Binding:
    arguments = (*INPUT, *_SUMS, *OUTPUT, "scratch")
    return Binding(
        function, "conv2d", arguments, LIBRARY, _NONE, WITHOUT_STEPS | {"input_c": channels}, scratch_limit=_columns,
        success=0, **options,
    )  # fmt: skip


def _kernel_scratch(values: Values) -> Values:
    """Add the buffer that weights are put into as int16."""
    return values | {"kernel_scratch": np.zeros(values["weights"].size + 8, np.int16)}


def _first(function: str, kernel: tuple[int, int], *last: Spec, stride: int = 2, channels: Any = 3) -> Binding:
    """Return the binding of a convolution that has its window built in, padded by half of it."""
    space = {"batches": 1, "kernel_h": kernel[0], "kernel_w": kernel[1], "stride_h": stride, "stride_w": stride,
             "dilation_h": 1, "dilation_w": 1, "input_c": channels, "output_c": "2..16:2", "input_h": "4..12:2",
             "input_w": "4..12:2"}  # fmt: skip
    return Binding(
        function, "conv2d", (*INPUT, *_SUMS, *OUTPUT, "scratch", *last), LIBRARY, _HALF, space, scratch_limit=_columns,
        success=0, prepare=_kernel_scratch,
    )  # fmt: skip


def _with_margins(values: Values) -> Values:
    """Put the zero point over margins of the input, and into `patch` the input as it was; which, the sizes tell."""
    margins = {name: (values["input_h"] + values["input_w"]) >> bit & 1 for bit, name in enumerate("tblr")}
    values = values | {f"margin_{name}": width for name, width in margins.items()} | {"patch": values["input"]}
    inside = values["input"].copy()
    height, width = inside.shape[1:3]
    inside[:, : margins["t"]] = inside[:, height - margins["b"] :] = values["input_zero_point"]
    inside[:, :, : margins["l"]] = inside[:, :, width - margins["r"] :] = values["input_zero_point"]
    return values | {"input": inside}


_MARGINS = tuple(f"margin_{name}" for name in "tblr")
_PATCH = ("patch", *INPUT[1:])
_PATCH_CONVOLUTION = replace(
    _first("patchpadding_convolve_s8_kernel3_inputch3_stride2", (3, 3)), style=_NONE,
    arguments=(*_PATCH, *_SUMS, *OUTPUT, "scratch", "kernel_scratch", "input_zero_point", *_MARGINS),
    prepare=lambda values: _kernel_scratch(_with_margins(values)),
)  # fmt: skip


def _patch_depthwise(stride: int) -> Binding:
    arguments = (
        *_PATCH, "weights_chw", "offset_bias", "offset_bias_rest", "shifts", "multipliers", "output_zero_point",
        "-input_zero_point", *CLAMP, "patch", *OUTPUT[1:], "scratch", "input_zero_point", *_MARGINS,
    )  # fmt: skip
    return Binding(
        f"patchpadding_depthwise_kernel3x3_stride{stride}_inplace_CHW", "depthwise_conv2d", arguments, LIBRARY, _NONE,
        {"batches": 1, "kernel_h": 3, "kernel_w": 3, "stride_h": stride, "stride_w": stride, "dilation_h": 1,
         "dilation_w": 1, "channel_multiplier": 1, "input_h": "5..12", "input_w": "5..12"},
        scratch_limit=lambda values: (values["input_h"] + 4) * (values["input_w"] + 4) + 64, result="patch",
        prepare=lambda values: by_channel(_with_margins(values)),
    )  # fmt: skip


_OFFSET_ONLY = Deviation(
    "the output's zero point replaces the product that it should be added to", lambda _values: True
)
_POOL = ("input", "input_h", "input_w", "input_c", "kernel_h", "kernel_w", "output_h", "output_w", *CLAMP, "output")
_STEPS = {"batches": 1, "stride_h": "kernel_h", "stride_w": "kernel_w"}

BINDINGS = (
    _pointwise("convolve_1x1_s8", "4..32:4"),
    *(_pointwise(f"convolve_1x1_s8_ch{channels}", channels) for channels in (8, 16, 24, 48)),
    _pointwise("convolve_1x1_s8_oddch", "4..32:4"),
    _first("convolve_s8_kernel3_inputch3_stride2_pad1", (3, 3), "kernel_scratch", "input_zero_point"),
    _first("convolve_s8_kernel3_stride1_pad1", (3, 3), "input_zero_point", stride=1, channels=[4, 8, 12, 16]),
    _PATCH_CONVOLUTION,
    _patch_depthwise(1),
    _patch_depthwise(2),
    Binding("add", "add", ("size", _ADD, "input1", "input2", "output"), LIBRARY, beside="convolve_1x1_s8"),
    Binding("element_mult_nx1", "mul",
            ("input1", 1, 1, "size", "input2", "-input1_zero_point", "-input2_zero_point", "output_zero_point", *CLAMP,
             "scale", "output"),
            LIBRARY, Style(rounding="float"), deviations=(_OFFSET_ONLY,)),
    Binding("avg_pooling", "average_pool2d", _POOL, LIBRARY, _NONE, _STEPS, beside="convolve_1x1_s8"),
    Binding("max_pooling", "max_pool2d", _POOL, LIBRARY, _NONE, _STEPS, beside="convolve_1x1_s8"),
    Binding("concat_ch", "concatenation",
            ("input1", "input_w", "input_h", "input_c", "input2", "input2_c", "output"), LIBRARY,
            space={"batches": 1, "axis": 3}, success=0),
    Binding("upsample_byte", "resize_nearest_neighbor",
            ("input", "input_w", "input_h", "input_c", "output", "factor"), LIBRARY, space={"batches": 1}, success=0),
)  # fmt: skip
