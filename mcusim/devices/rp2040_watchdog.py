# SPDX-License-Identifier: Apache-2.0
"""RP2040 watchdog and the tick that the timer counts; RP2040 Datasheet (build 2023-03-02), 4.7.

The tick is clk_ref / TICK.CYCLES. The counter goes down twice a tick (erratum RP2040-E1) and ends the run at 0.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host
from mcusim.devices.rp2040_peripheral import Rp2040Peripheral
from mcusim.devices.ticks import DownCounter, Ticks

CTRL, LOAD, REASON, TICK = 0x00, 0x04, 0x08, 0x2C
CTRL_ENABLE, CTRL_TRIGGER, CTRL_TIME = 1 << 30, 1 << 31, 0xFF_FFFF
TICK_ENABLE, TICK_RUNNING, TICK_CYCLES = 1 << 9, 1 << 10, 0x1FF
RESET_REASON = "the watchdog reset the part"


class Rp2040Watchdog(Rp2040Peripheral):
    """Watchdog, scratch registers, tick generator."""

    reset = {CTRL: 7 << 24, TICK: TICK_ENABLE}  # noqa: RUF012

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._counter = DownCounter(Ticks(host))
        self._update_tick()
        host.clock_listeners.append(self._update_tick)

    def _update_tick(self) -> None:
        setting = self.registers[TICK]
        cycles = setting & TICK_CYCLES
        running = setting & TICK_ENABLE and cycles
        tick_hz = self.host.hz("clk_ref") // cycles if running else 0
        if tick_hz != self.host.bus_hz.get("tick"):
            self.host.bus_hz["tick"] = tick_hz
            self._counter.ticks.set_hz(2 * tick_hz)

    def read_register(self, offset: int) -> int:
        """Return a register."""
        value = super().read_register(offset)
        if offset == CTRL:
            return value & ~CTRL_TIME | self._counter.value()
        if offset == TICK:
            return value | (TICK_RUNNING if self.host.bus_hz["tick"] else 0)
        return 0 if offset == LOAD else value

    def write_register(self, offset: int, value: int) -> None:
        """Set a register."""
        if offset == CTRL:
            if value & CTRL_TRIGGER:
                self.host.request_reset(RESET_REASON + " at once")
            super().write_register(offset, value & ~CTRL_TRIGGER)
            self._counter.set(self._counter.value(), running=bool(value & CTRL_ENABLE))
        elif offset == LOAD:
            self._counter.set(value & CTRL_TIME, running=bool(self.registers[CTRL] & CTRL_ENABLE))
        elif offset != REASON:
            super().write_register(offset, value & (TICK_ENABLE | TICK_CYCLES) if offset == TICK else value)
            for listener in self.host.clock_listeners if offset == TICK else ():  # `_update_tick` is one of them
                listener()

    def next_event_cycles(self) -> int:
        """Wake when it runs out."""
        return self._counter.zero_cycles(0)

    def wake(self) -> None:
        """It has run out."""
        if self._counter.zeros():
            self._counter.set(0, running=False)
            self.host.request_reset(RESET_REASON)
