# SPDX-License-Identifier: Apache-2.0
"""Element by element, or a row at a time: sums and products of two tensors, extremes, activations, softmax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mcusim.checking import mistakes
from mcusim.checking.case import Array, Operator, Style, Values, activation, near, tensor, zero_point
from mcusim.checking.space import Space
from mcusim.kernels.add import add, add_float_scale
from mcusim.kernels.logistic import logistic
from mcusim.kernels.maximum import maximum
from mcusim.kernels.minimum import minimum
from mcusim.kernels.mul import mul
from mcusim.kernels.quantization import quantize_multiplier
from mcusim.kernels.relu import relu
from mcusim.kernels.relu6 import relu6
from mcusim.kernels.scaling import add_scaling
from mcusim.kernels.softmax import difference_scaling, int16_scaling, softmax
from mcusim.kernels.tanh import tanh

_SIZE: Space = {"size": tuple(range(1, 100))}
_UNCHANGED: dict[str, Any] = {"multiplier": 1 << 30, "shift": 1}  # a factor of one


def _draw_pair(size: int, rng: np.random.Generator, style: Style, scales: list[float]) -> Values:
    """Return two flat tensors, scales and zero points of all three, the activation."""
    values: Values = {"size": size, "rounding": style.rounding}
    for number in (1, 2):
        values[f"input{number}"] = tensor(rng, (size,), dtype=style.dtype)
        values[f"input{number}_scale"] = np.float32(scales[number - 1])
        values[f"input{number}_zero_point"] = zero_point(rng, style.dtype)
    values["output_scale"], values["output_zero_point"] = np.float32(scales[2]), zero_point(rng, style.dtype)
    values["activation_min"], values["activation_max"] = activation(rng, style)
    return values | {"output": np.zeros(size, style.dtype), "macs": size}


def _add_scales(rng: np.random.Generator) -> list[float]:
    """Return scales of both inputs and the output; in two thirds of the cases their ratios are powers of two.

    Residual sums are often so, and only their results have exact halves (or quarters, which rounding twice lifts to
    halves): how those are rounded shows there, and hardly ever with other ratios.
    """
    first, second, factor = (float(each) for each in rng.uniform(0.005, 0.5, 3))
    if rng.integers(3):
        second = first * 2.0 ** int(rng.integers(-2, 3))
        last = max(first, second) * 2.0 ** int(rng.integers(0, 3))
    else:
        last = max(first, second) * (0.5 + 5 * factor)
    return [float(np.float32(each)) for each in (first, second, last)]


def _draw_add(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    scales = _add_scales(rng)
    scaling = add_scaling(scales[0], scales[1], scales[2], style.dtype)
    return _draw_pair(sizes["size"], rng, style, scales) | scaling


def _zero_points(values: Values) -> dict[str, Any]:
    return {name: values[name] for name in ("input1_zero_point", "input2_zero_point", "output_zero_point")}


def _add(values: Values) -> Array:
    if values["rounding"] == "float":
        scales: dict[str, Any] = {n: float(values[n]) for n in ("input1_scale", "input2_scale", "output_scale")}
        passed = values.get("passed")  # which outputs are not clamped, where somebody wants to know
        limits = {name: values[name] for name in ("activation_min", "activation_max")}
        how = _zero_points(values) | scales | limits
        return add_float_scale(values["input1"], values["input2"], **how, passed=passed)
    rest = ("left_shift", "rounding", "activation_min", "activation_max")
    scaled = [f"{name}_{what}" for name in ("input1", "input2", "output") for what in ("multiplier", "shift")]
    how = {name: values[name] for name in (*scaled, *rest)}
    return add(values["input1"], values["input2"], **_zero_points(values), **how)


def _draw_mul(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    """Draw factors that spread products over the type, more or less; two thirds are powers of two (halves).

    In half of the cases the second operand is near its zero point: small products have the most halves.
    """
    octaves = float(rng.uniform(-3, 3)) if style.extremes else float(rng.uniform(-2, 1))
    small = bool(rng.integers(2))
    power = -2.0 if small else -7.0 if style.dtype == "int8" else -15.0
    power += round(octaves) if rng.integers(3) else octaves
    values = _draw_pair(sizes["size"], rng, style, [1.0, 1.0, 2.0**-power])
    if small:
        values["input2"] = near(rng, (sizes["size"],), values["input2_zero_point"], style.dtype)
    multiplier, shift = quantize_multiplier(2.0**power)
    return values | {"multiplier": multiplier, "shift": shift, "scale": np.float32(2.0**power)}


def _mul(values: Values) -> Array:
    how: dict[str, Any] = {name: values[name] for name in ("activation_min", "activation_max")} | _zero_points(values)
    if values["rounding"] == "float":
        return mul(values["input1"], values["input2"], scale=float(values["scale"]), **how)
    how |= {name: values[name] for name in ("multiplier", "shift", "rounding")}
    return mul(values["input1"], values["input2"], **how)


def _draw_extreme(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    """Draw two tensors that broadcast: `broadcast` has a bit for each axis of length one, four for either operand."""
    values: Values = dict(sizes)
    output = tuple(sizes[name] for name in ("batches", "input_h", "input_w", "input_c"))
    shapes = []
    for number in (1, 2):
        bits = sizes["broadcast"] >> 4 * (number - 1)
        shapes.append(tuple(1 if bits >> axis & 1 else length for axis, length in enumerate(output)))
        values |= {f"input{number}_{axis}": length for axis, length in zip("nhwc", shapes[-1], strict=True)}
        values[f"input{number}"] = tensor(rng, shapes[-1], dtype=style.dtype)
    output = tuple(max(pair) for pair in zip(*shapes, strict=True))
    values |= {f"output_{axis}": length for axis, length in zip("nhwc", output, strict=True)}
    return values | {
        "output": np.zeros(output, style.dtype),
        "size": int(np.prod(output)),
        "macs": int(np.prod(output)),
    }


def _of_two(function: Callable[[Array, Array], Array]) -> Callable[[Values], Array]:
    return lambda values: function(values["input1"], values["input2"])


def _draw_one(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    """Draw a flat tensor and its zero point, which the output has as well."""
    size = sizes["size"]
    point = zero_point(rng, style.dtype) if style.input_zero_point is None else style.input_zero_point
    values: Values = {**sizes, "input": tensor(rng, (size,), dtype=style.dtype), "input_zero_point": point}
    return values | {"output": np.zeros(size, style.dtype), "output_zero_point": point, "macs": size}


def _relu(values: Values) -> Array:
    point = values["input_zero_point"]
    return relu(values["input"], **_UNCHANGED, input_zero_point=point, output_zero_point=point)


def _draw_curve(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    """Draw what goes into a logistic function: the scale is 2^-fraction_bits, for int8 some scale up to 1/8."""
    values = _draw_one(sizes, rng, style)
    scale = 2.0 ** -sizes["fraction_bits"] if style.dtype == "int16" else float(np.float32(2.0 ** rng.uniform(-8, -3)))
    return values | {"input_scale": scale, "left_shift": 12 - sizes["fraction_bits"]}


def _curve(function: Callable[..., Array]) -> Callable[[Values], Array]:
    def reference(values: Values) -> Array:
        return function(
            values["input"], input_scale=values["input_scale"], input_zero_point=values["input_zero_point"]
        )  # fmt: skip

    return reference


def _draw_softmax(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    octaves = float(rng.uniform(-7, 0))
    scale = float(np.float32(2.0 ** (round(octaves) if rng.integers(2) else octaves)))  # of powers of two: halves
    if style.dtype == "int8":
        multiplier, shift, least = difference_scaling(scale)
    else:
        scale /= 256
        (multiplier, shift), least = int16_scaling(scale), 0
    shape = (sizes["rows"], sizes["row_size"])
    return {
        **sizes, "input": tensor(rng, shape, dtype=style.dtype), "input_scale": scale, "multiplier": multiplier,
        "shift": shift, "difference_min": least, "rounding": style.rounding,
        "output": np.zeros(shape, style.output_dtype or style.dtype),
        "macs": shape[0] * shape[1],
    }  # fmt: skip


def _softmax(values: Values) -> Array:
    how = {"output_dtype": values["output"].dtype.name, "rounding": values["rounding"]}
    return softmax(values["input"], input_scale=values["input_scale"], **how)


_IMAGE: Space = {"batches": (1, 2, 3), "input_h": tuple(range(1, 6)), "input_w": tuple(range(1, 6)),
                 "input_c": tuple(range(1, 10))}  # fmt: skip
_BROADCAST: Space = {"broadcast": (0, 0, 0, 0, 15, 240, 7, 112, 1, 2, 4, 8, 16, 32, 64, 128, 33, 18, 72, 132)}
OPERATORS = (
    Operator("add", _SIZE, _draw_add, _add, mistakes.PAIRS),
    Operator("mul", _SIZE, _draw_mul, _mul, mistakes.PAIRS),
    Operator("minimum", _IMAGE | _BROADCAST, _draw_extreme, _of_two(minimum)),
    Operator("maximum", _IMAGE | _BROADCAST, _draw_extreme, _of_two(maximum)),
    Operator("relu", _SIZE, _draw_one, _relu, mistakes.AT_ZERO),
    Operator("relu6", _SIZE | {"zero": (0,), "six": (6, 20, 100)}, _draw_one,
             lambda values: relu6(values["input"], zero=values["zero"], six=values["six"])),
    Operator("logistic", _SIZE | {"fraction_bits": tuple(range(9, 16))}, _draw_curve, _curve(logistic)),
    Operator("tanh", _SIZE | {"fraction_bits": tuple(range(9, 16))}, _draw_curve, _curve(tanh)),
    Operator("softmax", {"rows": (1, 2, 3), "row_size": tuple(range(1, 40))}, _draw_softmax, _softmax,
             mistakes.ROUNDED),
)  # fmt: skip
