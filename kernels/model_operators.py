# SPDX-License-Identifier: Apache-2.0
"""Which kernel an operator of a TensorFlow Lite model is, and with which parameters: the table `OPERATORS`.

Each function takes a `Step` and returns the operator's outputs in order. Parameters are prepared as TensorFlow Lite
Micro prepares them (micro/kernels/*_common.cc); the arithmetic on scales is in `scaling.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from mcusim.kernels.conv2d import conv2d
from mcusim.kernels.depthwise_conv2d import depthwise_conv2d
from mcusim.kernels.model_step import Step
from mcusim.kernels.scaling import convolution_scaling

Array = npt.NDArray[Any]
Results = tuple[Array, ...]


def _convolution(step: Step) -> Results:
    kernel = {"CONV_2D": conv2d, "DEPTHWISE_CONV_2D": depthwise_conv2d}[step.operator.code]
    image, weights = step.value(0), step.value(1)
    scaling: dict[str, Any] = dict(
        convolution_scaling(float(step.tensor(0).scale), step.tensor(1).scales, float(step.result().scale))
    )
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


OPERATORS: dict[str, Callable[[Step], Results]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
}
