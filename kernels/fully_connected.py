# SPDX-License-Identifier: Apache-2.0
"""Fully connected layer: `fully_connected`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_zero_point
from mcusim.kernels.output_stage import check_bias, check_passed, output_stage
from mcusim.kernels.products import padded_rows, sums_of_products, widened

Array = npt.NDArray[Any]


def fully_connected(
    inputs: Array,
    weights: Array,
    bias: Array | None = None,
    *,
    input_zero_point: int = 0,
    weights_zero_point: int = 0,
    output_zero_point: int = 0,
    multipliers: Array | int | None = None,
    shifts: Array | int | None = None,
    rounding: str = "double",
    scales: Array | float | None = None,
    activation_min: int | None = None,
    activation_max: int | None = None,
    passed: npt.NDArray[np.bool_] | None = None,
    keep_dims: bool = False,
) -> Array:
    """Multiply by a matrix; int8 or int16 (..., depth), int8 (units, depth) -> (rows, units) of the inputs' dtype.

        sum[r, u] = sum over d of (weights[u, d] - weights_zero_point) * (inputs[r, d] - input_zero_point)
        outputs   = clamp(requantise(sum + bias) + output_zero_point)

    The inputs are read as rows of `depth`, whatever their shape; with `keep_dims` their last axis must be `depth` and
    the others stay. `bias` is int32 (units,) or None; with int16 inputs also int64, and None means 64-bit sums. The
    rest is as in `conv2d`, per tensor or per unit, `passed` too. Raises ValueError naming the operand.

    Source: TensorFlow Lite kernels/internal/reference/integer_ops/fully_connected.h (FullyConnected,
    FullyConnectedPerChannel). LiteRT rounds once here where TensorFlow Lite Micro rounds twice.
    """
    check_array("inputs", inputs, ("int8", "int16"))
    check_array("weights", weights, ("int8",), 2)
    units, depth = weights.shape
    if inputs.ndim == 0 or not depth or inputs.size % depth:
        raise ValueError(f"weights: have {depth} columns, inputs of shape {inputs.shape} are no rows of that length")
    if keep_dims and inputs.shape[-1] != depth:
        raise ValueError(f"inputs: the last axis has {inputs.shape[-1]} elements, weights have {depth} columns")
    zero_point = check_zero_point("input_zero_point", input_zero_point, inputs.dtype)
    weights_point = check_zero_point("weights_zero_point", weights_zero_point, weights.dtype)
    stage = output_stage(
        units,
        inputs.dtype,
        multipliers=multipliers,
        shifts=shifts,
        rounding=rounding,
        scales=scales,
        output_zero_point=output_zero_point,
        activation_min=activation_min,
        activation_max=activation_max,
    )
    bits = check_bias(bias, units, inputs, stage)
    shape = (*inputs.shape[:-1], units) if keep_dims else (inputs.size // depth, units)
    check_passed(passed, shape)
    rows = padded_rows(widened(inputs, zero_point).reshape(-1, depth))
    sums = sums_of_products(rows, padded_rows(widened(weights, weights_point)), bits)
    if bias is not None:
        sums += bias
    outputs = stage.outputs(sums, None if passed is None else passed.reshape(sums.shape))
    return outputs.reshape(shape)
