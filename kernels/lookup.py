# SPDX-License-Identifier: Apache-2.0
"""Tables of a function for int16: 513 values, straight lines between them, as TensorFlow Lite makes and reads them.

Source: TensorFlow Lite kernels/internal/common.h (LUTPopulateInt16, LUTLookup).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]

STEPS = 512
_LEAST, _MOST = -32768, 32767
_f = np.float32


def _rounded(value: np.float32) -> np.float32:
    """Round to a whole number, halves away from zero."""
    size = abs(float(value))
    whole = math.floor(size)
    return _f(math.copysign(whole + (1 if size - whole >= 0.5 else 0), float(value)))


def make_table(
    function: Callable[[float], float],
    input_scale: float,
    input_zero_point: int,
    output_scale: float,
    output_zero_point: int,
) -> Int64Array:
    """Return the 513 values (int16 range) of a function of real numbers, between quantised int16 input and output.

    Each value is moved by half of the error that the line to the next one would have in the middle. All arithmetic is
    in single precision; `function` should return what is then rounded to it.
    """
    scale, last_scale = _f(input_scale), _f(output_scale)
    low, high = scale * _f(_LEAST - input_zero_point), scale * _f(_MOST - input_zero_point)
    output_low, output_high = last_scale * _f(_LEAST - output_zero_point), last_scale * _f(_MOST - output_zero_point)
    step = (high - low) / _f(STEPS)
    half = step / _f(2)
    inverse = _f(_MOST - _LEAST + 1) / (output_high - output_low)

    def at(point: np.float32) -> np.float32:
        return _f(_f(function(float(point))) * inverse)

    table = []
    for index in range(STEPS):
        here = low + _f(index) * step
        value, middle, after = at(here), at(here + half), at(low + _f(index + 1) * step)
        sample = _rounded(value)
        error = _rounded((after + sample) / _f(2)) - _rounded(middle)
        table.append(float(sample - _rounded(error / _f(2))))
    table.append(float(_rounded(at(high))))
    return np.clip(np.array(table), _LEAST, _MOST).astype(np.int64)


def look_up(values: Any, table: Int64Array) -> Int64Array:
    """Return the function at int16 values: nine bits choose the line, seven the place on it."""
    numbers = np.asarray(values, np.int64)
    index = 256 + (numbers >> 7)
    base = table[index]
    # The slope is kept in 16 bits, as the target does.
    slope = (table[index + 1] - base).astype(np.int16).astype(np.int64)
    result: Int64Array = (base + ((slope * (numbers & 0x7F) + 64) >> 7)).astype(np.int16).astype(np.int64)
    return result
