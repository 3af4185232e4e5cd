# SPDX-License-Identifier: Apache-2.0
"""TinyEngine's functions of a training step (TinyEngine/include/tinyengine_function_fp.h): gradients in float32 over
int8 weights, and the step itself.

Sizes are y, then x, then channels. What the library calls input and output are those of the step back: gradients of
the layer's outputs come in, those of its inputs go out. Weights are as forward; "partialCH" has those of the first
input channels, which are trained, in SRAM, the others in flash. Where sizes are restricted the functions are made for
them: blocks of four or eight channels, one size of image.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mcusim.checking.binding import Binding, Deviation
from mcusim.checking.bindings.tinyengine.words import LIBRARY, PARTS, in_parts
from mcusim.checking.case import Style, Values
from mcusim.kernels.float_math import EXP_MIN

_NONE, _HALF = Style(padding="none"), Style(padding="half")
_NEAR = "pointwise_conv_fp"  # other names of the library begin so: `mul` and `where` are common words
_GIVEN = ("gradients", "output_h", "output_w", "output_c")
_RESULT = ("output", "input_h", "input_w", "input_c")
_ENDS = ("least", "most")
_POINTWISE = {"batches": 1, "kernel_h": 1, "kernel_w": 1, "stride_h": 1, "stride_w": 1, "dilation_h": 1,
              "dilation_w": 1, "input_h": "1..6", "input_w": "1..6"}  # fmt: skip


def _pointwise(ending: str, outputs: int | str, inputs: str, parts: int = 0) -> Binding:
    weights = PARTS if parts else ("weights",)
    return Binding(
        f"pointwise_conv_fp_{ending}", "conv2d_input_gradient",
        (*_GIVEN, *weights, 0, *_RESULT, *_ENDS, "scratch", 1), LIBRARY, _NONE,
        _POINTWISE | {"output_c": outputs, "input_c": inputs}, prepare=in_parts(parts) if parts else None,
        scratch_limit=lambda values: 4 * int(values["output_c"]) + 64,
    )  # fmt: skip


def _depthwise(size: int, stride: int, *, parts: bool) -> Binding:
    """Return the binding of a depthwise convolution's step back; with stride 1 it works in place."""
    ending = "_partialCH" if parts else ""
    sizes = "2..12:2" if stride == 2 else "1..9"
    weights = PARTS if parts else ("weights",)
    return Binding(
        f"transpose_depthwise_conv_fp_kernel{size}_stride{stride}_inpad{size // 2}_outpad{stride - 1}_IOHW_int8weight"
        f"{ending}",
        "depthwise_conv2d_input_gradient", (*_GIVEN, *weights, 0, *_RESULT, *_ENDS, "scratch", 1, 0), LIBRARY, _HALF,
        {"batches": 1, "kernel_h": size, "kernel_w": size, "stride_h": stride, "stride_w": stride, "dilation_h": 1,
         "dilation_w": 1, "input_h": sizes, "input_w": sizes, "input_c": "2..12"},
        scratch_limit=lambda values: 4 * (values["input_h"] + size + 1) * (values["input_w"] + size + 1) + 64,
        result="gradients" if stride == 1 else "output", prepare=in_parts(1) if parts else None,
    )  # fmt: skip


def _floats(values: Values) -> Values:
    """Add inputs as the floats that are multiplied, and how many weights there are."""
    inputs = values["input"].astype(np.float32) - np.float32(values["input_zero_point"])
    return values | {"input_float": inputs, "outputs": values["weights"].size}


def _update(function: str, side: int, outputs: list[int], *, wide: bool = True, **options: Any) -> Binding:
    """Return the binding of a pointwise convolution's step on its weights, in place; `wide`: of inputs as floats."""
    return Binding(
        function, "conv2d_update",
        ("input_float" if wide else "input", "input_h", "input_w", "input_c", "gradients", 0, "output", 1, 1, "outputs",
         "gradient_min", "gradient_max", "scratch", 1, "input_c", "factors", "learning_rate"),
        LIBRARY, Style(padding="none", input_zero_point=None if wide else 0),
        _POINTWISE | {"input_h": side, "input_w": side, "input_c": "4..24:4", "output_c": outputs},
        scratch_limit=lambda _values: 4 * 20 * side * side + 64, prepare=_floats,
        before=lambda values: values["weights"], **options,
    )  # fmt: skip


_ONE_PIXEL = Deviation(
    "with more than ten outputs, it takes a step as often as there are tens, and the wrong weights for every tenth",
    lambda values: bool(values["output_c"] > 10),
)


def _as_given(masked: bool, scaled: bool) -> Any:
    """Return what leaves the mask or the scales out of a gradient's way back, and adds both as the functions take them.

    The mask as bools too, scales for each element, and zeros.
    """

    def prepare(values: Values) -> Values:
        scales = np.ascontiguousarray(np.broadcast_to(values["scales"], values["gradients"].shape))
        return values | {
            "masked": masked, "scaled": scaled, "passed_bytes": values["passed"].astype(np.uint8),
            "each_scale": scales, "zeros": np.zeros_like(values["gradients"]),
        }  # fmt: skip

    return prepare


