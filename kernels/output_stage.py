# SPDX-License-Identifier: Apache-2.0
"""From sums to outputs: bias, requantisation for each channel, zero point, clamp. The end of every operator with sums.

    output = clamp(requantise(sum + bias) + output_zero_point, activation_min, activation_max)

Sums of 32 bits are requantised by `multipliers` and `shifts`, rounded "double" or "single", or by TinyEngine's
float32 `scales` (see `requantize.py`). Sums of 64 bits, which int16 activations with an int64 bias have, are
requantised as TensorFlow Lite does: the multiplier is first rounded to 16 bits.

Source: TensorFlow Lite kernels/internal/common.cc (MultiplyByQuantizedMultiplier for int32_t and for int64_t).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import INT32_MAX, INT32_MIN, check_activation, check_array, check_zero_point
from mcusim.kernels.requantize import (
    ROUNDINGS,
    SHIFT_MAX,
    SHIFT_MIN,
    per_channel,
    per_channel_scales,
    requantize_rows,
    requantize_rows_float_scale,
)

Array = npt.NDArray[Any]
# With 64-bit sums TensorFlow Lite takes shifts below 8 only.
WIDE_SHIFT_MAX = 7


@dataclass(frozen=True)
class OutputStage:
    """Checked parameters of the last step; made by `output_stage`. `dtype` is that of the outputs: int8 or int16."""

    dtype: np.dtype[Any]
    zero_point: int
    activation_min: int
    activation_max: int
    single_rounding: bool
    multipliers: npt.NDArray[np.int32]
    shifts: npt.NDArray[np.int32]
    scales: npt.NDArray[np.float32] | None

    def outputs(
        self,
        sums: Array,
        passed: npt.NDArray[np.bool_] | None = None,
        *,
        bias: Array | None = None,
        results: Array | None = None,
    ) -> Array:
        """Return outputs of sums (rows, channels) plus a bias; note in `passed` which ones were not clamped.

        Sums are int32, int64, or whole numbers in float32; 32 bits wrap. `results`, if given, is filled and returned.
        """
        if results is None:
            results = np.empty(sums.shape, self.dtype)
        if passed is None and sums.dtype != np.int64:
            self._requantize(sums, bias, self.activation_min, self.activation_max, results)
            return results
        if sums.dtype == np.int64:
            total = sums if bias is None else sums + bias
            scaled = requantize_wide(total, self.multipliers, self.shifts, self.single_rounding)
            wide: Array = scaled.astype(np.int64) + self.zero_point
        else:
            wide = np.empty(sums.shape, np.int32)
            self._requantize(sums, bias, INT32_MIN, INT32_MAX, wide)
        if passed is not None:
            np.logical_and(wide >= self.activation_min, wide <= self.activation_max, out=passed)
        results[...] = np.clip(wide, self.activation_min, self.activation_max)
        return results

    def _requantize(self, sums: Array, bias: Array | None, least: int, most: int, results: Array) -> None:
        """Write outputs, clamped to a range of int32, of sums of 32 bits."""
        added = np.zeros(sums.shape[1], np.int32) if bias is None else bias
        if self.scales is not None:
            requantize_rows_float_scale(sums, added, self.scales, self.zero_point, least, most, results)
        else:
            factors = (self.multipliers, self.shifts, self.single_rounding)
            requantize_rows(sums, added, *factors, self.zero_point, least, most, results)


def output_stage(
    channels: int,
    dtype: np.dtype[Any],
    *,
    multipliers: Array | int | None = None,
    shifts: Array | int | None = None,
    rounding: str = "double",
    scales: Array | float | None = None,
    output_zero_point: int = 0,
    activation_min: int | None = None,
    activation_max: int | None = None,
) -> OutputStage:
    """Check the parameters of the last step for so many channels; either multipliers and shifts, or scales.

    Raises ValueError that names the operand.
    """
    least, most = check_activation(activation_min, activation_max, dtype)
    zero_point = check_zero_point("output_zero_point", output_zero_point, dtype)
    if rounding not in ROUNDINGS:
        raise ValueError(f"rounding: '{rounding}' is not one of {', '.join(ROUNDINGS)}")
    scale_row, multiplier_row, shift_row = None, np.zeros(channels, np.int32), np.zeros(channels, np.int32)
    if scales is not None:
        if multipliers is not None or shifts is not None:
            raise ValueError("scales: give either scales, or multipliers and shifts")
        if rounding != "double":
            raise ValueError(f"rounding: '{rounding}' is of multipliers and shifts: scales truncate, leave it out")
        if dtype != np.int8:
            raise ValueError(f"scales: float rounding is for int8 outputs, these are {dtype}")
        scale_row = per_channel_scales("scales", scales, channels)
    else:
        if multipliers is None or shifts is None:
            raise ValueError(f"{'multipliers' if multipliers is None else 'shifts'}: missing (or give scales)")
        multiplier_row = per_channel("multipliers", multipliers, channels, 0, INT32_MAX)
        shift_row = per_channel("shifts", shifts, channels, SHIFT_MIN, SHIFT_MAX)
    return OutputStage(dtype, zero_point, least, most, rounding == "single", multiplier_row, shift_row, scale_row)


def check_passed(passed: npt.NDArray[np.bool_] | None, shape: tuple[int, ...]) -> None:
    """Check the array that says what was not clamped: bool, contiguous, writable, of the outputs' shape; or None."""
    if passed is None:
        return
    check_array("passed", passed, ("bool",))
    if passed.shape != shape:
        raise ValueError(f"passed: shape is {passed.shape}, it must be that of the outputs, {shape}")
    if not (passed.flags.c_contiguous and passed.flags.writeable):
        raise ValueError("passed: must be contiguous and writable")


