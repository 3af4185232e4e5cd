# SPDX-License-Identifier: Apache-2.0
"""What a profile says of the current that the board takes: figures of its datasheet, from which energy is estimated.

`mcusim.energy` turns them into energy; the figures themselves stand in the board's file with their sources.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class CurrentPoint:
    """A row of the datasheet: at `core_hz` the part takes `current_ma` milliamperes (typical)."""

    core_hz: int
    current_ma: float
    source: str


@dataclass
class PowerInfo:
    """Currents of the part at `supply_v` volts: while code runs, while it sleeps (WFI), and in its deep sleep.

    Points are by clock, ascending. `sleep` is empty and `deep_ua` None where the board's file gives none. `conditions`
    says under which conditions the figures hold, in words.
    """

    supply_v: float
    conditions: str
    active: list[CurrentPoint]
    sleep: list[CurrentPoint] = field(default_factory=list)
    deep_ua: float | None = None  # microamperes between two inferences of a duty cycle
    deep_name: str = ""  # what the datasheet calls that mode
    deep_source: str = ""