def _masked(function: str, arguments: tuple[str, ...], result: str = "output") -> Binding:
    return Binding(function, "output_gradient", arguments, LIBRARY, result=result, success=0,
                   prepare=_as_given(True, False), beside=_NEAR)  # fmt: skip


def _slice(function: str, axes: str, arguments: tuple[str, ...], **space: int) -> Binding:
    """Return the binding of a function that takes where a part begins and ends in this order of axes, as uint16."""

    def prepare(values: Values) -> Values:
        return values | {
            f"{name}s": np.array([values[f"{name}_{axis}"] for axis in axes], np.uint16) for name in ("begin", "end")
        } | {"ones": np.ones(len(axes), np.uint16)}  # fmt: skip

    words = "elements keep the places that they had before: right only for what begins at 0"
    deviations = tuple(
        Deviation(words, lambda values: any(values["begin"]), status) for status in ("failed", "error")
    )  # fmt: skip
    return Binding(function, "strided_slice", arguments, LIBRARY, space=space, success=0, prepare=prepare,
                   deviations=deviations)  # fmt: skip


_NOT_SQUARE = Deviation(
    "rows are taken to be as far apart as there are rows, not columns",
    lambda values: bool(values["rows"] != values["input_c"]),
)  # fmt: skip
_UNDERFLOW = Deviation(
    "the largest logit is taken to be at least 0: where all are below -87, exp of each is 0 or nearly",
    lambda values: bool(values["input"].max() < EXP_MIN),
)

BINDINGS = (
    _pointwise("1row10col_10inputdepth_IOHW_int8weight", 10, "8..40:8"),
    _pointwise("4row4col_IOHW_int8weight", "4..24:4", "8..40:8"),
    _pointwise("4row4col_IOHW_int8weight_partialCH_8innercol", "4..24:4", "16..40:8", 8),
    _pointwise("4row4col_IOHW_int8weight_partialCH_4innercol", "4..24:4", "8..40:4", 4),
    *(_depthwise(size, stride, parts=parts) for size in (3, 5, 7) for stride in (1, 2) for parts in (False, True)),
    *(_update(f"group_conv_fp_kernel{side}_stride1_pad0_in{side}x{side}_out1x1_uniweight_4row{columns}col_inplace",
              side, [columns, 2 * columns]) for side in (4, 8) for columns in (8, 16)),
    _update("group_pointwise_conv_fp_in1x1_out1x1_1row10col_uniweight_inplace", 1, [10, 20],
            deviations=(_ONE_PIXEL,)),
    _update("group_pointwise_conv_fp_in1x1_out1x1_1row10col_uniweight_int8input_inplace", 1, [10, 20], wide=False,
            deviations=(_ONE_PIXEL,)),
    Binding("sum_4D_exclude", "bias_gradient", ("gradients", 1, 1, "rows", "input_c", 3, "output"), LIBRARY, success=0),
    Binding("sum_3D", "bias_gradient", ("gradients", "rows", 1, "input_c", 2, "output"), LIBRARY, success=0,
            beside=_NEAR),
    Binding("sum_2D", "bias_gradient", ("gradients", "rows", "input_c", 1, "output"), LIBRARY, success=0, beside=_NEAR,
            space={"rows": "2..9", "input_c": [2, 4, 8]}, deviations=(_NOT_SQUARE,)),
    _masked("where", ("passed_bytes", "size", "gradients", "zeros", "output")),
    _masked("where_zeros", ("passed_bytes", "size", "gradients", "output")),
    _masked("where_zeros_inplace", ("passed_bytes", "size", "gradients"), "gradients"),
    _masked("where_zeros_inplace_bit", ("mask", "size", "gradients"), "gradients"),
    Binding("mul", "output_gradient", ("size", "gradients", "each_scale", "output"), LIBRARY, success=0,
            prepare=_as_given(False, True), beside=_NEAR),
    _slice("strided_slice_3Dto3D", "whc",
           ("input", "input_h", "input_w", "input_c", "begins", "ends", "ones", "output", "output_h", "output_w",
            "output_c"), batches=1),
    _slice("strided_slice_4Dto4D", "nchw",
           ("input", "batches", "input_c", "input_h", "input_w", "begins", "ends", "ones", "output", "output_n",
            "output_c", "output_h", "output_w")),
    Binding("LogSoftmax", "log_probabilities", ("input", 1, 1, "classes", "output", 1, 1, "classes"), LIBRARY,
            success=0, beside=_NEAR, deviations=(_UNDERFLOW,)),
    Binding("nll_loss", "cross_entropy_loss", ("logarithms", 1, "classes", "labels", "classes", "output"), LIBRARY,
            success=0, beside=_NEAR),
    Binding("tte_exp", "exp", ("size", "input", "output"), LIBRARY, success=0),
)  # fmt: skip