def check_bias(bias: Array | None, channels: int, inputs: Array, stage: OutputStage) -> int:
    """Check a bias (one for each channel, or None) and return the bits of the sums that TensorFlow Lite would use.

    int8 inputs have an int32 bias and 32-bit sums. For int16 inputs the bias says it: int32, or int64 as no bias does.
    """
    bits = 32
    if bias is None:
        bits = 64 if inputs.dtype == np.int16 else 32
    else:
        check_array("bias", bias, ("int32", "int64") if inputs.dtype == np.int16 else ("int32",), 1)
        if bias.shape != (channels,):
            raise ValueError(f"bias: shape is {bias.shape}, it must be ({channels},), one for each output channel")
        bits = bias.dtype.itemsize * 8
    if bits == 64 and stage.shifts.size and int(stage.shifts.max()) > WIDE_SHIFT_MAX:
        raise ValueError(f"shifts: {stage.shifts.max()} is more than {WIDE_SHIFT_MAX}, the most for 64-bit sums")
    return bits


def requantize_wide(
    sums: npt.NDArray[np.int64],
    multipliers: npt.NDArray[np.int32],
    shifts: npt.NDArray[np.int32],
    single_rounding: bool = False,
) -> npt.NDArray[np.int32]:
    """Return 64-bit sums times multipliers * 2^(shifts - 31), rounded once, halves up; what leaves 32 bits wraps.

    The multiplier is rounded to 16 bits first. Both roundings of TensorFlow Lite give the same: `single_rounding` is
    taken so that callers need not know. Sums beyond 48 bits, for which TensorFlow Lite asserts, wrap at 64.
    """
    wide = multipliers.astype(np.int64)
    reduced = np.where(wide < 0x7FFF_0000, (wide + (1 << 15)) >> 16, 0x7FFF)
    total_shifts = 15 - shifts.astype(np.int64)
    rounded: npt.NDArray[np.int64] = (sums * reduced + (np.int64(1) << (total_shifts - 1))) >> total_shifts
    return rounded.astype(np.int32)
