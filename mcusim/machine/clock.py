# SPDX-License-Identifier: Apache-2.0
"""Simulated time: the live cycle counter that native code moves, and the frequency the firmware programmed.

A forced frequency (--clock) stays whatever the firmware programs. What counts the core's clock follows it: SysTick,
DWT, devices without a clock of their own in the model. Clocks of peripherals keep the frequencies that were
programmed, as if somebody changed the core's clock on a board and kept baud rates and timers as they are.
"""

from __future__ import annotations

from typing import Any

from mcusim.engine.tables import Tables


class Clock:
    """Cycles since reset and seconds since reset, over changes of frequency."""

    def __init__(self, tables: Tables, core_hz: int, forced_hz: int | None = None) -> None:
        self._counter: Any = tables.machine["clock_cycles"]  # a view: devices ask often, and a row of records is slow
        self._forced = forced_hz is not None
        self.programmed_hz = core_hz  # what the core would run at if nothing were forced
        self.access_offset = 0  # cycles by which a device access that is being answered is ahead of the counter
        self.phases: list[tuple[int, int]] = [(0, forced_hz or core_hz)]  # (first cycle, frequency in hertz)

    @property
    def cycles(self) -> int:
        """Cycles since reset. Exact at block boundaries; devices that need more ask the bus for an exact access."""
        cycles: int = self._counter.item()
        return cycles + self.access_offset

    @property
    def core_hz(self) -> int:
        """The core's frequency now, in hertz."""
        return self.phases[-1][1]

    def set_core_hz(self, core_hz: int) -> None:
        """From now on the core runs at this frequency, unless the user has forced another."""
        if core_hz > 0:
            self.programmed_hz = core_hz
        if self._forced or core_hz <= 0 or core_hz == self.core_hz:
            return
        if self.phases[-1][0] == self.cycles:
            self.phases.pop()
        self.phases.append((self.cycles, core_hz))

    def seconds_at(self, cycles: int) -> float:
        """Return the time since reset, in seconds, at a cycle count."""
        total = 0.0
        ends = [start for start, _ in self.phases[1:]] + [cycles]
        for (start, core_hz), end in zip(self.phases, ends, strict=True):
            total += (end - start) / core_hz
        return total
