# SPDX-License-Identifier: Apache-2.0
"""Products of many pairs of matrices: `batch_matmul`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_same_dtype, check_zero_point
from mcusim.kernels.elementwise import check_factor
from mcusim.kernels.output_stage import WIDE_SHIFT_MAX, output_stage
from mcusim.kernels.products import padded_rows, sums_of_products, widened
from mcusim.kernels.requantize import SHIFT_MAX

Array = npt.NDArray[Any]


def batch_matmul(
    inputs1: Array,
    inputs2: Array,
    *,
    multiplier: int,
    shift: int,
    transpose1: bool = False,
    transpose2: bool = False,
    input1_zero_point: int = 0,
    input2_zero_point: int = 0,
    output_zero_point: int = 0,
    rounding: str = "double",
    activation_min: int | None = None,
    activation_max: int | None = None,
) -> Array:
    """Multiply matrices; two int8 or two int16 arrays (..., m, k), (..., k, n) -> (..., m, n), leading axes broadcast.

        sum     = (inputs1 - input1_zero_point) @ (inputs2 - input2_zero_point)
        outputs = clamp(requantise(sum, multiplier, shift) + output_zero_point)

    A transposed operand has its last two axes swapped first (adj_x, adj_y). Sums have 32 bits for int8 and wrap, 64
    bits for int16. Raises ValueError naming the operand. Source: TensorFlow Lite
    kernels/internal/reference/batch_matmul.h (BatchMatMul with FullyConnectedParams), micro/kernels/batch_matmul.cc.
    """
    check_array("inputs1", inputs1, ("int8", "int16"))
    check_array("inputs2", inputs2, ("int8", "int16"))
    check_same_dtype("inputs2", inputs2, "inputs1", inputs1)
    for name, array in (("inputs1", inputs1), ("inputs2", inputs2)):
        if array.ndim < 2:
            raise ValueError(f"{name}: shape is {array.shape}, it must have two axes or more")
    first = inputs1.swapaxes(-1, -2) if transpose1 else inputs1
    second = inputs2 if transpose2 else inputs2.swapaxes(-1, -2)  # one row for each column of the result
    if first.shape[-1] != second.shape[-1]:
        raise ValueError(f"inputs2: have {second.shape[-1]} rows, inputs1 have {first.shape[-1]} columns")
    try:
        leading = np.broadcast_shapes(first.shape[:-2], second.shape[:-2])
    except ValueError:
        raise ValueError(f"inputs2: shape {inputs2.shape} does not go with that of inputs1, {inputs1.shape}") from None
    bits = 64 if inputs1.dtype == np.int16 else 32
    factor = check_factor("", multiplier, shift, most=WIDE_SHIFT_MAX if bits == 64 else SHIFT_MAX)
    rows, columns = first.shape[-2], second.shape[-2]
    stage = output_stage(
        columns,
        inputs1.dtype,
        multipliers=factor[0],
        shifts=factor[1],
        rounding=rounding,
        output_zero_point=output_zero_point,
        activation_min=activation_min,
        activation_max=activation_max,
    )
    first = widened(first, check_zero_point("input1_zero_point", input1_zero_point, inputs1.dtype))
    second = widened(second, check_zero_point("input2_zero_point", input2_zero_point, inputs1.dtype))
    first = np.broadcast_to(first, (*leading, *first.shape[-2:]))
    second = np.broadcast_to(second, (*leading, *second.shape[-2:]))
    outputs = np.empty((*leading, rows, columns), inputs1.dtype)
    for place in np.ndindex(*leading):
        # Copies: what is broadcast may not be written to, and would be compiled for anew.
        sums = sums_of_products(padded_rows(first[place].copy()), padded_rows(second[place].copy()), bits)
        outputs[place] = stage.outputs(sums)
    return outputs
