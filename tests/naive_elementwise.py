# SPDX-License-Identifier: Apache-2.0
"""Plain twins of the operators that work element by element, in Python integers; they check nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from naive_kernels import clamp, rescale, wrap

Array = npt.NDArray[Any]


def add(inputs1: Array, inputs2: Array, sign: int = 1, **options: Any) -> Array:
    """Sum, or difference with sign = -1, of two arrays with different scales."""
    first, second = np.broadcast_arrays(inputs1, inputs2)
    outputs = np.zeros(first.shape, inputs1.dtype)
    rounding = options.get("rounding", "double")
    for place in np.ndindex(*first.shape):
        parts = []
        for number, values in ((1, first), (2, second)):
            difference = int(values[place]) - options.get(f"input{number}_zero_point", 0)
            multiplier, shift = options[f"input{number}_multiplier"], options[f"input{number}_shift"]
            parts.append(rescale(difference << options["left_shift"], multiplier, shift, rounding))
        total = wrap(parts[0] + sign * parts[1], 32)
        result = rescale(total, options["output_multiplier"], options["output_shift"], rounding)
        outputs[place] = clamp(wrap(result + options.get("output_zero_point", 0), 32), inputs1.dtype, options)
    return outputs


def sub(inputs1: Array, inputs2: Array, **options: Any) -> Array:
    """Difference."""
    return add(inputs1, inputs2, -1, **options)


def mul(inputs1: Array, inputs2: Array, **options: Any) -> Array:
    """Product."""
    first, second = np.broadcast_arrays(inputs1, inputs2)
    outputs = np.zeros(first.shape, inputs1.dtype)
    for place in np.ndindex(*first.shape):
        product = (int(first[place]) - options.get("input1_zero_point", 0)) * (
            int(second[place]) - options.get("input2_zero_point", 0)
        )
        result = rescale(product, options["multiplier"], options["shift"], options.get("rounding", "double"))
        outputs[place] = clamp(wrap(result + options.get("output_zero_point", 0), 32), inputs1.dtype, options)
    return outputs
