# SPDX-License-Identifier: Apache-2.0
"""TinyEngine's functions with float32 scales (`_fpreq`), for inference and, with masks, for training.

Sizes are x, then y, then channels; depthwise convolutions work in place, their weights
are [channel][y][x], their bias holds what the input's zero point adds (code_generator/CodeGenerator.py,
`_parseoffsetBias`), and padding is half of the kernel on each side. Channels are as its specialised kernels want them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mcusim.checking.binding import Binding
from mcusim.checking.bindings.tinyengine.words import (
    CLAMP,
    INPUT,
    LIBRARY,
    OUTPUT,
    PARTS,
    WITHOUT_STEPS,
    by_channel,
    in_parts,
)
from mcusim.checking.case import Array, Style, Values
from mcusim.checking.operators import OPERATORS
from mcusim.kernels.output_gradient import pack_mask

_FLOAT = Style(rounding="float", padding="none", extremes=False)


def _pointwise(function: str, channels: int | str) -> Binding:
    arguments = (
        *INPUT, "weights", "bias", "scales", "output_zero_point", "-input_zero_point", *CLAMP, *OUTPUT, "scratch",
    )  # fmt: skip
    return Binding(
        function, "conv2d", arguments, LIBRARY, _FLOAT, WITHOUT_STEPS | {"input_c": channels},
        scratch_limit=lambda values: 4 * int(values["input_c"]) + 64, success=0,
    )  # fmt: skip


def _depthwise(size: int, stride: int) -> Binding:
    return Binding(
        f"depthwise_kernel{size}x{size}_stride{stride}_inplace_CHW_fpreq", "depthwise_conv2d",
        (*INPUT, "weights_chw", "offset_bias", "offset_bias_rest", "scales", "output_zero_point", "-input_zero_point",
         *CLAMP, "input", "output_w", "output_h", "output_c", "scratch", "input_zero_point"),
        LIBRARY, Style(rounding="float", padding="half", extremes=False),
        {"batches": 1, "kernel_h": size, "kernel_w": size, "stride_h": stride, "stride_w": stride, "dilation_h": 1,
         "dilation_w": 1, "channel_multiplier": 1, "input_h": "4..12:2", "input_w": "4..12:2"},
        scratch_limit=lambda values: (values["input_h"] + size + 1) * (values["input_w"] + size + 1) + 64, success=0,
        result="input", prepare=by_channel,
    )  # fmt: skip


_FIRST = Binding(
    "convolve_s8_kernel3_inputch3_stride2_pad1_fpreq", "conv2d",
    (*INPUT, "weights", "bias", "scales", "output_zero_point", "-input_zero_point", *CLAMP, *OUTPUT, "scratch",
     "kernel_scratch", "input_zero_point"),
    LIBRARY, Style(rounding="float", padding="half", extremes=False),
    {"batches": 1, "kernel_h": 3, "kernel_w": 3, "stride_h": 2, "stride_w": 2, "dilation_h": 1, "dilation_w": 1,
     "input_c": 3, "output_c": "2..16:2", "input_h": "4..12:2", "input_w": "4..12:2"},
    scratch_limit=lambda _values: 4 * 27 * 2 + 64, success=0,
    prepare=lambda values: values | {"kernel_scratch": np.zeros(27 * values["output_c"] + 8, np.int16)},
)  # fmt: skip


def _passed(values: Values, operator: str) -> Array:
    """Return which outputs are not clamped, bool."""
    passed = np.zeros(values["output"].shape, np.bool_)
    OPERATORS[operator].reference(values | {"passed": passed})
    return passed


def _masked(binding: Binding, at: int, suffix: str, **changes: Any) -> Binding:
    """Return the binding of a function that also says which outputs were not clamped, by an argument in this place.

    `suffix` is bitmask, eight outputs in a byte (so there are multiples of eight channels), or mask, one in a byte.
    """
    prepare, bits = binding.prepare, suffix == "bitmask"

    def with_mask(values: Values) -> Values:
        made = prepare(values) if prepare is not None else values
        size = values["output"].size
        return made | {"mask": np.zeros((size + 7) // 8 if bits else size, np.int8)}

    def mask(values: Values) -> Array:
        passed = _passed(values, binding.operator)
        return pack_mask(passed).view(np.int8) if bits else passed.reshape(-1).astype(np.int8)

    arguments = (*binding.arguments[:at], "mask", *binding.arguments[at:])
    return replace(
        binding, function=f"{binding.function}_{suffix}", arguments=arguments, prepare=with_mask, success=None,
        more={"mask": mask}, **changes,
    )  # fmt: skip


def _parts(binding: Binding) -> Binding:
    """Return the binding of a pointwise convolution for training whose weights are in two parts (`in_parts`)."""
    add_mask, split, at = binding.prepare, in_parts(2), binding.arguments.index("weights")
    assert add_mask is not None
    return replace(
        binding, function=f"{binding.function}_partialCH", space={**binding.space, "input_c": "4..32:4"},
        arguments=(*binding.arguments[:at], *PARTS, *binding.arguments[at + 1 :]),
        prepare=lambda values: split(add_mask(values)),
    )  # fmt: skip


def _float_zero_points(values: Values) -> Values:
    """Add zero points as the floats that `add_fpreq` takes."""
    names = ("input1_zero_point", "input2_zero_point", "output_zero_point")
    return values | {f"{name}_float": np.float32(values[name]) for name in names}


_ADD = Binding(
    "add_fpreq", "add",
    ("size", "input1", "input1_scale", "input1_zero_point_float", "input2", "input2_scale", "input2_zero_point_float",
     "output_scale", "output_zero_point_float", "output"),
    LIBRARY, Style(rounding="float", activations=False), prepare=_float_zero_points,
)  # fmt: skip
_DEPTHWISE = tuple(_depthwise(size, stride) for size in (3, 5, 7) for stride in (1, 2))
_POINTWISE = _pointwise("convolve_1x1_s8_fpreq", "4..32:4")
_POINTWISE_MASKED = (
    _masked(_POINTWISE, 12, "bitmask", space={**_POINTWISE.space, "output_c": [8, 16]}),
    _masked(_POINTWISE, 12, "mask"),
)

BINDINGS = (
    _POINTWISE,
    *_POINTWISE_MASKED,
    *map(_parts, _POINTWISE_MASKED),
    *(_pointwise(f"convolve_1x1_s8_ch{channels}_fpreq", channels) for channels in (8, 16, 24, 48)),
    _FIRST,
    *_DEPTHWISE,
    *(_masked(each, 13, "bitmask", space={**each.space, "input_c": [8, 16]}) for each in _DEPTHWISE),
    *(_masked(each, 13, "mask") for each in _DEPTHWISE),
    _ADD,
    _masked(_ADD, 10, "bitmask"),
    _masked(_ADD, 10, "mask"),
)  # fmt: skip
