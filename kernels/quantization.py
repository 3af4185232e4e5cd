# SPDX-License-Identifier: Apache-2.0
"""From the scales of tensors to the integers that the kernels compute with, as the interpreters prepare them.

Sources: TensorFlow Lite kernels/internal/quantization_util.cc (QuantizeMultiplier), kernels/kernel_util.cc
(CalculateActivationRangeQuantized, PopulateConvolutionQuantizationParams).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from mcusim.kernels.requantize import INT32_MAX, INT32_MIN, SHIFT_MAX, SHIFT_MIN, Int32Array

ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")


def round_half_away(value: float) -> float:
    """Round to a whole number, halves away from zero, as `std::round` does."""
    whole = math.floor(abs(value))
    # Adding one half and rounding down would be wrong next to a half, where the sum itself rounds.
    return math.copysign(whole + (1 if abs(value) - whole >= 0.5 else 0), value)


def quantize_multiplier(factor: float) -> tuple[int, int]:
    """Return (multiplier, shift) with factor = multiplier * 2^(shift - 31), multiplier in [2^30, 2^31) or 0.

    A factor below 2^-32 becomes zero. Raises ValueError for one that is negative, not finite, or 2^30 and more, which
    the kernels cannot multiply by.
    """
    if not (math.isfinite(factor) and factor >= 0):
        raise ValueError(f"factor: {factor} is not a finite number, zero or more")
    if factor == 0:
        return 0, 0
    fraction, shift = math.frexp(factor)
    multiplier = int(round_half_away(fraction * 2.0**31))
    if multiplier == 1 << 31:
        multiplier, shift = 1 << 30, shift + 1
    if shift < SHIFT_MIN:
        return 0, 0
    if shift > SHIFT_MAX:
        raise ValueError(f"factor: {factor} is too large, it must be below 2^{SHIFT_MAX}")
    return multiplier, shift


def quantize_multipliers(factors: npt.ArrayLike) -> tuple[Int32Array, Int32Array]:
    """Return int32 vectors (multipliers, shifts) for a vector of float64 factors. Raises as `quantize_multiplier`."""
    row = np.atleast_1d(np.asarray(factors, np.float64))
    wrong = row[~(np.isfinite(row) & (row >= 0) & (row < 2.0 ** (SHIFT_MAX - 1)))]
    for factor in wrong:  # those just below the end may be good
        quantize_multiplier(float(factor))
    fractions, shifts = np.frexp(row)
    # A fraction has 53 bits, 22 of them below the point here: adding a half is exact where it matters.
    multipliers = np.floor(fractions * 2.0**31 + 0.5).astype(np.int64)
    carried = multipliers == 1 << 31
    multipliers, shifts = np.where(carried, 1 << 30, multipliers), shifts + carried
    lost = shifts < SHIFT_MIN
    return np.where(lost, 0, multipliers).astype(np.int32), np.where(lost, 0, shifts).astype(np.int32)


def activation_range(activation: int, scale: float, zero_point: int, dtype: str = "int8") -> tuple[int, int]:
    """Return the least and the largest quantised value that a fused activation lets through.

    `activation` is the schema's number: 0 none, 1 RELU, 2 RELU_N1_TO_1, 3 RELU6. Raises ValueError for another one.
    """
    if not 0 <= activation < len(ACTIVATIONS):
        raise ValueError(f"activation: number {activation} is not one of 0 to {len(ACTIVATIONS) - 1}")
    limits = np.iinfo(dtype)
    low, high = int(limits.min), int(limits.max)

    def quantized(real: float) -> int:
        # Single precision, as in the interpreters.
        steps = round_half_away(float(np.float32(real) / np.float32(scale)))
        if not INT32_MIN <= steps <= INT32_MAX:
            raise ValueError(f"scale: {scale} is too small for the activation {ACTIVATIONS[activation]}")
        return zero_point + int(steps)

    if activation in (1, 3):
        low = max(low, quantized(0.0))
    if activation == 2:
        low = max(low, quantized(-1.0))
        high = min(high, quantized(1.0))
    if activation == 3:
        high = min(high, quantized(6.0))
    return low, high
