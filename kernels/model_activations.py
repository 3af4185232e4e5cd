# SPDX-License-Identifier: Apache-2.0
"""Operators of TensorFlow Lite models that map each element to another one, and those of softmax: `ACTIVATIONS`.

See `model_operators.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.dequantize import dequantize
from mcusim.kernels.hard_swish import hard_swish
from mcusim.kernels.leaky_relu import leaky_relu
from mcusim.kernels.log_softmax import log_softmax
from mcusim.kernels.logistic import logistic
from mcusim.kernels.model_step import Results, Step
from mcusim.kernels.prelu import prelu
from mcusim.kernels.quantization import activation_range
from mcusim.kernels.quantize import quantize
from mcusim.kernels.relu import relu
from mcusim.kernels.relu6 import relu6
from mcusim.kernels.rescale import rescale
from mcusim.kernels.scaling import leaky_relu_scaling, prelu_scaling, rescaling
from mcusim.kernels.softmax import softmax
from mcusim.kernels.tanh import tanh

Array = npt.NDArray[Any]
FLOAT32 = np.dtype(np.float32)


def _zero_points(step: Step) -> dict[str, Any]:
    return {"input_zero_point": step.tensor(0).zero_point, "output_zero_point": step.result().zero_point}


def _relu(step: Step) -> Results:
    scaling = rescaling(step.scale(0), step.result_scale(), single_precision=True)
    return (relu(step.value(0), **scaling, **_zero_points(step), rounding=step.rounding),)


def _relu6(step: Step) -> Results:
    source = step.tensor(0)
    zero, six = activation_range(3, step.scale(0), source.zero_point, source.dtype)
    return (relu6(step.value(0), zero=zero, six=six),)


def _leaky_relu(step: Step) -> Results:
    scaling: dict[str, Any] = dict(leaky_relu_scaling(step.scale(0), float(step.option("Alpha")), step.result_scale()))
    scaling.update(_zero_points(step))
    return (leaky_relu(step.value(0), **scaling, rounding=step.rounding),)


def _prelu(step: Step) -> Results:
    result = prelu(
        step.value(0),
        step.value(1),
        **prelu_scaling(step.scale(0), step.scale(1), step.result_scale()),
        alpha_zero_point=step.tensor(1).zero_point,
        **_zero_points(step),
        rounding=step.rounding,
    )
    return (result,)


def _hard_swish(step: Step) -> Results:
    result = hard_swish(
        step.value(0), input_scale=step.scale(0), output_scale=step.result_scale(), **_zero_points(step)
    )
    return (result,)


def _sigmoid(step: Step) -> Results:
    kernel = {"LOGISTIC": logistic, "TANH": tanh}[step.operator.code]
    return (kernel(step.value(0), input_scale=step.scale(0), input_zero_point=step.tensor(0).zero_point),)


def _softmax(step: Step) -> Results:
    beta, dtype = float(step.option("Beta")), step.result().dtype
    return (softmax(step.value(0), input_scale=step.scale(0), beta=beta, output_dtype=dtype, rounding=step.rounding),)


def _log_softmax(step: Step) -> Results:
    return (log_softmax(step.value(0), input_scale=step.scale(0)),)


def _quantize(step: Step) -> Results:
    value, result = step.value(0), step.result()
    if value.dtype == FLOAT32:
        scale, zero_point = step.result_scale(), result.zero_point
        return (quantize(value, output_scale=scale, output_zero_point=zero_point, output_dtype=result.dtype),)
    scaling = rescaling(step.scale(0), step.result_scale())
    return (rescale(value, **scaling, **_zero_points(step), output_dtype=result.dtype, rounding=step.rounding),)


def _dequantize(step: Step) -> Results:
    return (dequantize(step.value(0), input_scale=step.scale(0), input_zero_point=step.tensor(0).zero_point),)


ACTIVATIONS: dict[str, Callable[[Step], Results]] = {
    "DEQUANTIZE": _dequantize,
    "HARD_SWISH": _hard_swish,
    "LEAKY_RELU": _leaky_relu,
    "LOGISTIC": _sigmoid,
    "LOG_SOFTMAX": _log_softmax,
    "PRELU": _prelu,
    "QUANTIZE": _quantize,
    "RELU": _relu,
    "RELU6": _relu6,
    "SOFTMAX": _softmax,
    "TANH": _sigmoid,
}
