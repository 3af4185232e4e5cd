# SPDX-License-Identifier: Apache-2.0
"""RP2040 timer; RP2040 Datasheet (build 2023-03-02), 4.6: 64 bits of microseconds and four alarms.

It counts the watchdog's tick. An alarm fires when the low word equals it. Reading TIMELR latches TIMEHR; writing TIMEHW
and then TIMELW sets the time. Interrupts in the order of the alarms.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import NEVER, Host
from mcusim.devices.rp2040_peripheral import Rp2040Peripheral
from mcusim.devices.ticks import Ticks

TIMEHW, TIMELW, TIMEHR, TIMELR, ALARM0, ARMED = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x20
TIMERAWH, TIMERAWL, PAUSE, INTR, INTE, INTF, INTS = 0x24, 0x28, 0x30, 0x34, 0x38, 0x3C, 0x40
ALARMS = 4
LOW = 0xFFFF_FFFF


class Rp2040Timer(Rp2040Peripheral):
    """The microsecond timer."""

    exact_offsets = frozenset({TIMELR, TIMERAWL})

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._ticks = Ticks(host)
        self._offset = 0  # what firmware has set, less the ticks then
        self._paused_at: int | None = None
        self._latched_high = 0
        self._armed: dict[int, int] = {}  # alarm -> the time at which it fires
        host.clock_listeners.append(self._follow_tick)

    def _follow_tick(self) -> None:
        self._ticks.set_hz(self.host.bus_hz.get("tick", 0))

    def _now(self) -> int:
        if self._paused_at is not None:
            return self._paused_at
        return self._ticks.count() + self._offset & (1 << 64) - 1

    def read_register(self, offset: int) -> int:
        """Return a register."""
        if offset in (TIMELR, TIMERAWL, TIMERAWH):
            now = self._now()
            if offset == TIMELR:
                self._latched_high = now >> 32
            return now >> 32 if offset == TIMERAWH else now & LOW
        if offset == TIMEHR:
            return self._latched_high
        if offset in (ARMED, INTR, INTS):
            self.wake()
        if offset == ARMED:
            return sum(1 << alarm for alarm in self._armed)
        if offset == INTS:
            return self._interrupts()
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; ALARM arms."""
        self.wake()
        if offset == TIMELW:
            now = self.registers.get(TIMEHW, 0) << 32 | value
            self._offset = now - self._ticks.count()
            self._paused_at = None if self._paused_at is None else now
        elif offset == PAUSE:
            now = self._now()
            self._offset = now - self._ticks.count()
            self._paused_at = now if value & 1 else None
            super().write_register(offset, value)
        elif ALARM0 <= offset < ALARM0 + 4 * ALARMS:
            super().write_register(offset, value)
            self._armed[(offset - ALARM0) // 4] = self._now() + (value - self._now() & LOW)
        elif offset == ARMED:
            self._armed = {alarm: at for alarm, at in self._armed.items() if not value >> alarm & 1}
        elif offset == INTR:
            self.registers[INTR] = self.registers.get(INTR, 0) & ~value
        elif offset not in (TIMEHR, TIMELR, TIMERAWH, TIMERAWL, INTS):
            super().write_register(offset, value)
        self.wake()

    def _interrupts(self) -> int:
        registers = self.registers
        return (registers.get(INTR, 0) | registers.get(INTF, 0)) & registers.get(INTE, 0)

    def unchanged_until_cycles(self, offset: int) -> int:
        """The time changes with the next tick."""
        if offset in (TIMERAWL, TIMELR) and self._paused_at is None:
            until = self._ticks.cycles_of(self._ticks.count() + 1)
            return until if until < NEVER else 0
        return 0

    def next_event_cycles(self) -> int:
        """Wake at the next alarm."""
        if not self._armed or self._paused_at is not None:
            return NEVER
        return self._ticks.cycles_of(min(self._armed.values()) - self._offset)

    def wake(self) -> None:
        """Fire the alarms that are due and set the lines."""
        now = self._now()
        for alarm in [alarm for alarm, at in self._armed.items() if at <= now]:
            del self._armed[alarm]
            self.registers[INTR] = self.registers.get(INTR, 0) | 1 << alarm
        interrupts = self._interrupts()
        for alarm in range(ALARMS):
            self.set_interrupt(bool(interrupts >> alarm & 1), alarm)
