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

from mcusim.kernels.checks import check_scale, check_scales
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
    return _many(first * check_scales("weight_scales", weight_scales) / last)


def convolution_float_scales(
    input_scale: float, weight_scales: Array | float, output_scale: float
) -> dict[str, npt.NDArray[np.float32]]:
    """Return TinyEngine's `scales`: float32(input_scale * weight_scale / output_scale), one for each channel."""
    first, last = check_scale("input_scale", input_scale), check_scale("output_scale", output_scale)
    return {"scales": (first * check_scales("weight_scales", weight_scales) / last).astype(np.float32)}


def fully_connected_scaling(
    input_scale: float, weight_scales: Array | float, output_scale: float, *, has_bias: bool = True
) -> dict[str, npt.NDArray[np.int32]]:
    """As `convolution_scaling`; per tensor and without a bias the product of scales is rounded to single precision."""
    if has_bias or np.size(weight_scales) > 1:
        return convolution_scaling(input_scale, weight_scales, output_scale)
    first, last = check_scale("input_scale", input_scale), check_scale("output_scale", output_scale)
    weight = check_scale("weight_scales", float(np.ravel(weight_scales)[0]))
    return _many(np.array([float(np.float32(first * weight)) / last]))


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


def leaky_relu_scaling(input_scale: float, alpha: float, output_scale: float) -> dict[str, int | bool]:
    """Return what `leaky_relu` takes: factors of single precision for values from zero up, and below it."""
    first, last = check_scale("input_scale", input_scale), check_scale("output_scale", output_scale)
    if not -(2.0**20) < alpha < 2.0**20:
        raise ValueError(f"alpha: {alpha} is not a number of reasonable size")
    below = float(np.float32(first) * np.float32(alpha) / np.float32(last))
    multiplier, shift = quantize_multiplier(abs(below))
    return rescaling(first, last, single_precision=True) | {
        "alpha_multiplier": multiplier,
        "alpha_shift": shift,
        "alpha_is_negative": below < 0,
    }


def prelu_scaling(input_scale: float, alpha_scale: float, output_scale: float) -> dict[str, int]:
    """Return what `prelu` takes: the factors of values from zero up, and of products with alphas below it."""
    below = mul_scaling(input_scale, check_scale("alpha_scale", alpha_scale), output_scale)
    return rescaling(input_scale, output_scale) | {
        "alpha_multiplier": below["multiplier"],
        "alpha_shift": below["shift"],
    }


def svdf_scaling(
    input_scale: float, feature_scale: float, state_scale: float, time_scale: float, output_scale: float
) -> dict[str, int]:
    """Return what `svdf` takes: both factors are computed in single precision."""
    f = np.float32
    first, middle = f(check_scale("input_scale", input_scale)), f(check_scale("state_scale", state_scale))
    features = first * f(check_scale("feature_scale", feature_scale)) / middle
    result = middle * f(check_scale("time_scale", time_scale)) / f(check_scale("output_scale", output_scale))
    feature_multiplier, feature_shift = quantize_multiplier(float(features))
    multiplier, shift = quantize_multiplier(float(result))
    return {
        "feature_multiplier": feature_multiplier,
        "feature_shift": feature_shift,
        "multiplier": multiplier,
        "shift": shift,
    }


def lstm_gate_factor(scale: float, weights_scale: float) -> tuple[int, int]:
    """Return a factor of a `unidirectional_lstm` gate: the product of scales, in single precision, to 2^-12."""
    product = np.float32(check_scale("scale", scale)) * np.float32(check_scale("weights_scale", weights_scale))
    return quantize_multiplier(float(product) * 4096)


def lstm_scaling(cell_scale: float, hidden_scale: float) -> dict[str, Any]:
    """Return the other factors of `unidirectional_lstm`; the cell's scale is taken as a power of two."""
    cell, hidden = check_scale("cell_scale", cell_scale), check_scale("hidden_scale", hidden_scale)
    unit = 2.0**-15
    return {
        "forget_factor": quantize_multiplier(unit * cell / cell),
        "input_factor": quantize_multiplier(unit * unit / cell),
        "hidden_factor": quantize_multiplier(unit * unit / hidden),
        "cell_scale_power": round(float(np.log2(cell))),
    }


def _many(factors: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.int32]]:
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
