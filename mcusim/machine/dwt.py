# SPDX-License-Identifier: Apache-2.0
"""Data watchpoint and trace unit: the cycle counter and the profiling counters (Armv7-M ARM, DDI 0403E, C1.8).

CYCCNT is the model's live clock. The profiling counters follow from the same costs as the report, so that

    CYCCNT = instructions + CPICNT + EXCCNT + SLEEPCNT + LSUCNT - FOLDCNT        (C1.8.5, figure C1-3, modulo 256)

Comparators remember what is written and match nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host, RegisterFile

DWT_START = 0xE000_1000
CTRL, CYCCNT, CPICNT, EXCCNT, SLEEPCNT, LSUCNT, FOLDCNT = range(0x00, 0x1C, 4)
PROFILING = (CPICNT, EXCCNT, SLEEPCNT, LSUCNT, FOLDCNT)
CYCCNTENA = 1 << 0
EVENT_ENABLE = {CPICNT: 1 << 17, EXCCNT: 1 << 18, SLEEPCNT: 1 << 19, LSUCNT: 1 << 20, FOLDCNT: 1 << 21}
FOUR_COMPARATORS = 0x4000_0000


class Spent(NamedTuple):
    """Cycles since reset by the counter that counts them; `folded` counts instructions that took none."""

    cpi: int
    exception: int
    sleep: int
    lsu: int
    folded: int


class DataWatchpoint(RegisterFile):
    """0xE0001000. `spent` is asked when a profiling counter is read or switched."""

    exact_offsets = frozenset({CTRL, CYCCNT})

    def __init__(self, host: Host, spent: Callable[[], Spent]) -> None:
        entry = DeviceEntry(name="DWT", type="core", start=DWT_START, size_bytes=0x1000, source="Armv7-M ARM, C1.8")
        super().__init__(entry, host)
        self._spent = spent
        self._base_cycles = 0
        self._value = 0
        self._running = False
        self._counters = dict.fromkeys(PROFILING, 0)  # values when they were last switched or written
        self._bases = dict.fromkeys(PROFILING, 0)

    def read_register(self, offset: int) -> int:
        """Return a register."""
        if offset == CYCCNT:
            return self._count()
        if offset == CTRL:
            return FOUR_COMPARATORS | super().read_register(offset)
        if offset in PROFILING:
            return self._profiling(offset)
        return super().read_register(offset)

    def _count(self) -> int:
        passed = self.host.clock.cycles - self._base_cycles if self._running else 0
        return self._value + passed & 0xFFFF_FFFF

    def _profiling(self, offset: int) -> int:
        passed = 0
        if self.registers.get(CTRL, 0) & EVENT_ENABLE[offset]:
            passed = self._spent()[PROFILING.index(offset)] - self._bases[offset]
        return self._counters[offset] + passed & 0xFF

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; counters continue from what is written."""
        if offset == CYCCNT:
            self._value, self._base_cycles = value, self.host.clock.cycles
        elif offset in PROFILING:
            self._counters[offset] = value & 0xFF
            self._bases[offset] = self._spent()[PROFILING.index(offset)]
        elif offset == CTRL:
            self._value, self._base_cycles = self._count(), self.host.clock.cycles
            self._running = bool(value & CYCCNTENA)
            self._switch(value)
            super().write_register(offset, value & 0x0FFF_FFFF)
        else:
            super().write_register(offset, value)

    def _switch(self, value: int) -> None:
        before = self.registers.get(CTRL, 0)
        for index, offset in enumerate(PROFILING):
            if (before ^ value) & EVENT_ENABLE[offset]:
                self._counters[offset] = 0 if value & EVENT_ENABLE[offset] else self._profiling(offset)
                self._bases[offset] = self._spent()[index]
