# SPDX-License-Identifier: Apache-2.0
"""Whether layers that differ by themselves agree with another rounding of sums: each is tried, and the best is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy.typing as npt

from mcusim.errors import McusimError
from mcusim.kernels.tflite_file import Model
from mcusim.machine.capture import CapturedLayer
from mcusim.verifying.verdict import ROUNDED
from mcusim.verifying.verify import ROUNDINGS, Verification, verify

Array = npt.NDArray[Any]


def with_other_roundings(
    found: Verification, layers: Sequence[CapturedLayer], model: Model, given: Sequence[Array] | None, cut: str = ""
) -> Verification:
    """Return a verification whose verdict says which rounding more layers agree with, if there is one.

    The model is executed again with each other rounding, and only where a layer differs by itself. Arguments are those
    of `verify`.
    """
    if not any(each.alone is False for each in found.compared):
        return found
    best, most = "", agreeing(found)
    others = 0
    for rounding in ROUNDINGS:
        if rounding == found.rounding:
            continue
        try:
            other = verify(layers, model, rounding, given, cut=cut)
        except McusimError:
            continue  # with it the input that was read is refused: it does not fit
        if agreeing(other) > most:
            best, most, others = rounding, agreeing(other), judged(other)
    if not best:
        return found
    hint = (
        f"With --rounding {best}, {most} of {others} layers give what the model says on what they read; with "
        f"{found.rounding} {agreeing(found)}: most likely the firmware scales sums that way"
    )
    instead = not found.verdict or found.verdict == ROUNDED or most == others
    return replace(found, verdict=hint if instead else f"{found.verdict}. {hint}")


def agreeing(found: Verification) -> int:
    """Return how many layers give what their operator says on what they read."""
    return sum(each.status == "same" or (each.status == "different" and each.alone is True) for each in found.compared)


def judged(found: Verification) -> int:
    """Return how many layers were compared."""
    return sum(each.status != "not compared" for each in found.compared)
