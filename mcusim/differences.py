# SPDX-License-Identifier: Apache-2.0
"""Where two arrays of integers differ, and what that looks like: rounding, zero point, a channel's scale, saturation.

The cause is a guess from the differences alone, by the rules of `RULES` in their order; the first that fits is named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.errors import McusimError

Array = npt.NDArray[Any]
MOST = 0.9  # of what differs shows a pattern: saturated elements and others may not
CHANNELS_SHOWN = 8


@dataclass(frozen=True)
class Difference:
    """How an array differs from what was expected. `index` is the first element, in C order, that does."""

    index: tuple[int, ...]
    expected: Any
    got: Any
    count: int
    size: int
    largest: int | float
    cause: str  # "" where nothing fits

    def __str__(self) -> str:
        place = ", ".join(map(str, self.index))
        share = f"{self.count:,} of {self.size:,} elements differ"
        cause = f"; likely cause: {self.cause}" if self.cause else ""
        return f"[{place}]: expected {self.expected}, got {self.got}; {share}, by up to {self.largest}{cause}"


def first_difference(actual: npt.ArrayLike, expected: npt.ArrayLike) -> Difference | None:
    """Return the first difference of two arrays of numbers, None where they are equal; NaN equals NaN.

    Raises McusimError where shapes or dtypes differ: then there is nothing to compare element by element.
    """
    got, wanted = np.asarray(actual), np.asarray(expected)
    if got.shape != wanted.shape:
        raise McusimError(f"shapes differ: expected {wanted.shape}, got {got.shape}")
    if got.dtype != wanted.dtype:
        raise McusimError(f"dtypes differ: expected {wanted.dtype}, got {got.dtype}")
    different = got != wanted
    if got.dtype.kind == "f":
        different &= ~(np.isnan(got) & np.isnan(wanted))
    if not different.any():
        return None
    index = np.unravel_index(int(np.argmax(different)), got.shape)
    wide = np.float64 if got.dtype.kind == "f" else np.int64
    gaps = np.abs(got.astype(wide) - wanted.astype(wide))[different]
    cause = _cause(got, wanted, different) if got.dtype.kind in "iu" and got.size > 1 else ""
    return Difference(
        tuple(int(each) for each in index),
        wanted[index].item(),
        got[index].item(),
        int(different.sum()),
        got.size,
        gaps.max().item(),
        cause,
    )


def _cause(got: Array, wanted: Array, different: npt.NDArray[np.bool_]) -> str:
    return next((words for rule in RULES if (words := rule(got, wanted, different))), "")


def _nothing_written(got: Array, wanted: Array, _different: npt.NDArray[np.bool_]) -> str:
    if (got == got.flat[0]).all() and not (wanted == wanted.flat[0]).all():
        return f"nothing was written, or everything saturates: every element is {got.flat[0]}"
    return ""


def _limits(array: Array) -> npt.NDArray[np.bool_]:
    """Return which elements may be clamped: those at the least and the greatest value of the array."""
    return np.asarray((array == array.min()) | (array == array.max()))


def _offset(got: Array, wanted: Array, different: npt.NDArray[np.bool_]) -> str:
    free = ~(_limits(got) | _limits(wanted))
    gaps = (got.astype(np.int64) - wanted.astype(np.int64))[free]
    if len(gaps) < 2 or not different[free].all() or (gaps != gaps[0]).any():
        return ""
    return f"output zero point: everything that is not clamped is off by {gaps[0]:+d}"


def _saturation(got: Array, wanted: Array, different: npt.NDArray[np.bool_]) -> str:
    info = np.iinfo(got.dtype)
    top, bottom = different & (wanted == info.max), different & (wanted == info.min)
    across = (top & (got < 0)) | (bottom & (got > 0)) if info.min < 0 else (top & (got < info.max // 2))
    if across.sum() > MOST * different.sum():
        return "saturation: results wrap around instead of being clamped"
    low, high = int(wanted.min()), int(wanted.max())
    outside = (got < low) | (got > high)
    clamped = np.where(outside, wanted, got)
    at_limit = (wanted == low) | (wanted == high)
    if outside[different].all() and at_limit[different].all() and (clamped == wanted).all():
        return f"saturation: results outside of {low} to {high} are not clamped"
    return ""


def _channels(got: Array, _wanted: Array, different: npt.NDArray[np.bool_]) -> str:
    if got.ndim < 2 or got.shape[-1] < 2 or got.size // got.shape[-1] < 2:
        return ""
    counts = different.reshape(-1, got.shape[-1]).sum(axis=0)
    wrong = np.flatnonzero(counts)
    if len(wrong) > got.shape[-1] // 2 or counts[wrong].mean() < 0.5 * (got.size // got.shape[-1]):
        return ""
    shown = ", ".join(map(str, wrong[:CHANNELS_SHOWN])) + (", ..." if len(wrong) > CHANNELS_SHOWN else "")
    return f"per-channel multiplier, shift or bias: only channels {shown} differ, of {got.shape[-1]}"


def _border(got: Array, _wanted: Array, different: npt.NDArray[np.bool_]) -> str:
    if got.ndim != 4 or got.shape[1] < 3 or got.shape[2] < 3:
        return ""
    if different[:, 1:-1, 1:-1].any():
        return ""
    return "padding: only elements at the border differ (is it filled with the input's zero point?)"


def _rounding(got: Array, wanted: Array, different: npt.NDArray[np.bool_]) -> str:
    gaps = (got.astype(np.int64) - wanted.astype(np.int64))[different]
    if (np.abs(gaps) != 1).any():
        return ""
    way = "one too many" if (gaps > 0).all() else "one too few" if (gaps < 0).all() else "one off, either way"
    return f"rounding mode: each of those is {way}"


def _order(got: Array, wanted: Array, _different: npt.NDArray[np.bool_]) -> str:
    if (np.sort(got, axis=None) == np.sort(wanted, axis=None)).all():
        return "layout: the same values in another order"
    return ""


Rule = Callable[[Array, Array, npt.NDArray[np.bool_]], str]
# Rounding before the border: differences of 1 at the border alone are chance, padding makes larger ones.
RULES: tuple[Rule, ...] = (_nothing_written, _offset, _saturation, _channels, _rounding, _border, _order)
