# SPDX-License-Identifier: Apache-2.0
"""Rectifiers: `relu`, `relu6`, `leaky_relu`, `prelu`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_activation, check_array, check_integer, check_zero_point
from mcusim.kernels.elementwise import (
    check_factor,
    check_rounding,
    clamped,
    differences,
    dtype_limits,
    requantized,
)

Array = npt.NDArray[Any]


def relu(
    inputs: Array,
    *,
    multiplier: int,
    shift: int,
    input_zero_point: int = 0,
    output_zero_point: int = 0,
    rounding: str = "double",
    activation_min: int | None = None,
    activation_max: int | None = None,
) -> Array:
    """Cut and rescale; int8 or int16 of any shape -> the same dtype.

        outputs = clamp(requantise(inputs - input_zero_point, multiplier, shift) + output_zero_point)

    from `activation_min`, by default the output's zero point, to `activation_max`. The factor is input_scale /
    output_scale in single precision (`scaling.rescaling`). Raises ValueError naming the operand.
    Source: TensorFlow Lite Micro micro/kernels/activations.h (ReluQuantized).
    """
    check_array("inputs", inputs, ("int8", "int16"))
    first = check_zero_point("input_zero_point", input_zero_point, inputs.dtype)
    last = check_zero_point("output_zero_point", output_zero_point, inputs.dtype)
    least = last if activation_min is None else activation_min
    limits = check_activation(least, activation_max, inputs.dtype)
    factor, single = check_factor("", multiplier, shift), check_rounding(rounding)
    return clamped(requantized(differences(inputs, first), factor, single), last, limits, inputs.dtype)


def relu6(inputs: Array, *, zero: int, six: int) -> Array:
    """Cut to [zero, six], the quantised 0 and 6; int8 or int16, input and output with the same scale.

    Raises ValueError naming the operand. Source: TensorFlow Lite Micro micro/kernels/activations.h (Relu6Quantized).
    """
    check_array("inputs", inputs, ("int8", "int16"))
    low, high = dtype_limits(inputs.dtype)
    least, most = check_integer("zero", zero, low, high), check_integer("six", six, low, high)
    if least > most:
        raise ValueError(f"zero: {least} is more than six, {most}")
    return np.clip(inputs, least, most).astype(inputs.dtype)


def leaky_relu(
    inputs: Array,
    *,
    multiplier: int,
    shift: int,
    alpha_multiplier: int,
    alpha_shift: int,
    alpha_is_negative: bool = False,
    input_zero_point: int = 0,
    output_zero_point: int = 0,
    rounding: str = "double",
) -> Array:
    """Rescale, with another factor below zero; int8 or int16 of any shape -> the same dtype.

        outputs = clamp(requantise(d, multiplier, shift) + output_zero_point)               d = inputs - zero point >= 0
                  clamp(requantise(d, alpha_multiplier, alpha_shift) + output_zero_point)   d < 0

    `scaling.leaky_relu_scaling` makes the factors; with a negative alpha the second term is subtracted. Raises
    ValueError naming the operand.
    Source: TensorFlow Lite kernels/internal/reference/leaky_relu.h (QuantizeLeakyRelu).
    """
    check_array("inputs", inputs, ("int8", "int16"))
    first = check_zero_point("input_zero_point", input_zero_point, inputs.dtype)
    last = check_zero_point("output_zero_point", output_zero_point, inputs.dtype)
    factor, alpha = check_factor("", multiplier, shift), check_factor("alpha_", alpha_multiplier, alpha_shift)
    single, values = check_rounding(rounding), differences(inputs, first)
    below = requantized(values, alpha, single)
    scaled = np.where(values >= 0, requantized(values, factor, single), -below if alpha_is_negative else below)
    return clamped(scaled, last, dtype_limits(inputs.dtype), inputs.dtype)


def prelu(
    inputs: Array,
    alphas: Array,
    *,
    multiplier: int,
    shift: int,
    alpha_multiplier: int,
    alpha_shift: int,
    input_zero_point: int = 0,
    alpha_zero_point: int = 0,
    output_zero_point: int = 0,
    rounding: str = "double",
) -> Array:
    """Rescale, with a factor of each element's own below zero; int8 or int16 -> the same dtype, alphas int8, broadcast.

        outputs = clamp(requantise(d, multiplier, shift) + output_zero_point)                    d >= 0
                  clamp(requantise(d * (alphas - alpha_zero_point), alpha_multiplier, alpha_shift)
                        + output_zero_point)                                                     d < 0

    with d = inputs - input_zero_point (`scaling.prelu_scaling`). Raises ValueError naming the operand.
    Source: TensorFlow Lite kernels/internal/reference/prelu.h (Prelu, BroadcastPrelu4DSlow).
    """
    check_array("inputs", inputs, ("int8", "int16"))
    check_array("alphas", alphas, ("int8",))
    first = check_zero_point("input_zero_point", input_zero_point, inputs.dtype)
    middle = check_zero_point("alpha_zero_point", alpha_zero_point, alphas.dtype)
    last = check_zero_point("output_zero_point", output_zero_point, inputs.dtype)
    factor, alpha = check_factor("", multiplier, shift), check_factor("alpha_", alpha_multiplier, alpha_shift)
    single, values = check_rounding(rounding), differences(inputs, first)
    try:
        product = np.asarray(values * differences(alphas, middle))
    except ValueError:
        raise ValueError(f"alphas: shape {alphas.shape} does not go with that of inputs, {inputs.shape}") from None
    scaled = np.where(values >= 0, requantized(values, factor, single), requantized(product, alpha, single))
    return clamped(scaled, last, dtype_limits(inputs.dtype), inputs.dtype)
