# SPDX-License-Identifier: Apache-2.0
"""A case: an operator with sizes, tensors and quantisation drawn for it, and what the reference gives for that.

`values` is the vocabulary that bindings spell arguments with: `input`, `weights`, `input_h`, `stride_w`, `multipliers`
and so on; docs/check.md lists it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.checking.space import Choices

Array = npt.NDArray[Any]
Values = dict[str, Any]
INT8_MIN, INT8_MAX = -128, 127
SMALL_REACH = 1024.0  # of sums whose weights are -1, 0 and 1: 74 * sqrt(2/3 * products) up to 287 products
FILL = 0x55  # bytes of an output before the call: what is not written differs from most results


@dataclass(frozen=True)
class Variant:
    """A mistake that kernels make: what it is, and how the values look with it (None: it does not apply)."""

    words: str
    change: Callable[[Values], Values | None]


@dataclass(frozen=True)
class Operator:
    """An operator of `mcusim.kernels`: its space, how a case is drawn from sizes, its reference, its mistakes.

    `bounds`, where outputs need not equal the reference's bit for bit, gives the least and the greatest that each may
    be, for the case and the reference's output; for integers before they wrap to their type, as int64.
    """

    name: str
    space: Mapping[str, Choices]
    draw: Callable[[dict[str, int], np.random.Generator, Style], Values]
    reference: Callable[[Values], Array]
    variants: tuple[Variant, ...] = ()
    bounds: Callable[[Values, Array], tuple[Array, Array]] | None = None

    def settled(self, values: Values, expected: Array, got: Array) -> Array:
        """Return what a function gave, with the expected in the place of what is as good."""
        if self.bounds is None or got.dtype != expected.dtype:
            return got
        low, high = self.bounds(values, expected)
        if got.dtype.kind == "f":
            return np.where((low <= got) & (got <= high), expected, got)
        return np.where((got - low) % (1 << 8 * got.itemsize) <= high - low, expected, got)


@dataclass(frozen=True)
class Style:
    """How a library computes: `rounding` double, single, or float (float32 scales); `padding` same-or-valid or half.

    `activations` false: the function cannot clamp to less than its type. `input_zero_point`, where given, is the only
    one that the function can have; `extremes` false: no cases whose sums saturate (libraries that cast them undefined).
    `dtype` is that of inputs and outputs, int8 or int16 (whose zero points are 0), `output_dtype` that of outputs where
    it is another. `bias_dtype` is that of int16's bias. `per_channel` makes a fully connected layer have a factor for
    each output.
    """

    rounding: str = "double"
    padding: str = "any"
    activations: bool = True
    input_zero_point: int | None = None
    extremes: bool = True
    dtype: str = "int8"
    output_dtype: str = ""
    bias_dtype: str = "int64"
    per_channel: bool = False

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the greatest value of inputs and outputs."""
        info = np.iinfo(self.dtype)
        return int(info.min), int(info.max)


@dataclass(frozen=True)
class Case:
    """One call: the operator, a name for people and for the baseline, the vocabulary, the products that it takes."""

    operator: Operator
    name: str
    values: Values
    macs: int = 0
    expected: Array = field(default_factory=lambda: np.zeros(0, np.int8))


def tensor(rng: np.random.Generator, shape: tuple[int, ...], low: int | None = None, dtype: str = "int8") -> Array:
    """Return values of a type, evenly drawn; one tensor in eight is all the least, or all the greatest value."""
    info, kind = np.iinfo(dtype), int(rng.integers(16))
    least = int(info.min) if low is None else low
    if kind < 2:
        return np.full(shape, least if kind else info.max, dtype)
    return rng.integers(least, int(info.max) + 1, shape, dtype)


