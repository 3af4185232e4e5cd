# SPDX-License-Identifier: Apache-2.0
"""From the scales of tensors to the integers that operators take: what TensorFlow Lite Micro's Prepare steps compute.

A tensor's real value is scale * (value - zero point), scale being float32. Each function returns what the operator of
that name takes as keyword arguments, so `add(a, b, **add_scaling(...))`. Which steps are single and which double
precision follows TensorFlow Lite Micro, where it decides the last bit of a multiplier.

Sources: TensorFlow Lite kernels/kernel_util.cc (PopulateConvolutionQuantizationParams,
GetQuantizedConvolutionMultipler), micro/kernels/*_common.cc.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_scale
from mcusim.kernels.quantization import quantize_multiplier, quantize_multipliers

Array = npt.NDArray[Any]


def smaller_than_one(name: str, real: float) -> tuple[int, int]:
    """Return `quantize_multiplier` of a factor that must lie between 0 and 1, both excluded; ValueError names it."""
    if not 0 < real < 1:
        raise ValueError(f"{name}: makes a factor of {real}, which must lie between 0 and 1")
    multiplier, shift = quantize_multiplier(real)
    if shift > 0:
        raise ValueError(f"{name}: makes a factor of {real}, which rounds to 1")
    return multiplier, shift


def convolution_scaling(
    input_scale: float, weight_scales: Array | float, output_scale: float
) -> dict[str, npt.NDArray[np.int32]]:
    """Return multipliers and shifts, one for each of `weight_scales`, for operators with weights.

    Per channel, and per tensor with a bias, the product of scales is in double precision.
    """
    first, last = check_scale("input_scale", input_scale), check_scale("output_scale", output_scale)
    factors = [first * check_scale("weight_scales", float(scale)) / last for scale in np.ravel(weight_scales)]
    return _many(factors)


def convolution_float_scales(
    input_scale: float, weight_scales: Array | float, output_scale: float
) -> dict[str, npt.NDArray[np.float32]]:
    """Return TinyEngine's `scales`: float32(input_scale * weight_scale / output_scale), one for each channel."""
    first, last = check_scale("input_scale", input_scale), check_scale("output_scale", output_scale)
    factors = [first * check_scale("weight_scales", float(scale)) / last for scale in np.ravel(weight_scales)]
    return {"scales": np.array(factors, np.float32)}


def fully_connected_scaling(
    input_scale: float, weight_scales: Array | float, output_scale: float, *, has_bias: bool = True
) -> dict[str, npt.NDArray[np.int32]]:
    """As `convolution_scaling`; per tensor and without a bias the product of scales is rounded to single precision."""
    if has_bias or np.size(weight_scales) > 1:
        return convolution_scaling(input_scale, weight_scales, output_scale)
    first, last = check_scale("input_scale", input_scale), check_scale("output_scale", output_scale)
    weight = check_scale("weight_scales", float(np.ravel(weight_scales)[0]))
    return _many([float(np.float32(first * weight)) / last])


def rescaling(input_scale: float, output_scale: float, *, single_precision: bool = False) -> dict[str, int]:
    """Return multiplier and shift of input_scale / output_scale; TensorFlow Lite divides some in single precision."""
    factor = check_scale("input_scale", input_scale) / check_scale("output_scale", output_scale)
    multiplier, shift = quantize_multiplier(float(np.float32(factor)) if single_precision else factor)
    return {"multiplier": multiplier, "shift": shift}


def add_scaling(input1_scale: float, input2_scale: float, output_scale: float, dtype: str = "int8") -> dict[str, int]:
    """Return what `add` takes: each input is brought to twice the larger scale, with `left_shift` bits to spare."""
    first, second = check_scale("input1_scale", input1_scale), check_scale("input2_scale", input2_scale)
    left_shift, twice = _left_shift(dtype), 2 * max(first, second)
    last = twice / ((1 << left_shift) * check_scale("output_scale", output_scale))
    return _three(left_shift, first / twice, second / twice, last)


def sub_scaling(input1_scale: float, input2_scale: float, output_scale: float, dtype: str = "int8") -> dict[str, int]:
    """Return what `sub` takes: as `add_scaling`, but divided in single precision, as TensorFlow Lite Micro does."""
    first, second = check_scale("input1_scale", input1_scale), check_scale("input2_scale", input2_scale)
    left_shift, twice = _left_shift(dtype), 2 * np.float32(max(first, second))
    last = twice / (np.float32(1 << left_shift) * np.float32(check_scale("output_scale", output_scale)))
    return _three(left_shift, float(np.float32(first) / twice), float(np.float32(second) / twice), float(last))


def mul_scaling(input1_scale: float, input2_scale: float, output_scale: float) -> dict[str, int]:
    """Return what `mul` takes: multiplier and shift of input1_scale * input2_scale / output_scale."""
    first, second = check_scale("input1_scale", input1_scale), check_scale("input2_scale", input2_scale)
    multiplier, shift = quantize_multiplier(first * second / check_scale("output_scale", output_scale))
    return {"multiplier": multiplier, "shift": shift}


def _many(factors: list[float]) -> dict[str, npt.NDArray[np.int32]]:
    multipliers, shifts = quantize_multipliers(factors)
    return {"multipliers": multipliers, "shifts": shifts}


def _left_shift(dtype: str) -> int:
    if dtype not in ("int8", "int16"):
        raise ValueError(f"dtype: '{dtype}' is not int8 or int16")
    return 15 if dtype == "int16" else 20


def _three(left_shift: int, first: float, second: float, last: float) -> dict[str, int]:
    result = {"left_shift": left_shift}
    for name, factor in (("input1", first), ("input2", second), ("output", last)):
        multiplier, shift = smaller_than_one(f"{name}_scale", factor)
        result |= {f"{name}_multiplier": multiplier, f"{name}_shift": shift}
    return result
