# SPDX-License-Identifier: Apache-2.0
"""What hypothesis draws for operators: tensors with extremes, windows that fit, factors that matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from conftest import LONG
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

Array = npt.NDArray[Any]

# Each example draws many numbers, and the twins take their time.
few = settings(max_examples=100 if LONG else 40)

small = st.integers(1, 4)
pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
sides = st.tuples(st.integers(0, 2), st.integers(0, 2))
paddings = st.tuples(sides, sides)
multipliers = st.sampled_from((0, 1 << 30, (1 << 30) + 1, (1 << 31) - 1)) | st.integers(1 << 30, (1 << 31) - 1)
shifts = st.sampled_from((-31, -8, 0, 7)) | st.integers(-12, 2)
zero_points = st.sampled_from((-128, 0, 127)) | st.integers(-128, 127)
roundings = st.sampled_from(("double", "single"))


def values(dtype: str, shape: tuple[int, ...]) -> st.SearchStrategy[Array]:
    """Draw an integer array: extremes and anything, also with all elements the same."""
    limits = np.iinfo(dtype)
    element = st.sampled_from((limits.min, limits.max, 0, -1)) | st.integers(limits.min, limits.max)
    return arrays(dtype, shape, elements=element)


def factors(channels: int) -> st.SearchStrategy[dict[str, Any]]:
    """Draw multipliers and shifts: one, or one for each channel."""
    return st.sampled_from((1, channels)).flatmap(
        lambda count: st.fixed_dictionaries(
            {
                "multipliers": arrays(np.int32, count, elements=multipliers),
                "shifts": arrays(np.int32, count, elements=shifts),
            }
        )
    )


@st.composite
def activations(draw: st.DrawFn, dtype: str) -> dict[str, int]:
    """Draw a range to clamp to, often the whole one, which is left out."""
    if draw(st.booleans()):
        return {}
    limits = np.iinfo(dtype)
    edge = st.integers(limits.min, limits.max)
    low, high = sorted((draw(edge), draw(edge)))
    return {"activation_min": low, "activation_max": high}


@st.composite
def output_options(draw: st.DrawFn, dtype: str, channels: int) -> dict[str, Any]:
    """Draw what the last step of an operator with sums takes: one of the three roundings, zero points, a clamp."""
    options = draw(activations(dtype))
    if dtype == "int8":
        options |= {"input_zero_point": draw(zero_points), "output_zero_point": draw(zero_points)}
        if draw(st.integers(0, 3)) == 0:
            count = draw(st.sampled_from((1, channels)))
            return options | {"scales": draw(arrays(np.float32, count, elements=st.floats(0, 1, width=32)))}
    return options | draw(factors(channels)) | {"rounding": draw(roundings)}


@st.composite
def windows(draw: st.DrawFn, *, dilated: bool = True) -> tuple[tuple[int, int], tuple[int, int], dict[str, Any]]:
    """Draw (image size, kernel size, strides, dilations and padding), whether the window fits or not."""
    size = (draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    options = {"strides": draw(pairs), "padding": draw(paddings)}
    if dilated:
        options["dilations"] = draw(pairs)
    return size, draw(pairs), options


@st.composite
def biases(draw: st.DrawFn, dtype: str, channels: int, *, narrow: bool = True) -> Array | None:
    """Draw a bias or none; extreme ones make 32-bit sums wrap. With int16 inputs 64 bits, and 32 if `narrow`."""
    kinds: list[str | None] = [None, "int32"] if dtype == "int8" else [None, "int64", *(["int32"] if narrow else [])]
    kind = draw(st.sampled_from(kinds))
    if kind is None:
        return None
    low, high = (-(1 << 31), (1 << 31) - 1) if kind == "int32" else (-(1 << 46), (1 << 46) - 1)
    return draw(arrays(kind, channels, elements=st.sampled_from((low, high, 0)) | st.integers(low, high)))
