# SPDX-License-Identifier: Apache-2.0
"""Arm CMSDK APB dual timer, as on the MPS2 boards; Arm DDI 0479D, chapter 4, APB dual-input timers (like an SP804).

Two counters that go down, of 16 or 32 bits, prescaled by 1, 16 or 256: free-running (they wrap), periodic (again from
LOAD) or one-shot (they stop at 0). Interrupts in the order combined, first, second. The integration test registers are
remembered. Changing SIZE or MODE continues from the value that the counter has.
"""

from __future__ import annotations

from dataclasses import dataclass

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import NEVER, Host, RegisterFile
from mcusim.devices.ticks import DownCounter, Ticks

LOAD, VALUE, CONTROL, INTCLR, RIS, MIS, BGLOAD = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18
UNIT_BYTES = 0x20  # the second timer's registers start here
ONE_SHOT, SIZE_32, INTERRUPT_ENABLE, PERIODIC, ENABLE = 1 << 0, 1 << 1, 1 << 5, 1 << 6, 1 << 7
PRESCALERS = (1, 16, 256, 256)  # the last is undefined (DDI 0479D, chapter 4)
CONTROL_BITS = 0xEF
# PID4 to PID7, PID0 to PID3, CID0 to CID3 (DDI 0479D, chapter 4).
IDENTIFICATION = (0x04, 0x00, 0x00, 0x00, 0x23, 0xB8, 0x1B, 0x00, 0x0D, 0xF0, 0x05, 0xB1)


@dataclass
class _Unit:
    """One of the two timers."""

    ticks: Ticks
    counter: DownCounter
    control: int = INTERRUPT_ENABLE
    load: int = 0
    raw: bool = False
    seen_zeros: int = 0

    @property
    def limit(self) -> int:
        return 0xFFFF_FFFF if self.control & SIZE_32 else 0xFFFF

    def restart(self, value: int) -> None:
        """Continue from a value with the settings that are."""
        value &= self.limit
        if self.control & ONE_SHOT:
            self.counter.reload = 0
        else:
            self.counter.reload = self.load & self.limit if self.control & PERIODIC else self.limit
        self.counter.set(value, running=bool(self.control & ENABLE))
        self.seen_zeros = 0

    def look(self) -> None:
        zeros = self.counter.zeros()
        self.raw |= zeros > self.seen_zeros
        self.seen_zeros = zeros

    @property
    def interrupts(self) -> bool:
        return self.raw and bool(self.control & INTERRUPT_ENABLE)


class CmsdkDualTimer(RegisterFile):
    """Two timers on the core's clock."""

    exact_offsets = frozenset({LOAD, VALUE, CONTROL, UNIT_BYTES + LOAD, UNIT_BYTES + VALUE, UNIT_BYTES + CONTROL})
    reset = {0xFD0 + 4 * index: value for index, value in enumerate(IDENTIFICATION)}  # noqa: RUF012

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._units = tuple(self._make_unit() for _ in range(2))

    def _make_unit(self) -> _Unit:
        ticks = Ticks(self.host, None)
        unit = _Unit(ticks, DownCounter(ticks))
        unit.restart(0xFFFF_FFFF)
        return unit

    def read_register(self, offset: int) -> int:
        """Return a register."""
        if offset >= 2 * UNIT_BYTES:
            return super().read_register(offset)
        unit, register = self._units[offset // UNIT_BYTES], offset % UNIT_BYTES
        unit.look()
        if register == VALUE:
            return unit.counter.value()
        if register in (LOAD, BGLOAD):
            return unit.load
        return {CONTROL: unit.control, RIS: int(unit.raw), MIS: int(unit.interrupts)}.get(register, 0)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; LOAD sets the counter too, BGLOAD only what it starts again from."""
        if offset >= 2 * UNIT_BYTES:
            super().write_register(offset, value)
            return
        unit, register = self._units[offset // UNIT_BYTES], offset % UNIT_BYTES
        unit.look()
        if register == CONTROL:
            now = unit.counter.value()
            unit.control = value & CONTROL_BITS
            divider = PRESCALERS[value >> 2 & 3]
            unit.ticks.set_hz(None if divider == 1 else self.host.clock.core_hz // divider)
            unit.restart(now)
        elif register in (LOAD, BGLOAD):
            unit.load = value
            unit.restart(value if register == LOAD else unit.counter.value())
        elif register == INTCLR:
            unit.raw = False
        self._update_lines()

    def _update_lines(self) -> None:
        first, second = (unit.interrupts for unit in self._units)
        if self.entry.interrupt is not None:
            self.set_interrupt(first or second)
        for index, level in enumerate((first or second, first, second)[: len(self.entry.interrupts)]):
            self.set_interrupt(level, index)

    def next_event_cycles(self) -> int:
        """Wake at the next zero that interrupts."""
        return min(
            unit.counter.zero_cycles(unit.seen_zeros) if unit.control & INTERRUPT_ENABLE else NEVER
            for unit in self._units
        )

    def wake(self) -> None:
        """Raise the interrupts for zeros since last time."""
        for unit in self._units:
            unit.look()
        self._update_lines()
