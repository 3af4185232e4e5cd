# SPDX-License-Identifier: Apache-2.0
"""Clocks that are not the core's, counted in its cycles: what timers are made of. No device by itself."""

from __future__ import annotations

from mcusim.devices.base import NEVER, Host


class Ticks:
    """Ticks of a clock since reset, over changes of its frequency and of the core's. A clock of 0 Hz stands still.

    None for the frequency means: the core's.
    """

    def __init__(self, host: Host, hz: int | None = 0) -> None:
        self._host = host
        self._hz = hz
        self._core_hz = host.clock.core_hz
        self._base_cycles = host.clock.cycles
        self._base_ticks = 0
        self._part = 0  # of a tick, that had passed at the base, in units of 1 / core_hz
        host.before_clock_change.append(self.sync)

    @property
    def hz(self) -> int:
        """The clock's frequency now, in hertz."""
        return self._host.clock.core_hz if self._hz is None else self._hz

    def set_hz(self, hz: int | None) -> None:
        """From now on the clock has this frequency; None is the core's."""
        if hz != self._hz:
            self.sync()
            self._hz = hz

    def sync(self) -> None:
        """Count up to now with the frequencies that were; those of the next question hold from here."""
        now = self._host.clock.cycles
        passed = now - self._base_cycles
        if self._hz is None:
            self._base_ticks += passed
        else:
            core_hz = self._core()  # first: it adapts the part
            whole, self._part = divmod(self._part + passed * self._hz, core_hz)
            self._base_ticks += whole
        self._base_cycles = now

    def _core(self) -> int:
        """Return the core's frequency; a change has been synced: only the part of a tick is left to adapt."""
        core_hz = self._host.clock.core_hz
        if core_hz != self._core_hz:
            self._part = self._part * core_hz // self._core_hz
            self._core_hz = core_hz
        return core_hz

    def count(self) -> int:
        """Return the ticks so far."""
        passed = self._host.clock.cycles - self._base_cycles
        if self._hz is None:
            return self._base_ticks + passed
        core_hz = self._core()
        return self._base_ticks + (self._part + passed * self._hz) // core_hz

    def cycles_of(self, count: int) -> int:
        """Return the first cycle at which `count()` is at least this; NEVER if the clock stands."""
        missing = count - self._base_ticks
        if missing <= 0:
            return self._base_cycles
        if self._hz is None:
            return self._base_cycles + missing
        if self._hz == 0:
            return NEVER
        core_hz = self._core()
        return self._base_cycles - (self._part - missing * core_hz) // self._hz


class DownCounter:
    """A counter that goes down by a tick, holds 0 for one, and starts again from `reload` (0: it stays at 0)."""

    def __init__(self, ticks: Ticks) -> None:
        self.ticks = ticks
        self.reload = 0
        self.running = False
        self._base_tick = 0
        self._base_value = 0

    def _elapsed(self) -> int:
        return self.ticks.count() - self._base_tick if self.running else 0

    def value(self) -> int:
        """Return the counter now."""
        elapsed = self._elapsed()
        if elapsed <= self._base_value:
            return self._base_value - elapsed
        if not self.reload:
            return 0
        return self.reload - (elapsed - self._base_value - 1) % (self.reload + 1)

    def set(self, value: int, *, running: bool) -> None:
        """Continue from `value` now."""
        self._base_tick, self._base_value, self.running = self.ticks.count(), value, running

    def zeros(self) -> int:
        """Return how often it has gone from 1 to 0 since it was set."""
        elapsed = self._elapsed()
        first = self._base_value or self.reload + 1
        if not self.running or (not self.reload and not self._base_value) or elapsed < first:
            return 0
        return 1 + (elapsed - first) // (self.reload + 1) if self.reload else 1

    def zero_cycles(self, index: int) -> int:
        """Return the cycle of its zero number `index`, 0 being the first since it was set; NEVER if none comes."""
        if not self.running or (not self.reload and (index or not self._base_value)):
            return NEVER
        first = self._base_value or self.reload + 1
        return self.ticks.cycles_of(self._base_tick + first + index * (self.reload + 1))
