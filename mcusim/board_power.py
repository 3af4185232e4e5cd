# SPDX-License-Identifier: Apache-2.0
"""The currents that a part takes, as its datasheet gives them: what energy is estimated from ([energy.md] in docs/).

Only boards whose figures have a source carry a `[power]` table.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

SUPPLY_LIMITS_V = (0.8, 6.0)
MOST_MA = 10_000.0


class Current(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A typical current in milliamperes at a clock of the core, with the row of the datasheet that says so."""

    hz: int
    ma: float
    source: str


class DeepSleep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The mode that a part waits in between two inferences, memory kept: its name and current in microamperes."""

    name: str
    ua: float
    source: str


class Power(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Currents at `supply_v` volts: while code runs from flash, asleep (WFI) with all clocks on, and in deep sleep.

    `conditions` says in words what the figures are for: regulator, voltage range, flash accelerator, peripherals.
    """

    supply_v: float
    conditions: str
    active: tuple[Current, ...]
    sleep: tuple[Current, ...] = ()
    deep: DeepSleep | None = None


def power_problems(power: Power) -> Iterator[str]:
    """Yield what is wrong with a [power] table, each as 'key: what is wrong'."""
    low, high = SUPPLY_LIMITS_V
    if not low <= power.supply_v <= high:
        yield f"power.supply_v: {power.supply_v:g} V is not between {low:g} and {high:g}"
    if not power.conditions.strip() or not power.conditions.isprintable():
        yield "power.conditions: must be one line of text"
    if not power.active:
        yield "power.active: needs at least one current"
    for key, points in (("active", power.active), ("sleep", power.sleep)):
        clocks = [point.hz for point in points]
        if clocks != sorted(set(clocks)):
            yield f"power.{key}: clocks must rise from row to row"
        for point in points:
            if point.hz <= 0 or not 0 < point.ma <= MOST_MA:
                yield f"power.{key}: {point.ma:g} mA at {point.hz} Hz is no current"
            if not point.source.strip():
                yield f"power.{key}: the current at {point.hz} Hz needs a source"
    if power.deep is not None:
        if not 0 < power.deep.ua <= 1e3 * MOST_MA:
            yield f"power.deep.ua: {power.deep.ua:g} is no current"
        if not power.deep.source.strip() or not power.deep.name.strip():
            yield "power.deep: needs a name and a source"
