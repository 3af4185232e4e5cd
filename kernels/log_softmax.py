# SPDX-License-Identifier: Apache-2.0
"""Logarithm of softmax over the last axis: `log_softmax`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_scale
from mcusim.kernels.fixed_point import divide_by_power_of_two, log_of_at_least_one, scaled
from mcusim.kernels.scaling import smaller_than_one
from mcusim.kernels.softmax import (
    DIFFERENCE_BITS,
    SUM_BITS,
    difference_scaling,
    exps_of_differences,
    sums_of_exps,
)

Array = npt.NDArray[Any]

OUTPUT_BITS = 4
INT32_MIN = -(1 << 31)


def log_softmax(inputs: Array, *, input_scale: float) -> Array:
    """Return x - log(sum of exp(x)) over the last axis; int8 -> int8 of the same shape.

    The outputs' scale and zero point are fixed: 1/16 and 127. With d = x - largest of the row, in fixed point:

        outputs = clamp(round(requantise(d) - log(sum of exp(requantise(d)))) + 127)

    Raises ValueError naming the operand. Source: TensorFlow Lite kernels/internal/reference/log_softmax.h
    (LogSoftmaxQuantized), micro/kernels/log_softmax.cc.
    """
    check_array("inputs", inputs, ("int8",))
    if inputs.ndim == 0 or not inputs.shape[-1]:
        raise ValueError(f"inputs: shape is {inputs.shape}, the last axis must have elements")
    multiplier, shift, least = difference_scaling(check_scale("input_scale", input_scale))
    # Back from five integer bits to differences of inputs: 2^(31 - shift) / multiplier.
    divisor, divisor_shift = smaller_than_one("input_scale", 2.0 ** (31 - shift) / multiplier)
    rows = inputs.reshape(-1, inputs.shape[-1]).astype(np.int64)
    differences = rows - rows.max(axis=1, keepdims=True, initial=-128)
    exps, fixed = exps_of_differences(differences, (multiplier, shift), least)
    logs = log_of_at_least_one(sums_of_exps(exps), SUM_BITS, DIFFERENCE_BITS)
    # What lies further below gives less than the least output.
    smallest = np.maximum(least - 1, scaled(logs + INT32_MIN, divisor, divisor_shift))
    values = divide_by_power_of_two(fixed - logs, 31 - DIFFERENCE_BITS - OUTPUT_BITS) + 127
    outputs = np.where(differences > smallest, np.clip(values, -128, 127), -128)
    return outputs.astype(np.int8).reshape(inputs.shape)
