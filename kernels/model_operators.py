# SPDX-License-Identifier: Apache-2.0
"""Which kernel an operator of a TensorFlow Lite model is, and with which parameters: the table `OPERATORS`.

Each function takes a `Step` and returns the operator's outputs in order. Parameters are prepared as TensorFlow Lite
Micro prepares them (micro/kernels/*_common.cc); the arithmetic on scales is in `scaling.py`. Here are sums of products,
pools and arithmetic; `model_activations.py` and `model_shapes.py` have the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from mcusim.kernels.add import add, add_float_scale
from mcusim.kernels.average_pool2d import average_pool2d
from mcusim.kernels.batch_matmul import batch_matmul
from mcusim.kernels.conv2d import conv2d
from mcusim.kernels.depthwise_conv2d import depthwise_conv2d
from mcusim.kernels.fully_connected import fully_connected
from mcusim.kernels.max_pool2d import max_pool2d
from mcusim.kernels.maximum import maximum
from mcusim.kernels.mean import mean
from mcusim.kernels.minimum import minimum
from mcusim.kernels.model_activations import ACTIVATIONS
from mcusim.kernels.model_shapes import SHAPES
from mcusim.kernels.model_step import Results, Step
from mcusim.kernels.mul import mul
from mcusim.kernels.scaling import (
    add_scaling,
    convolution_float_scales,
    convolution_scaling,
    fully_connected_scaling,
    lstm_gate_factor,
    lstm_scaling,
    mul_scaling,
    rescaling,
    sub_scaling,
    svdf_scaling,
)
from mcusim.kernels.sub import sub
from mcusim.kernels.sum import sum as sum_over
from mcusim.kernels.svdf import svdf
from mcusim.kernels.transpose_conv import transpose_conv
from mcusim.kernels.unidirectional_lstm import Gate, unidirectional_lstm

Array = npt.NDArray[Any]


# Sums of products


def _scaling(step: Step) -> dict[str, Any]:
    """Return how sums of an input (0) times weights (1) become outputs."""
    prepare = convolution_float_scales if step.float_scales else convolution_scaling
    return dict(prepare(step.scale(0), step.tensor(1).scales, step.result_scale()))


def _convolution(step: Step) -> Results:
    kernel = {"CONV_2D": conv2d, "DEPTHWISE_CONV_2D": depthwise_conv2d}[step.operator.code]
    image, weights = step.value(0), step.value(1)
    scaling = _scaling(step)
    strides, dilations = step.pair("Stride{}"), step.pair("Dilation{}Factor")
    result = kernel(
        image,
        weights,
        step.optional(2),
        strides=strides,
        dilations=dilations,
        padding=step.padding(image.shape[1:3], weights.shape[1:3], strides, dilations),
        input_zero_point=step.tensor(0).zero_point,
        output_zero_point=step.result().zero_point,
        **scaling,
        rounding=step.rounding,
        **step.activation(),
    )
    return (result,)


def _fully_connected(step: Step) -> Results:
    scales = step.scale(0), step.tensor(1).scales, step.result_scale()
    scaling = _scaling(step) if step.float_scales else dict(fully_connected_scaling(*scales, has_bias=step.has(2)))
    result = fully_connected(
        step.value(0),
        step.value(1),
        step.optional(2),
        input_zero_point=step.tensor(0).zero_point,
        output_zero_point=step.result().zero_point,
        **scaling,
        rounding=step.rounding,
        **step.activation(),
        keep_dims=bool(step.option("KeepNumDims")),
    )
    return (result,)


def _transpose_conv(step: Step) -> Results:
    weights, image, result = step.value(1), step.value(2), step.result()
    scaling: dict[str, Any] = dict(convolution_scaling(step.scale(2), step.tensor(1).scales, step.result_scale()))
    strides, size = step.pair("Stride{}"), (result.shape[1], result.shape[2])
    (top, _bottom), (left, _right) = step.padding(size, weights.shape[1:3], strides)
    kernel_result = transpose_conv(
        image,
        weights,
        step.optional(3),
        output_size=size,
        strides=strides,
        offset=(top, left),
        input_zero_point=step.tensor(2).zero_point,
        output_zero_point=result.zero_point,
        **scaling,
        rounding=step.rounding,
        **step.activation(),
    )
    return (kernel_result,)


def _batch_matmul(step: Step) -> Results:
    result = batch_matmul(
        step.value(0),
        step.value(1),
        **mul_scaling(step.scale(0), step.scale(1), step.result_scale()),
        transpose1=bool(step.option("AdjX")),
        transpose2=bool(step.option("AdjY")),
        input1_zero_point=step.tensor(0).zero_point,
        input2_zero_point=step.tensor(1).zero_point,
        output_zero_point=step.result().zero_point,
        rounding=step.rounding,
    )
    return (result,)


def _svdf(step: Step) -> Results:
    result, state = svdf(
        step.value(0),
        step.value(1),
        step.value(2),
        step.optional(3),
        step.value(4),
        rank=int(step.option("Rank")),
        **svdf_scaling(step.scale(0), step.scale(1), step.scale(4), step.scale(2), step.result_scale()),
        input_zero_point=step.tensor(0).zero_point,
        state_zero_point=step.tensor(4).zero_point,
        output_zero_point=step.result().zero_point,
        rounding=step.rounding,
    )
    step.keep(4, state)
    return (result,)


def _gate(step: Step, number: int) -> Gate:
    """Return a gate of an LSTM by its place in the inputs: 0 input, 1 forget, 2 cell, 3 output."""
    weights, recurrent, bias = 1 + number, 5 + number, 12 + number
    return Gate(
        step.value(weights),
        step.value(recurrent),
        step.optional(bias),
        lstm_gate_factor(step.scale(0), step.scale(weights)),
        lstm_gate_factor(step.scale(18), step.scale(recurrent)),
    )


def _lstm(step: Step) -> Results:
    extra = [place for place in (*range(9, 12), 16, 17, *range(20, 24)) if step.has(place)]
    if extra:
        raise ValueError(f"input {extra[0]} (peephole, projection or normalisation) is not supported")
    cell_scale = step.scale(19)
    outputs, hidden, cell = unidirectional_lstm(
        step.value(0),
        step.value(18),
        step.value(19),
        input_gate=_gate(step, 0),
        forget_gate=_gate(step, 1),
        cell_gate=_gate(step, 2),
        output_gate=_gate(step, 3),
        **lstm_scaling(cell_scale, step.scale(18)),
        cell_clip=int(min(max(step.option("CellClip") / cell_scale, -32768.0), 32767.0)),
        input_zero_point=step.tensor(0).zero_point,
        hidden_zero_point=step.tensor(18).zero_point,
        time_major=bool(step.option("TimeMajor")),
        rounding=step.rounding,
    )
    step.keep(18, hidden)
    step.keep(19, cell)
    return (outputs,)


# Pools and sums


def _pool(step: Step) -> Results:
    kernel = {"AVERAGE_POOL_2D": average_pool2d, "MAX_POOL_2D": max_pool2d}[step.operator.code]
    image = step.value(0)
    size = int(step.option("FilterHeight")), int(step.option("FilterWidth"))
    strides = step.pair("Stride{}")
    padding = step.padding(image.shape[1:3], size, strides)
    return (kernel(image, size, strides=strides, padding=padding, **step.activation()),)


def _reduction(step: Step) -> Results:
    kernel = {"MEAN": mean, "SUM": sum_over}[step.operator.code]
    result = kernel(
        step.value(0),
        step.integers(1),
        **rescaling(step.scale(0), step.result_scale()),
        input_zero_point=step.tensor(0).zero_point,
        output_zero_point=step.result().zero_point,
        rounding=step.rounding,
        keep_dims=bool(step.option("KeepDims")),
    )
    return (result,)


# Two tensors, by elements


def _arithmetic(step: Step) -> Results:
    kernels: dict[str, Callable[..., Array]] = {"ADD": add, "SUB": sub, "MUL": mul}
    scales = step.scale(0), step.scale(1), step.result_scale()
    dtype = step.result().dtype
    if step.float_scales and step.operator.code == "ADD":
        return (_float_sum(step),)
    if step.operator.code == "MUL":
        scaling = mul_scaling(*scales)
    else:
        scaling = (add_scaling if step.operator.code == "ADD" else sub_scaling)(*scales, dtype)
    result = kernels[step.operator.code](
        step.value(0),
        step.value(1),
        **scaling,
        input1_zero_point=step.tensor(0).zero_point,
        input2_zero_point=step.tensor(1).zero_point,
        output_zero_point=step.result().zero_point,
        rounding=step.rounding,
        **step.activation(),
    )
    return (result,)


def _float_sum(step: Step) -> Array:
    return add_float_scale(
        step.value(0),
        step.value(1),
        input1_scale=step.scale(0),
        input2_scale=step.scale(1),
        output_scale=step.result_scale(),
        input1_zero_point=step.tensor(0).zero_point,
        input2_zero_point=step.tensor(1).zero_point,
        output_zero_point=step.result().zero_point,
        **step.activation(),
    )


def _extremum(step: Step) -> Results:
    kernel = {"MAXIMUM": maximum, "MINIMUM": minimum}[step.operator.code]
    return (kernel(step.value(0), step.value(1)),)


OPERATORS: dict[str, Callable[[Step], Results]] = {
    **ACTIVATIONS,
    **SHAPES,
    "ADD": _arithmetic,
    "AVERAGE_POOL_2D": _pool,
    "BATCH_MATMUL": _batch_matmul,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "FULLY_CONNECTED": _fully_connected,
    "MAXIMUM": _extremum,
    "MAX_POOL_2D": _pool,
    "MEAN": _reduction,
    "MINIMUM": _extremum,
    "MUL": _arithmetic,
    "SUB": _arithmetic,
    "SUM": _reduction,
    "SVDF": _svdf,
    "TRANSPOSE_CONV": _transpose_conv,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}
