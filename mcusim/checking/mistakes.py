# SPDX-License-Identifier: Apache-2.0
"""Mistakes that kernels make, as changes of a case's values: if the reference with one of them gives what the firmware
gave, that is what it did.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mcusim.checking.case import INT8_MAX, INT8_MIN, Values, Variant


def _set(**changes: Any) -> Any:
    return lambda values: values | changes


def _rounding(wanted: str) -> Any:
    def change(values: Values) -> Values | None:
        return values | {"rounding": wanted} if values["rounding"] != wanted else None

    return change


def _input_sign(values: Values) -> Values | None:
    return values | {"input_zero_point": min(-values["input_zero_point"], INT8_MAX)}


def _output_sign(values: Values) -> Values | None:
    return values | {"output_zero_point": min(-values["output_zero_point"], INT8_MAX)}


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


COMMON = (
    Variant("rounding mode: rounded once (single), where the suite says otherwise", _rounding("single")),
    Variant("rounding mode: rounded twice (gemmlowp double), where the suite says otherwise", _rounding("double")),
    Variant("rounding mode: float32 scales and truncation (TinyEngine), where the suite says otherwise",
            _rounding("float")),
    Variant("saturation: outputs are not clamped to the activation's range",
            _set(activation_min=INT8_MIN, activation_max=INT8_MAX)),
    Variant("zero point: the output's is ignored", _set(output_zero_point=0)),
    Variant("zero point: the output's is subtracted, not added", _output_sign),
)  # fmt: skip
ROUNDED = COMMON[:2]  # of what is scaled by integers alone, in many places
WITH_SUMS = (
    *COMMON,
    Variant("zero point: the input's is ignored", _set(input_zero_point=0)),
    Variant("zero point: the input's is added, not subtracted (the offset is its negative)", _input_sign),
    Variant("the bias is ignored", _set(bias=None)),
    Variant("per-channel shift: the first channel's multiplier and shift are used for all", _one_for_all),
    Variant("per-channel shift: left and right are exchanged", _shifts_negated),
)
WINDOWS = (*WITH_SUMS, Variant("zero point: the padding is 0, not the input's zero point", _padded_with_zeros))
