# SPDX-License-Identifier: Apache-2.0
"""TinyEngine, functions with float32 scales (`_fpreq`): TinyEngine/include/tinyengine_function.h of mit-han-lab.

Sizes are x, then y, then channels, but for avg_pooling (y first); depthwise convolutions work in place, their weights
are [channel][y][x], their bias holds what the input's zero point adds (code_generator/CodeGenerator.py,
`_parseoffsetBias`), and padding is half of the kernel on each side. Channels are as its specialised kernels want them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mcusim.checking.binding import Binding
from mcusim.checking.case import Style, Values

_LIBRARY = "tinyengine"
_FLOAT = Style(rounding="float", padding="none", extremes=False)
_INPUT = ("input", "input_w", "input_h", "input_c")
_OUTPUT = ("output", "output_w", "output_h", "output_c")
_CLAMP = ("activation_min", "activation_max")
_ONE = {
    "batches": 1, "kernel_h": 1, "kernel_w": 1, "stride_h": 1, "stride_w": 1, "dilation_h": 1, "dilation_w": 1,
    "output_c": "2..16:2",
}  # fmt: skip


def _pointwise(function: str, channels: int | str) -> Binding:
    arguments = (
        *_INPUT, "weights", "bias", "scales", "output_zero_point", "-input_zero_point", *_CLAMP, *_OUTPUT, "scratch",
    )  # fmt: skip
    return Binding(
        function, "conv2d", arguments, _LIBRARY, _FLOAT, _ONE | {"input_c": channels},
        scratch_limit=lambda values: 4 * int(values["input_c"]) + 64, success=0,
    )  # fmt: skip


def _fused(values: Values) -> Values:
    """Add weights by channel, and the bias with what the zero point adds, in the parts that do and do not fit."""
    kernel = values["weights"][0].transpose(2, 0, 1)
    sums = kernel.astype(np.int64).sum(axis=(1, 2)) * -values["input_zero_point"]
    return values | {
        "weights_chw": np.ascontiguousarray(kernel),
        "offset_bias": (values["bias"] + sums).astype(np.int32),
        "offset_bias_rest": np.zeros(len(sums), np.int32),
    }


def _depthwise(size: int, stride: int) -> Binding:
    return Binding(
        f"depthwise_kernel{size}x{size}_stride{stride}_inplace_CHW_fpreq", "depthwise_conv2d",
        (*_INPUT, "weights_chw", "offset_bias", "offset_bias_rest", "scales", "output_zero_point", "-input_zero_point",
         *_CLAMP, "input", "output_w", "output_h", "output_c", "scratch", "input_zero_point"),
        _LIBRARY, Style(rounding="float", padding="half", extremes=False),
        {"batches": 1, "kernel_h": size, "kernel_w": size, "stride_h": stride, "stride_w": stride, "dilation_h": 1,
         "dilation_w": 1, "channel_multiplier": 1, "input_h": "4..12:2", "input_w": "4..12:2"},
        scratch_limit=lambda values: (values["input_h"] + size + 1) * (values["input_w"] + size + 1) + 64, success=0,
        result="input", prepare=_fused,
    )  # fmt: skip


_FIRST = Binding(
    "convolve_s8_kernel3_inputch3_stride2_pad1_fpreq", "conv2d",
    (*_INPUT, "weights", "bias", "scales", "output_zero_point", "-input_zero_point", *_CLAMP, *_OUTPUT, "scratch",
     "kernel_scratch", "input_zero_point"),
    _LIBRARY, Style(rounding="float", padding="half", extremes=False),
    {"batches": 1, "kernel_h": 3, "kernel_w": 3, "stride_h": 2, "stride_w": 2, "dilation_h": 1, "dilation_w": 1,
     "input_c": 3, "output_c": "2..16:2", "input_h": "4..12:2", "input_w": "4..12:2"},
    scratch_limit=lambda _values: 4 * 27 * 2 + 64, success=0,
    prepare=lambda values: values | {"kernel_scratch": np.zeros(27 * values["output_c"] + 8, np.int16)},
)  # fmt: skip


def _masked(binding: Binding, at: int, **changes: Any) -> Binding:
    """Return the binding of a function that also says which outputs were clamped, by an argument in this place.

    Only the outputs are compared; a byte holds eight channels, so there are multiples of eight.
    """
    prepare = binding.prepare

    def with_mask(values: Values) -> Values:
        made = prepare(values) if prepare is not None else values
        return made | {"mask": np.zeros(values["output"].size + 64, np.int8)}

    arguments = (*binding.arguments[:at], "mask", *binding.arguments[at:])
    return replace(
        binding, function=f"{binding.function}_bitmask", arguments=arguments, prepare=with_mask, success=None, **changes
    )


def _float_zero_points(values: Values) -> Values:
    """Add zero points as the floats that `add_fpreq` takes."""
    names = ("input1_zero_point", "input2_zero_point", "output_zero_point")
    return values | {f"{name}_float": np.float32(values[name]) for name in names}


_ADD = Binding(
    "add_fpreq", "add",
    ("size", "input1", "input1_scale", "input1_zero_point_float", "input2", "input2_scale", "input2_zero_point_float",
     "output_scale", "output_zero_point_float", "output"),
    _LIBRARY, Style(rounding="float", activations=False), prepare=_float_zero_points,
)  # fmt: skip
_DEPTHWISE = tuple(_depthwise(size, stride) for size in (3, 5, 7) for stride in (1, 2))
_POINTWISE = _pointwise("convolve_1x1_s8_fpreq", "4..32:4")

BINDINGS = (
    _POINTWISE,
    _masked(_POINTWISE, 12, space={**_POINTWISE.space, "output_c": [8, 16]}),
    *(_pointwise(f"convolve_1x1_s8_ch{channels}_fpreq", channels) for channels in (8, 16, 24, 48)),
    _FIRST,
    *_DEPTHWISE,
    *(_masked(each, 13, space={**each.space, "input_c": [8, 16]}) for each in _DEPTHWISE),
    _ADD,
    _masked(_ADD, 10),
    Binding(
        "avg_pooling", "average_pool2d",
        ("input", "input_h", "input_w", "input_c", "kernel_h", "kernel_w", "output_h", "output_w", *_CLAMP, "output"),
        _LIBRARY, Style(padding="none"), {"batches": 1, "stride_h": "kernel_h", "stride_w": "kernel_w"},
    ),
)  # fmt: skip
