# SPDX-License-Identifier: Apache-2.0
"""STM32 window watchdog; ST RM0008 chapter 20, RM0090 chapter 22, RM0432 chapter 41."""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import NEVER, Host, Option, RegisterFile

CR, CFR, SR = 0x00, 0x04, 0x08
WDGA, T6, T, EWI, EWIF = 1 << 7, 1 << 6, 0x7F, 1 << 9, 1 << 0
CLOCKS_A_COUNT = 4096


class Stm32Wwdg(RegisterFile):
    """The watchdog counts down from T; it resets the part at 0x3F, and when it is fed above its window.

    The option `prescaler_bits` is 2 (WDGTB in CFR bits 8:7) or 3 (bits 13:11: G0, L4+ rev. P, L5, U5, H7).
    """

    options: dict[str, Option] = {"clock": "pclk1", "prescaler_bits": 2}  # noqa: RUF012 - a class constant
    reset = {CR: T, CFR: T}  # noqa: RUF012 - a class constant

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._since_cycles = 0  # when T was written
        self._warned = False  # EWIF was set since

    def _rates(self) -> tuple[int, int]:
        """Return what one count takes, as core clocks times the bus's frequency, and that frequency."""
        shift, mask = (7, 3) if self.option["prescaler_bits"] == 2 else (11, 7)
        clocks = CLOCKS_A_COUNT << (self.registers[CFR] >> shift & mask)
        bus_hz = self.host.hz(str(self.option["clock"])) or 1
        return clocks * self.host.clock.core_hz, bus_hz

    def _counter(self) -> int:
        count, bus_hz = self._rates()
        return (self.registers[CR] & T) - (self.host.clock.cycles - self._since_cycles) * bus_hz // count

    def read_register(self, offset: int) -> int:
        """Return a register; CR holds the counter."""
        if offset == CR and self.registers[CR] & WDGA:
            return WDGA | self._counter() & T
        return self.registers.get(offset, 0)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; a write of CR feeds the watchdog, or starts it. It cannot be stopped."""
        if offset == CR:
            running = self.registers[CR] & WDGA
            if running and self._counter() > self.registers[CFR] & T:
                self._reset("was fed before its window")
            elif not value & T6 and (running or value & WDGA):
                self._reset("was given a count below 0x40")
            self.registers[CR] = value & 0xFF | running
            self._since_cycles = self.host.clock.cycles
            self._warned = False
        elif offset == CFR:
            self.registers[CFR] = value | self.registers[CFR] & EWI  # EWI is cleared by a reset only
        elif offset == SR:
            self.registers[SR] = self.registers.get(SR, 0) & value
        self._update_interrupt()

    def _reset(self, why: str) -> None:
        self.host.request_reset(f"{self.entry.name}, the window watchdog, {why}: reset")

    def _update_interrupt(self) -> None:
        self.set_interrupt(bool(self.registers[CFR] & EWI and self.registers.get(SR, 0) & EWIF))

    def next_event_cycles(self) -> int:
        """When the counter reaches 0x40 (early wakeup), then 0x3F."""
        if not self.registers[CR] & WDGA:
            return NEVER
        counts = (self.registers[CR] & T) - T6
        if self._warned or counts <= 0:
            counts += 1
        count, bus_hz = self._rates()
        return self._since_cycles - (-max(counts, 1) * count // bus_hz)

    def wake(self) -> None:
        """Warn, or reset the part."""
        if self._counter() < T6:
            self._since_cycles = self.host.clock.cycles
            self._reset("was not fed in time")
        elif self._counter() == T6 and not self._warned:
            self._warned = True
            self.registers[SR] = self.registers.get(SR, 0) | EWIF
            self._update_interrupt()
