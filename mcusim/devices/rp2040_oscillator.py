# SPDX-License-Identifier: Apache-2.0
"""RP2040 oscillators; RP2040 Datasheet (build 2023-03-02), 2.16 (XOSC) and 2.17 (ROSC). The option `kind` says which.

XOSC is the board's crystal and stable after the delay that STARTUP asks for. ROSC runs from reset at about 6.5 MHz;
what firmware sets in FREQA, FREQB and DIV is remembered and a remark says so. RANDOMBIT is the same in every run.
"""

from __future__ import annotations

import random

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host
from mcusim.devices.rp2040_peripheral import Rp2040Peripheral
from mcusim.errors import McusimError

CTRL = 0x00
XOSC_STATUS, XOSC_DORMANT, XOSC_STARTUP = 0x04, 0x08, 0x0C
ROSC_FREQA, ROSC_FREQB, ROSC_DORMANT, ROSC_DIV, ROSC_STATUS, ROSC_RANDOMBIT = 0x04, 0x08, 0x0C, 0x10, 0x18, 0x1C
ENABLE, ENABLED, STABLE = 0xFAB, 1 << 12, 1 << 31
DORMANT = 0x636F_6D61  # "coma"
ROSC_HZ = 6_500_000  # nominal, 2.17.1
SEED = 0


class Rp2040Oscillator(Rp2040Peripheral):
    """The crystal oscillator or the ring oscillator."""

    options = {"kind": "xosc"}  # noqa: RUF012

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._kind = str(self.option["kind"])
        if self._kind not in ("xosc", "rosc"):
            raise McusimError(f"device '{entry.name}': option kind: '{self._kind}' is not xosc or rosc")
        self._ring = self._kind == "rosc"
        self._random = random.Random(SEED)
        self._stable_cycles = 0
        self.registers |= {CTRL: 0xFAB << 12 | 0xAA0} if self._ring else {XOSC_STARTUP: 0xC4}
        host.bus_hz[self._kind] = ROSC_HZ if self._ring else 0

    def _enabled(self) -> bool:
        return self.registers.get(CTRL, 0) >> 12 & 0xFFF == ENABLE

    def read_register(self, offset: int) -> int:
        """Return a register."""
        if offset == (ROSC_STATUS if self._ring else XOSC_STATUS):
            if not self._enabled():
                return 0
            return ENABLED | (STABLE if self.host.clock.cycles >= self._stable_cycles else 0)
        if self._ring and offset == ROSC_RANDOMBIT:
            return self._random.getrandbits(1)
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; CTRL starts and stops the oscillator."""
        was = self._enabled()
        super().write_register(offset, value)
        if offset == CTRL and self._enabled() != was:
            self._switch()
        elif offset == (ROSC_DORMANT if self._ring else XOSC_DORMANT) and value == DORMANT:
            self.host.remarks.add("the oscillator was asked to sleep until a pin changes (DORMANT): it goes on")
        elif self._ring and offset in (ROSC_FREQA, ROSC_FREQB, ROSC_DIV):
            self.host.remarks.add("the ring oscillator was set to another frequency: it stays at 6.5 MHz here")

    def _switch(self) -> None:
        on = self._enabled()
        if self._ring:
            self.host.bus_hz["rosc"] = ROSC_HZ if on else 0
        else:
            self.host.bus_hz["xosc"] = self.host.hse_hz if on else 0
            if on and self.host.hse_hz:
                startup = self.registers[XOSC_STARTUP]
                delay = (startup & 0x3FFF) * 256 * (4 if startup >> 20 & 1 else 1)  # in periods of the crystal
                clock = self.host.clock
                self._stable_cycles = clock.cycles + delay * clock.core_hz // self.host.hse_hz
        for listener in self.host.clock_listeners:
            listener()

    def unchanged_until_cycles(self, offset: int) -> int:
        """The crystal's status changes when it is stable."""
        waits = not self._ring and offset == XOSC_STATUS and self.host.clock.cycles < self._stable_cycles
        return self._stable_cycles if waits else 0
