# SPDX-License-Identifier: Apache-2.0
"""Mistakes that kernels make, as changes of a case's values: if the reference with one of them gives what the firmware
gave, that is what it did.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mcusim.checking.case import INT8_MAX, Values, Variant


def _set(**changes: Any) -> Any:
    return lambda values: values | changes


def _rounding(wanted: str) -> Any:
    def change(values: Values) -> Values | None:
        return values | {"rounding": wanted} if values["rounding"] != wanted else None

    return change


def _sign(name: str) -> Any:
    """Return the change to a zero point's negative; int8 has none of -128 (a firmware that has it differs by 256)."""

    def change(values: Values) -> Values | None:
        point = values[name]
        return values | {name: -point} if point and -point <= INT8_MAX else None

    return change


def _ignored(name: str) -> Any:
    return lambda values: values | {name: 0} if values[name] else None


def _unclamped(values: Values) -> Values | None:
    """Clamp to the type alone."""
    info = np.iinfo(values["output"].dtype)
    return values | {"activation_min": int(info.min), "activation_max": int(info.max)}


def _padded_with_zeros(values: Values) -> Values | None:
    """Put zeros, not the zero point, around the input."""
    sides = values["padding"]
    if not np.any(sides):
        return None
    return values | {"input": np.pad(values["input"], ((0, 0), *sides, (0, 0))), "padding": ((0, 0), (0, 0))}


def _one_for_all(values: Values) -> Values | None:
    """Use the first channel's scale for all."""
    if len(values["multipliers"]) < 2:
        return None
    return values | {
        name: np.full_like(values[name], values[name][0]) for name in ("multipliers", "shifts", "scales")
    }  # fmt: skip


def _shifts_negated(values: Values) -> Values | None:
    return values | {"shifts": np.maximum(-values["shifts"], -31).clip(-31, 30), "rounding": values["rounding"]}


def _first_shift(values: Values) -> Values | None:
    """Use the first channel's shift for all, with the multiplier of each."""
    if len(values["shifts"]) < 2 or values["rounding"] == "float":
        return None
    return values | {"shifts": np.full_like(values["shifts"], values["shifts"][0])}


CLAMPED = (Variant("saturation: outputs are not clamped to the activation's range", _unclamped),)
COMMON = (
    *CLAMPED,
    Variant("rounding mode: rounded once (single), where the suite says otherwise", _rounding("single")),
    Variant("rounding mode: rounded twice (gemmlowp double), where the suite says otherwise", _rounding("double")),
    Variant("rounding mode: float32 scales and truncation (TinyEngine), where the suite says otherwise",
            _rounding("float")),
    Variant("zero point: the output's is ignored", _ignored("output_zero_point")),
    Variant("zero point: the output's is subtracted, not added", _sign("output_zero_point")),
)  # fmt: skip
ROUNDED = COMMON[1:3]  # of what is scaled by integers alone, in many places
AT_ZERO = (Variant("zero point: 0 is taken in its place", _ignored("input_zero_point")),)
PAIRS = (
    *COMMON,
    *(
        variant
        for number, words in ((1, "first"), (2, "second"))
        for variant in (
            Variant(f"zero point: the {words} input's is ignored", _ignored(f"input{number}_zero_point")),
            Variant(f"zero point: the {words} input's is added, not subtracted (the offset is its negative)",
                    _sign(f"input{number}_zero_point")),
        )
    ),
)  # fmt: skip
WITH_SUMS = (
    *COMMON,
    Variant("zero point: the input's is ignored", _ignored("input_zero_point")),
    Variant("zero point: the input's is added, not subtracted (the offset is its negative)", _sign("input_zero_point")),
    Variant("the bias is ignored", _set(bias=None)),
    Variant("per-channel shift: the first channel's multiplier and shift are used for all", _one_for_all),
    Variant("per-channel shift: the first channel's shift is used for all", _first_shift),
    Variant("per-channel shift: left and right are exchanged", _shifts_negated),
)
WINDOWS = (*WITH_SUMS, Variant("zero point: the padding is 0, not the input's zero point", _padded_with_zeros))
