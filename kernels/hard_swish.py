# SPDX-License-Identifier: Apache-2.0
"""x * relu6(x + 3) / 6: `hard_swish`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_scale, check_zero_point
from mcusim.kernels.fixed_point import Int64Array, divide_by_power_of_two
from mcusim.kernels.quantization import quantize_multiplier

Array = npt.NDArray[Any]

INT16_MIN, INT16_MAX = -32768, 32767


def hard_swish(
    inputs: Array,
    *,
    input_scale: float,
    output_scale: float,
    input_zero_point: int = 0,
    output_zero_point: int = 0,
) -> Array:
    """Return x * min(max(x + 3, 0), 6) / 6; int8 of any shape -> int8, in 16-bit arithmetic.

        fine    = (inputs - input_zero_point) << 7
        slope   = fine * (input_scale / 128 / (3 / 32768)), saturating: 0 to 1 for x from -3 to 3
        outputs = clamp(slope * (fine * input_scale / 128 / output_scale) + output_zero_point)

    each product rounded as in the source, to the last bit. Raises ValueError naming the operand, also for an output
    scale below 1/128 of the input's. Source: TensorFlow Lite kernels/internal/reference/hard_swish.h,
    micro/kernels/hard_swish_common.cc.
    """
    check_array("inputs", inputs, ("int8",))
    first = check_zero_point("input_zero_point", input_zero_point, inputs.dtype)
    last = check_zero_point("output_zero_point", output_zero_point, inputs.dtype)
    multiplier, exponent, slope_multiplier, slope_exponent = hard_swish_scaling(input_scale, output_scale).values()
    table = np.arange(-128, 128, dtype=np.int64)
    # What does not fit 16 bits wraps: differences beyond 255 << 7 do not occur.
    fine = (((table - first) << 7) & 0xFFFF ^ 0x8000) - 0x8000
    output = _high_mul(fine, multiplier)
    slope = _saturated(fine << (slope_exponent - 1)) if slope_exponent > 0 else fine
    slope = _high_mul(slope, slope_multiplier)
    if slope_exponent > 0:
        slope = _saturated(slope << 1)
    elif slope_exponent < 0:
        slope = divide_by_power_of_two(slope, min(-slope_exponent, 31))
    slope = (slope + (1 << 15)) >> 1
    product = slope * output
    towards_zero = np.sign(product) * (np.abs(product) >> 15)
    results = divide_by_power_of_two(towards_zero, min(-exponent, 31)) + last
    lookup = np.clip(results, -128, 127).astype(np.int8)
    return lookup[inputs.astype(np.int64) + 128]


def hard_swish_scaling(input_scale: float, output_scale: float) -> dict[str, int]:
    """Return the factors of `struct mk_hard_swish` by its members' names.

    Those of the output and of the slope: each is multiplier * 2^(exponent - 15). Raises ValueError naming the scale.
    """
    fine_scale = np.float32(1 / 128) * np.float32(check_scale("input_scale", input_scale))
    multiplier, exponent = _factor(fine_scale / np.float32(check_scale("output_scale", output_scale)))
    if exponent > 0:
        raise ValueError(f"output_scale: {output_scale} is less than 1/128 of input_scale, {input_scale}")
    slope_multiplier, slope_exponent = _factor(fine_scale / np.float32(3 / 32768))
    return {
        "output_multiplier": multiplier, "output_exponent": exponent, "slope_multiplier": slope_multiplier,
        "slope_exponent": slope_exponent,
    }  # fmt: skip


def _factor(real: Any) -> tuple[int, int]:
    """Return (16-bit multiplier, exponent): the 32-bit one rounded, halves up (DownScaleInt32ToInt16Multiplier)."""
    multiplier, exponent = quantize_multiplier(float(real))
    return (INT16_MAX if multiplier >= (INT16_MAX << 16) else (multiplier + (1 << 15)) >> 16), exponent


def _high_mul(values: Int64Array, multiplier: int) -> Int64Array:
    """Return round(values * multiplier / 2^15) of 16-bit numbers, halves up; INT16_MIN is no multiplier."""
    return (values * multiplier + (1 << 14)) >> 15


def _saturated(values: Int64Array) -> Int64Array:
    return np.clip(values, INT16_MIN, INT16_MAX)
