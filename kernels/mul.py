# SPDX-License-Identifier: Apache-2.0
"""Product of two tensors, element by element, with broadcasting: `mul`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_activation, check_scale, check_zero_point
from mcusim.kernels.elementwise import (
    check_factor,
    check_pair_of_inputs,
    check_rounding,
    clamped,
    differences,
    requantized,
)

Array = npt.NDArray[Any]


def mul(
    inputs1: Array,
    inputs2: Array,
    *,
    multiplier: int | None = None,
    shift: int | None = None,
    scale: float | None = None,
    input1_zero_point: int = 0,
    input2_zero_point: int = 0,
    output_zero_point: int = 0,
    rounding: str = "double",
    activation_min: int | None = None,
    activation_max: int | None = None,
) -> Array:
    """Multiply; two int8 or two int16 arrays whose shapes broadcast -> the broadcast shape, the same dtype.

        outputs = clamp(requantise((inputs1 - z1) * (inputs2 - z2), multiplier, shift) + output_zero_point)

    The factor is input1_scale * input2_scale / output_scale (`scaling.mul_scaling`). With `scale`, the same in single
    precision, the product is scaled as TinyEngine does: in float32, towards zero. Raises ValueError naming the operand.
    Source: TensorFlow Lite kernels/internal/reference/integer_ops/mul.h (MulElementwise); TinyEngine
    src/kernels/int_forward_op/element_mult.c, where the offset is meant to be added and replaces the product instead.
    """
    check_pair_of_inputs(inputs1, inputs2)
    single, dtype = check_rounding(rounding), inputs1.dtype
    first = differences(inputs1, check_zero_point("input1_zero_point", input1_zero_point, dtype))
    second = differences(inputs2, check_zero_point("input2_zero_point", input2_zero_point, dtype))
    zero_point = check_zero_point("output_zero_point", output_zero_point, dtype)
    limits = check_activation(activation_min, activation_max, dtype)
    product = np.asarray(first * second)
    if scale is not None:
        if multiplier is not None or shift is not None:
            raise ValueError("scale: give either scale, or multiplier and shift")
        if single:
            raise ValueError(f"rounding: '{rounding}' is of multiplier and shift: scale truncates, leave it out")
        real = product.astype(np.float32) * np.float32(check_scale("scale", scale))
        # Cut to what the sum with the zero point leaves in 32 bits; the clamp is far inside.
        scaled = np.trunc(np.clip(real.astype(np.float64), -(2.0**30), 2.0**30)).astype(np.int32)
    elif multiplier is None or shift is None:
        raise ValueError(f"{'multiplier' if multiplier is None else 'shift'}: missing (or give scale)")
    else:
        scaled = requantized(product, check_factor("", multiplier, shift), single)
    return clamped(scaled, zero_point, limits, dtype)
