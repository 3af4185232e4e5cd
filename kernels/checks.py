# SPDX-License-Identifier: Apache-2.0
"""What operators check before unchecked compiled code runs; each failure is a ValueError that names the operand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
# What operators that only move elements take, and those that only compare them.
ANY_DTYPE = ("int8", "int16", "int32", "int64", "uint8", "float32", "bool")
INTEGER_DTYPES = ("int8", "int16", "int32")
INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


def check_array(name: str, array: Array, dtypes: Sequence[str], rank: int | None = None) -> None:
    """Check that `array` is a NumPy array of one of `dtypes` (names such as "int8") and, if given, of that rank."""
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name}: is a {type(array).__name__}, it must be a NumPy array of {' or '.join(dtypes)}")
    if array.dtype.name not in dtypes:
        raise ValueError(f"{name}: dtype is {array.dtype}, it must be {' or '.join(dtypes)}")
    if rank is not None and array.ndim != rank:
        raise ValueError(f"{name}: has {array.ndim} dimensions, shape {array.shape}, it must have {rank}")


def check_same_dtype(name: str, array: Array, other_name: str, other: Array) -> None:
    """Check that two arrays have the same dtype."""
    if array.dtype != other.dtype:
        raise ValueError(f"{name}: dtype is {array.dtype}, it must be that of {other_name}, {other.dtype}")


def check_integer(name: str, value: int, low: int, high: int) -> int:
    """Return `value` as an int, having checked that it is an integer between `low` and `high`, both included."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise ValueError(f"{name}: is a {type(value).__name__}, it must be an integer")
    if not low <= value <= high:
        raise ValueError(f"{name}: {value} is not between {low} and {high}")
    return int(value)


def check_zero_point(name: str, value: int, dtype: np.dtype[Any]) -> int:
    """Return a zero point: one of `dtype`'s values; 0 for int16, which TensorFlow Lite quantises symmetrically."""
    if dtype == np.int16:
        if check_integer(name, value, -32768, 32767) != 0:
            raise ValueError(f"{name}: is {value}, it must be 0 for int16 (quantised symmetrically)")
        return 0
    limits = np.iinfo(dtype)
    return check_integer(name, value, int(limits.min), int(limits.max))


def check_activation(minimum: int | None, maximum: int | None, dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return the range that outputs are clamped to: what is None is that end of `dtype`."""
    limits = np.iinfo(dtype)
    low, high = int(limits.min), int(limits.max)
    least = low if minimum is None else check_integer("activation_min", minimum, low, high)
    most = high if maximum is None else check_integer("activation_max", maximum, low, high)
    if least > most:
        raise ValueError(f"activation_min: {least} is more than activation_max, {most}")
    return least, most


def check_scale(name: str, value: float) -> float:
    """Return a quantisation scale, rounded to float32 as models store it; it must be finite and above zero."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.floating, np.integer)):
        raise ValueError(f"{name}: is a {type(value).__name__}, it must be a number")
    with np.errstate(over="ignore"):
        scale = float(np.float32(value))
    if not 0 < scale < float("inf"):
        raise ValueError(f"{name}: {value} is not a finite float32 above zero")
    return scale


def check_scales(name: str, values: Array | float) -> npt.NDArray[np.float64]:
    """Return scales as a vector, each as `check_scale` does."""
    row = np.ravel(values)
    if row.dtype.kind in "fiu":
        with np.errstate(over="ignore"):
            scales = row.astype(np.float32).astype(np.float64)
        if ((scales > 0) & (scales < np.inf)).all():
            return scales
    return np.array([check_scale(name, value) for value in row.tolist()], np.float64)


def check_axis(name: str, axis: int, rank: int) -> int:
    """Return an axis counted from the front; negative ones count from the end, as in NumPy."""
    if rank == 0:
        raise ValueError(f"{name}: there are no axes, the array is a scalar")
    return check_integer(name, axis, -rank, rank - 1) % rank


def check_axes(name: str, axes: Sequence[int] | int, rank: int) -> tuple[int, ...]:
    """Return distinct axes counted from the front, sorted; one that is named twice counts once."""
    given = [axes] if isinstance(axes, (int, np.integer)) else list(axes)
    return tuple(sorted({check_axis(name, axis, rank) for axis in given}))


def check_indices(name: str, indices: Array, length: int) -> None:
    """Check that all indices lie on an axis of that length."""
    wrong = indices[(indices < 0) | (indices >= length)]
    if wrong.size:
        raise ValueError(f"{name}: {wrong.flat[0]} is not between 0 and {length - 1}")


def check_output_dtype(name: str, known: Sequence[str]) -> np.dtype[Any]:
    """Return the dtype of that name, one of those known."""
    if name not in known:
        raise ValueError(f"output_dtype: '{name}' is not one of {', '.join(known)}")
    return np.dtype(name)
