# SPDX-License-Identifier: Apache-2.0
"""What element-by-element operators share: checks, differences from zero points, one factor for all, clamp."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import INT32_MAX, check_array, check_integer, check_same_dtype
from mcusim.kernels.requantize import ROUNDINGS, SHIFT_MAX, SHIFT_MIN, requantize_values

Array = npt.NDArray[Any]
Int32Array = npt.NDArray[np.int32]

QUANTISED = ("int8", "int16")


def check_pair_of_inputs(inputs1: Array, inputs2: Array, dtypes: tuple[str, ...] = QUANTISED) -> tuple[int, ...]:
    """Check two arrays of the same dtype whose shapes broadcast as in NumPy; return the shape that they give."""
    check_array("inputs1", inputs1, dtypes)
    check_array("inputs2", inputs2, dtypes)
    check_same_dtype("inputs2", inputs2, "inputs1", inputs1)
    try:
        return np.broadcast_shapes(inputs1.shape, inputs2.shape)
    except ValueError:
        raise ValueError(f"inputs2: shape {inputs2.shape} does not go with that of inputs1, {inputs1.shape}") from None


def check_rounding(rounding: str) -> bool:
    """Return whether rounding is "single", having checked that it is "single" or "double"."""
    if rounding not in ROUNDINGS:
        raise ValueError(f"rounding: '{rounding}' is not one of {', '.join(ROUNDINGS)}")
    return rounding == "single"


def check_factor(name: str, multiplier: int, shift: int, *, most: int = SHIFT_MAX) -> tuple[int, int]:
    """Return a multiplier and a shift as ints; errors name `{name}multiplier` and `{name}shift`."""
    return (
        check_integer(f"{name}multiplier", multiplier, 0, INT32_MAX),
        check_integer(f"{name}shift", shift, SHIFT_MIN, most),
    )


def differences(values: Array, zero_point: int) -> Int32Array:
    """Return values - zero_point as int32; for int8 and int16 nothing wraps."""
    return values.astype(np.int32) - np.int32(zero_point)


def requantized(values: Int32Array, factor: tuple[int, int], single: bool) -> Int32Array:
    """Return int32 values of any shape times one (multiplier, shift), rounded once or twice."""
    flat = np.array(values, np.int32).reshape(-1)
    requantize_values(flat, *factor, single, flat)
    return flat.reshape(values.shape)


def clamped(values: Array, zero_point: int, limits: tuple[int, int], dtype: np.dtype[Any]) -> Array:
    """Return values + zero_point, cut to the limits (both included), as `dtype`; the int32 sum wraps as in C."""
    with np.errstate(over="ignore"):
        return np.clip(values + np.int32(zero_point), *limits).astype(dtype)


def dtype_limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return the least and the largest value of an integer dtype."""
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)