def small_or_large(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return weights, not -128; in half of the cases -1, 0 and 1 alone.

    The sums of such are small, and so are the shifts to the right: halves are frequent, and how they are rounded shows.
    """
    if rng.integers(2) == 0:
        return rng.integers(-1, 2, shape, np.int8)
    return tensor(rng, shape, -127)


def near(rng: np.random.Generator, shape: tuple[int, ...], point: int, dtype: str) -> Array:
    """Return values at most 1 from a zero point: as `small_or_large`'s weights, for operands that have one."""
    info = np.iinfo(dtype)
    return np.clip(point + rng.integers(-1, 2, shape), info.min, info.max).astype(dtype)


def reach_of(weights: Array, outputs: int) -> float:
    """Return how large sums are: the standard deviation of those with evenly drawn int8 inputs (74)."""
    return max(74.0 * float(np.sqrt((weights.astype(np.float64) ** 2).sum() / outputs)), 1.0)


def zero_point(rng: np.random.Generator, dtype: str = "int8") -> int:
    """Return a zero point; the ends of the range are likely, as they are in models (after ReLU). int16 has only 0."""
    if dtype != "int8":
        return 0
    return int(rng.choice([INT8_MIN, 0, INT8_MAX, *rng.integers(INT8_MIN, INT8_MAX + 1, 5)]))


def activation(rng: np.random.Generator, style: Style) -> tuple[int, int]:
    """Return a range that outputs are clamped to: all of the type, or in a third of the cases less."""
    least, most = style.limits
    if not style.activations or rng.integers(3):
        return least, most
    low, high = sorted(int(each) for each in rng.integers(least, most + 1, 2))
    return low, high


def output_scales(rng: np.random.Generator, channels: int, reach: float, extreme: bool) -> npt.NDArray[np.float64]:
    """Return a factor for each channel that spreads sums of this size over int8, more or less.

    With `extreme`, from all to zero up to nearly all saturated.
    """
    octaves = rng.uniform(-8.0, 6.0, channels) if extreme else rng.uniform(-1.5, 1.0, channels)
    octaves += np.log2(64.0 / reach)
    # Of powers of two the halves are exact, and the ways of rounding them differ often; of others hardly ever. Small
    # sums have the most halves, so there powers of two are likelier.
    powers = rng.integers(4, size=channels) < (3 if reach < SMALL_REACH else 1)
    octaves = np.where(powers, np.round(octaves), octaves)
    return np.asarray(np.minimum(2.0**octaves, 4.0))


def quantised(rng: np.random.Generator, channels: int, reach: float, style: Style, *, per_channel: bool) -> Values:
    """Return multipliers and shifts, or scales, and zero points and activation, for an operator with sums."""
    from mcusim.kernels.quantization import quantize_multipliers

    extreme = style.extremes and not rng.integers(4)
    factors = output_scales(rng, channels if per_channel else 1, reach, extreme)
    multipliers, shifts = quantize_multipliers(factors)
    low, high = activation(rng, style)
    inside = zero_point(rng, style.dtype) if style.input_zero_point is None else style.input_zero_point
    values: Values = {
        "input_zero_point": inside, "output_zero_point": zero_point(rng, style.dtype), "activation_min": low,
        "activation_max": high, "multipliers": multipliers, "shifts": shifts, "scales": factors.astype(np.float32),
        "rounding": style.rounding, "multiplier": int(multipliers[0]), "shift": int(shifts[0]),
    }  # fmt: skip
    return values


def bias(rng: np.random.Generator, channels: int, reach: float, style: Style) -> npt.NDArray[Any]:
    """Return biases about as large as the sums, which with int16 are 256 times as large."""
    if style.dtype == "int8":
        return rng.integers(-int(reach), int(reach) + 1, channels, np.int32)
    large = min(int(reach * 256), (1 << 31) - 1)
    return rng.integers(-large, large + 1, channels, style.bias_dtype)


def stage_of(values: Values) -> dict[str, Any]:
    """Return the keyword arguments of a reference kernel's last step."""
    common = {name: values[name] for name in ("output_zero_point", "activation_min", "activation_max")}
    if values["rounding"] == "float":
        return common | {"scales": values["scales"]}
    return common | {name: values[name] for name in ("multipliers", "shifts", "rounding")}
