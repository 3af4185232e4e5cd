# SPDX-License-Identifier: Apache-2.0
"""Operators of TensorFlow Lite models that move values, pick some or resize images: `SHAPES`.

See `model_operators.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from mcusim.kernels.argmax import argmax
from mcusim.kernels.concatenation import concatenation
from mcusim.kernels.dequantize import dequantize
from mcusim.kernels.embedding_lookup import embedding_lookup
from mcusim.kernels.expand_dims import expand_dims
from mcusim.kernels.gather import gather
from mcusim.kernels.model_step import Results, Step
from mcusim.kernels.pad import pad
from mcusim.kernels.reshape import reshape
from mcusim.kernels.resize_bilinear import resize_bilinear
from mcusim.kernels.resize_nearest_neighbor import resize_nearest_neighbor
from mcusim.kernels.slice import slice as box
from mcusim.kernels.split import split
from mcusim.kernels.squeeze import squeeze
from mcusim.kernels.strided_slice import strided_slice
from mcusim.kernels.transpose import transpose


def _pad(step: Step) -> Results:
    value = int(step.value(2).item()) if step.operator.code == "PADV2" else step.tensor(0).zero_point
    return (pad(step.value(0), step.value(1).tolist(), value=value),)


def _reshape(step: Step) -> Results:
    # What the file says of the output is what was asked for, with the open length filled in.
    return (reshape(step.value(0), step.result().shape),)


def _squeeze(step: Step) -> Results:
    return (squeeze(step.value(0), [int(axis) for axis in step.option("SqueezeDims")]),)


def _expand_dims(step: Step) -> Results:
    return (expand_dims(step.value(0), step.integers(1)[0]),)


def _transpose(step: Step) -> Results:
    return (transpose(step.value(0), step.integers(1)),)


def _concatenation(step: Step) -> Results:
    if step.option("FusedActivationFunction"):
        raise ValueError("a fused activation is not supported")
    return (concatenation([step.value(place) for place in range(len(step.operator.inputs))], step.option("Axis")),)


def _split(step: Step) -> Results:
    return tuple(split(step.value(1), step.integers(0)[0], len(step.operator.outputs)))


def _split_v(step: Step) -> Results:
    return tuple(split(step.value(0), step.integers(2)[0], step.integers(1)))


def _slice(step: Step) -> Results:
    return (box(step.value(0), step.integers(1), step.integers(2)),)


def _strided_slice(step: Step) -> Results:
    for name in ("EllipsisMask", "NewAxisMask"):
        if step.option(name):
            raise ValueError(f"{name} is not supported")
    result = strided_slice(
        step.value(0),
        step.integers(1),
        step.integers(2),
        step.integers(3),
        begin_mask=step.option("BeginMask"),
        end_mask=step.option("EndMask"),
        shrink_axis_mask=step.option("ShrinkAxisMask"),
        offset=bool(step.option("Offset")),
    )
    return (result,)


def _resize(step: Step) -> Results:
    kernels = {"RESIZE_BILINEAR": resize_bilinear, "RESIZE_NEAREST_NEIGHBOR": resize_nearest_neighbor}
    result = kernels[step.operator.code](
        step.value(0),
        step.integers(1),
        align_corners=bool(step.option("AlignCorners")),
        half_pixel_centers=bool(step.option("HalfPixelCenters")),
    )
    return (result,)


def _gather(step: Step) -> Results:
    axis, batch_dims = int(step.option("Axis")), int(step.option("BatchDims"))
    return (gather(step.value(0), step.value(1), axis=axis, batch_dims=batch_dims),)


def _embedding_lookup(step: Step) -> Results:
    rows = embedding_lookup(step.value(0), step.value(1))
    if step.result().dtype == "float32" and rows.dtype != "float32":
        rows = dequantize(rows, input_scale=step.scale(1), input_zero_point=step.tensor(1).zero_point)
    return (rows,)


def _argmax(step: Step) -> Results:
    return (argmax(step.value(0), step.integers(1)[0], smallest=step.operator.code == "ARG_MIN"),)


SHAPES: dict[str, Callable[[Step], Results]] = {
    "ARG_MAX": _argmax,
    "ARG_MIN": _argmax,
    "CONCATENATION": _concatenation,
    "EMBEDDING_LOOKUP": _embedding_lookup,
    "EXPAND_DIMS": _expand_dims,
    "GATHER": _gather,
    "PAD": _pad,
    "PADV2": _pad,
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "SLICE": _slice,
    "SPLIT": _split,
    "SPLIT_V": _split_v,
    "SQUEEZE": _squeeze,
    "STRIDED_SLICE": _strided_slice,
    "TRANSPOSE": _transpose,
}
