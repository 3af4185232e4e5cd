# SPDX-License-Identifier: Apache-2.0
"""Plain twins of the operators that work element by element, in Python integers; they check nothing."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import naive
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


def each(inputs: Array, dtype: Any, value: Callable[[int], int]) -> Array:
    """Apply a function of integers to every element, clamped to the dtype."""
    outputs = np.zeros(inputs.shape, dtype)
    for place in np.ndindex(*inputs.shape):
        outputs[place] = clamp(value(int(inputs[place])), dtype, {})
    return outputs


def rescale_each(inputs: Array, dtype: Any, **options: Any) -> Array:
    """The same numbers with another scale."""

    def value(element: int) -> int:
        difference = wrap(element - options.get("input_zero_point", 0), 32)
        result = rescale(difference, options["multiplier"], options["shift"], options.get("rounding", "double"))
        return result + options.get("output_zero_point", 0)

    return each(inputs, dtype, value)


def relu(inputs: Array, **options: Any) -> Array:
    """Rescaled and cut."""
    limits = {"activation_min": options.get("output_zero_point", 0)} | options
    rescaled = rescale_each(inputs, np.int64, **options)
    return np.array([clamp(int(value), inputs.dtype, limits) for value in rescaled.flat], inputs.dtype).reshape(
        inputs.shape
    )


def leaky_relu(inputs: Array, alphas: Array | None = None, **options: Any) -> Array:
    """Two slopes; with `alphas` the second is each element's own."""
    rounding, outputs = options.get("rounding", "double"), np.zeros(inputs.shape, inputs.dtype)
    slopes = None if alphas is None else np.broadcast_to(alphas, inputs.shape)
    for place in np.ndindex(*inputs.shape):
        difference = int(inputs[place]) - options.get("input_zero_point", 0)
        if difference >= 0:
            result = rescale(difference, options["multiplier"], options["shift"], rounding)
        else:
            if slopes is not None:
                difference *= int(slopes[place]) - options.get("alpha_zero_point", 0)
            result = rescale(difference, options["alpha_multiplier"], options["alpha_shift"], rounding)
            result = -result if options.get("alpha_is_negative") else result
        outputs[place] = clamp(wrap(result + options.get("output_zero_point", 0), 32), inputs.dtype, {})
    return outputs


def hard_swish(inputs: Array, output: tuple[int, int], slope: tuple[int, int], first: int, last: int) -> Array:
    """x * relu6(x + 3) / 6 with 16-bit (multiplier, exponent) of the output and of the slope."""

    def high_mul(a: int, b: int) -> int:
        return naive.round_half_up(Fraction(a * b, 1 << 15))

    def value(element: int) -> int:
        fine = wrap((element - first) << 7, 16)
        preshift = high_mul(fine, output[0])
        part = fine
        if slope[1] > 0:
            part = min(max(part << (slope[1] - 1), -32768), 32767)
        part = high_mul(part, slope[0])
        if slope[1] > 0:
            part = min(max(part << 1, -32768), 32767)
        if slope[1] < 0:
            part = naive.rounding_divide_by_power_of_two(part, -slope[1])
        part = (part + (1 << 15)) >> 1
        product = naive.divide_towards_zero(part * preshift, 1 << 15)
        return naive.rounding_divide_by_power_of_two(product, -output[1]) + last

    return each(inputs, np.int8, value)
