# SPDX-License-Identifier: Apache-2.0
"""A layer of filters over features and over time, with a memory of what came before: `svdf`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_integer, check_zero_point
from mcusim.kernels.elementwise import check_factor, check_rounding, clamped, dtype_limits, requantized
from mcusim.kernels.products import padded_rows, sums_of_products, widened

Array = npt.NDArray[Any]


def svdf(
    inputs: Array,
    feature_weights: Array,
    time_weights: Array,
    bias: Array | None,
    state: Array,
    *,
    rank: int,
    feature_multiplier: int,
    feature_shift: int,
    multiplier: int,
    shift: int,
    input_zero_point: int = 0,
    state_zero_point: int = 0,
    output_zero_point: int = 0,
    rounding: str = "double",
) -> tuple[Array, Array]:
    """Filter one step in time; int8 (n, features), int8 (filters, features) -> int8 (n, filters / rank), new state.

        state   = the old one without its first column, and as last column
                  clamp(requantise(sum over features of weights * (inputs - zero point), feature_multiplier, ...))
        sum     = sum over a unit's `rank` filters and over time of time_weights * (state - state_zero_point)
        outputs = clamp(requantise(sum + bias, multiplier, shift) + output_zero_point)

    `time_weights` (filters, memory) and `state` (n, filters * memory) are both int16 or both int8; `bias` is int32
    (filters / rank,) or None. The state's zero point is added after the clamp, and wraps. `scaling.svdf_scaling` makes
    the factors. Raises ValueError naming the operand. Source: TensorFlow Lite Micro micro/kernels/svdf_common.cc
    (EvalIntegerSvdfReference), which applies no activation.
    """
    check_array("inputs", inputs, ("int8",), 2)
    check_array("feature_weights", feature_weights, ("int8",), 2)
    check_array("time_weights", time_weights, ("int8", "int16"), 2)
    check_array("state", state, (time_weights.dtype.name,))
    (batches, features), (filters, memory) = inputs.shape, time_weights.shape
    if feature_weights.shape != (filters, features):
        raise ValueError(f"feature_weights: shape is {feature_weights.shape}, it must be ({filters}, {features})")
    if not memory or state.size != batches * filters * memory:
        raise ValueError(f"state: shape is {state.shape}, it must be ({batches}, {filters * memory})")
    if filters % check_integer("rank", rank, 1, max(filters, 1)):
        raise ValueError(f"rank: {filters} filters are no multiple of {rank}")
    units = filters // rank
    if bias is not None:
        check_array("bias", bias, ("int32",), 1)
        if bias.shape != (units,):
            raise ValueError(f"bias: shape is {bias.shape}, it must be ({units},)")
    single = check_rounding(rounding)
    first, last = check_factor("feature_", feature_multiplier, feature_shift), check_factor("", multiplier, shift)
    input_point = check_zero_point("input_zero_point", input_zero_point, inputs.dtype)
    state_point = check_zero_point("state_zero_point", state_zero_point, state.dtype)
    output_point = check_zero_point("output_zero_point", output_zero_point, inputs.dtype)

    rows = padded_rows(widened(inputs, input_point))
    sums = sums_of_products(rows, padded_rows(widened(feature_weights)))
    newest = np.clip(requantized(sums, first, single), *dtype_limits(state.dtype)) + state_point
    memories = np.empty((batches, filters, memory), state.dtype)
    memories[:, :, :-1] = state.reshape(batches, filters, memory)[:, :, 1:]
    memories[:, :, -1] = newest.astype(state.dtype)
    wide = (memories.astype(np.int64) - state_point) * time_weights.astype(np.int64)
    totals = np.asarray(wide.reshape(batches, units, -1).sum(axis=2)).astype(np.int32)
    if bias is not None:
        totals = totals + bias
    outputs = clamped(requantized(totals, last, single), output_point, dtype_limits(inputs.dtype), inputs.dtype)
    return outputs, memories.reshape(state.shape)
