# SPDX-License-Identifier: Apache-2.0
"""The hyperbolic tangent: `tanh`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels import fixed_point
from mcusim.kernels.checks import check_array, check_scale, check_zero_point
from mcusim.kernels.fixed_point import divide_by_power_of_two
from mcusim.kernels.logistic import int8_table, int16_scaling, tanh_int16

Array = npt.NDArray[Any]


def tanh(inputs: Array, *, input_scale: float, input_zero_point: int = 0) -> Array:
    """Return tanh(x); int8 or int16 of any shape -> the same dtype.

    The outputs' scale and zero point are fixed: 1/128 and 0 (int8), 1/32768 and 0 (int16). The arithmetic is that of
    `logistic`. Raises ValueError naming the operand.

    Source: TensorFlow Lite kernels/internal/reference/integer_ops/tanh.h, micro/kernels/tanh.cc.
    """
    check_array("inputs", inputs, ("int8", "int16"))
    scale = check_scale("input_scale", input_scale)
    zero_point = check_zero_point("input_zero_point", input_zero_point, inputs.dtype)
    if inputs.dtype == np.int16:
        return tanh_int16(inputs, *int16_scaling(scale, (0, 1))).astype(np.int16)
    table = int8_table(scale, zero_point, lambda x: divide_by_power_of_two(fixed_point.tanh(x, 4), 24))
    return table[inputs.astype(np.int64) + 128]
