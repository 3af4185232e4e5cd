# SPDX-License-Identifier: Apache-2.0
"""Which kernel an operator of a TensorFlow Lite model is, and with which parameters: the table `OPERATORS`.

Each function takes a `Step` and returns the operator's outputs in order. Parameters are prepared as TensorFlow Lite
Micro prepares them (micro/kernels/*_common.cc); the arithmetic on scales is in `scaling.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from mcusim.kernels.add import add
from mcusim.kernels.average_pool2d import average_pool2d
from mcusim.kernels.conv2d import conv2d
from mcusim.kernels.depthwise_conv2d import depthwise_conv2d
from mcusim.kernels.expand_dims import expand_dims
from mcusim.kernels.fully_connected import fully_connected
from mcusim.kernels.max_pool2d import max_pool2d
from mcusim.kernels.mean import mean
from mcusim.kernels.model_step import Step
from mcusim.kernels.mul import mul
from mcusim.kernels.pad import pad
from mcusim.kernels.reshape import reshape
from mcusim.kernels.scaling import (
    add_scaling,
    convolution_scaling,
    fully_connected_scaling,
    mul_scaling,
    rescaling,
    sub_scaling,
)
from mcusim.kernels.softmax import softmax
from mcusim.kernels.squeeze import squeeze
from mcusim.kernels.sub import sub
from mcusim.kernels.sum import sum as sum_over

Array = npt.NDArray[Any]
Results = tuple[Array, ...]


# Sums of products


def _convolution(step: Step) -> Results:
    kernel = {"CONV_2D": conv2d, "DEPTHWISE_CONV_2D": depthwise_conv2d}[step.operator.code]
    image, weights = step.value(0), step.value(1)
    scaling: dict[str, Any] = dict(convolution_scaling(step.scale(0), step.tensor(1).scales, step.result_scale()))
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
    scaling: dict[str, Any] = dict(
        fully_connected_scaling(step.scale(0), step.tensor(1).scales, step.result_scale(), has_bias=step.has(2))
    )
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


# By elements


def _arithmetic(step: Step) -> Results:
    kernels: dict[str, Callable[..., Array]] = {"ADD": add, "SUB": sub, "MUL": mul}
    scales = step.scale(0), step.scale(1), step.result_scale()
    dtype = step.result().dtype
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


def _softmax(step: Step) -> Results:
    result = softmax(
        step.value(0), input_scale=step.scale(0), beta=float(step.option("Beta")), output_dtype=step.result().dtype
    )
    return (result,)


# Shapes


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


OPERATORS: dict[str, Callable[[Step], Results]] = {
    "ADD": _arithmetic,
    "AVERAGE_POOL_2D": _pool,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "EXPAND_DIMS": _expand_dims,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _pool,
    "MEAN": _reduction,
    "MUL": _arithmetic,
    "PAD": _pad,
    "PADV2": _pad,
    "RESHAPE": _reshape,
    "SOFTMAX": _softmax,
    "SQUEEZE": _squeeze,
    "SUB": _arithmetic,
    "SUM": _reduction,
}
