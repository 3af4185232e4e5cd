# SPDX-License-Identifier: Apache-2.0
"""MPS2 FPGA I/O: LEDs, buttons and counters; Arm DAI 0385D, FPGA system control and I/O (so in DAI 0505)."""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host, RegisterFile
from mcusim.devices.ticks import DownCounter, Ticks

BUTTON, CLK1HZ, CLK100HZ, COUNTER, PRESCALE, PSCNTR = 0x08, 0x10, 0x14, 0x18, 0x1C, 0x20


class Mps2FpgaIo(RegisterFile):
    """Counters of 1 Hz and 100 Hz, and one of the core clock prescaled. No button is pressed."""

    exact_offsets = frozenset({COUNTER, PRESCALE, PSCNTR})

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._free = {CLK1HZ: Ticks(host, 1), CLK100HZ: Ticks(host, 100)}
        self._offset = dict.fromkeys((*self._free, COUNTER), 0)  # what firmware has set, less the ticks then
        self._ticks = Ticks(host, None)
        self._prescaler = DownCounter(self._ticks)
        self._prescaler.set(0, running=True)
        self._base_tick = 0

    def read_register(self, offset: int) -> int:
        """Return a register; counters follow time."""
        if offset in self._free:
            return self._free[offset].count() + self._offset[offset] & 0xFFFF_FFFF
        if offset == COUNTER:
            return self._count() & 0xFFFF_FFFF
        if offset == PSCNTR:
            return self._prescaler.value()
        return 0 if offset == BUTTON else super().read_register(offset)

    def _count(self) -> int:
        """COUNTER goes up when PSCNTR starts again from PRESCALE; with PRESCALE 0, at each clock."""
        if self._prescaler.reload:
            return self._offset[COUNTER] + self._reloads()
        return self._offset[COUNTER] + max(self._ticks.count() - self._base_tick, 0)

    def _reloads(self) -> int:
        """Return how often the prescaler has started again: a clock after each of its zeros."""
        passed = self._ticks.count() - self._base_tick
        return max(passed + self._prescaler.reload, 0) // (self._prescaler.reload + 1)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; counters go on from what is written."""
        if offset in self._free:
            self._offset[offset] = value - self._free[offset].count()
        elif offset in (COUNTER, PRESCALE, PSCNTR):
            count, prescaler = self._count(), self._prescaler.value()
            if offset == PRESCALE:
                self.registers[PRESCALE] = self._prescaler.reload = value
            self._offset[COUNTER] = value if offset == COUNTER else count
            prescaler = value if offset == PSCNTR else prescaler
            self._prescaler.set(prescaler, running=True)
            self._base_tick = self._ticks.count() + prescaler  # when it is 0
        else:
            super().write_register(offset, value)
