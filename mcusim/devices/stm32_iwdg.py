# SPDX-License-Identifier: Apache-2.0
"""STM32 independent watchdog; ST RM0008 chapter 19, RM0090 chapter 21, RM0432 chapter 40, RM0456 chapter 61.

It counts the low-speed oscillator, whose frequency is `host.bus_hz["lsi"]` or else the option `lsi_hz` (32 kHz; 40 kHz
on F0 and F1). The prescaler divides by 4 to 256; where it has four bits (the option `prescaler_bits`: U5) up to 1024.
The early wakeup interrupt of U5 is not modelled, which the report says where it is asked for. SR is never busy:
prescaler and reload value count at once, where silicon takes up to five periods.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import NEVER, Host, Option, RegisterFile

KR, PR, RLR, SR, WINR, EWCR = range(0, 0x18, 4)
UNLOCK, RELOAD, START = 0x5555, 0xAAAA, 0xCCCC
LARGEST = 0xFFF


class Stm32Iwdg(RegisterFile):
    """The watchdog. When it is not fed in time, it resets the part."""

    options: dict[str, Option] = {"lsi_hz": 32_000, "prescaler_bits": 3}  # noqa: RUF012 - a class constant
    reset = {RLR: LARGEST, WINR: LARGEST}  # noqa: RUF012 - a class constant

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._unlocked = False
        self._running = False
        self._fed_cycles = 0

    def _count_cycles(self) -> float:
        """Return the core's cycles in one count."""
        low_hz = self.host.bus_hz.get("lsi", 0) or int(self.option["lsi_hz"])
        largest = 6 if self.option["prescaler_bits"] == 3 else 8
        return (4 << min(self.registers.get(PR, 0), largest)) * self.host.clock.core_hz / low_hz

    def write_register(self, offset: int, value: int) -> None:
        """Take a key, or, unlocked, a prescaler, a reload value or a window."""
        if offset == KR:
            self._key(value & 0xFFFF)
        elif self._unlocked and offset in (PR, RLR, WINR):
            prescalers = (1 << int(self.option["prescaler_bits"])) - 1
            self.registers[offset] = value & (prescalers if offset == PR else LARGEST)
            if offset == WINR:
                self._fed_cycles = self.host.clock.cycles  # RM0432 40.3.2: writing the window reloads the counter

        elif offset == EWCR:
            self.host.remarks.add(f"{self.entry.name}: its early wakeup interrupt is not modelled")

    def _key(self, key: int) -> None:
        self._unlocked = key == UNLOCK
        if key == START and not self._running:
            self._running = True
            self._fed_cycles = self.host.clock.cycles
        elif key == RELOAD:
            self._feed()

    def _feed(self) -> None:
        now = self.host.clock.cycles
        counter = self.registers[RLR] - int((now - self._fed_cycles) / self._count_cycles())
        if self._running and counter > self.registers[WINR]:
            self.host.request_reset(f"{self.entry.name}, the watchdog, was fed before its window: reset")
        self._fed_cycles = now

    def next_event_cycles(self) -> int:
        """The end of the count, while it runs."""
        if not self._running:
            return NEVER
        return self._fed_cycles + round((self.registers[RLR] + 1) * self._count_cycles())

    def wake(self) -> None:
        """Reset the part."""
        if self.next_event_cycles() <= self.host.clock.cycles:
            self._fed_cycles = self.host.clock.cycles
            self.host.request_reset(f"{self.entry.name}, the watchdog, was not fed in time: reset")
