# SPDX-License-Identifier: Apache-2.0
"""Nordic RTC; nRF52840 Product Specification v1.7, 6.22 (the same in the nRF5340).

A 24-bit counter of LFCLK / (PRESCALER + 1), which stands while LFCLK does. Events happen only if EVTEN or INTEN enables
them. The delay of a few LFCLK cycles between a task and its effect is left out.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host
from mcusim.devices.nrf_peripheral import EVENTS, INTEN, SHORTS, NrfPeripheral
from mcusim.devices.ticks import Ticks

START, STOP, CLEAR, TRIGOVRFLW = 0x00, 0x04, 0x08, 0x0C
TICK, OVRFLW, COMPARE = 0x100, 0x104, 0x140
EVTEN, EVTENSET, EVTENCLR, COUNTER, PRESCALER, CC = 0x340, 0x344, 0x348, 0x504, 0x508, 0x540
CHANNELS = 4
SIZE = 1 << 24
NEAR_OVERFLOW = 0xFFFFF0


class NrfRtc(NrfPeripheral):
    """One real-time counter with four compare channels."""

    shorts = {channel: (COMPARE + 4 * channel, CLEAR) for channel in range(CHANNELS)}  # noqa: RUF012 - nRF53 only

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._ticks = Ticks(host)  # of LFCLK
        self._running = False
        self._tick = 0  # of LFCLK, up to where the counter has been followed
        self._value = 0  # the counter there
        self._divider = 1

    def _follow_clock(self) -> None:
        self._ticks.set_hz(self.host.bus_hz.get("lfclk", 0))

    def _enabled(self, event: int) -> bool:
        bits = self.registers.get(INTEN, 0) | self.registers.get(EVTEN, 0)
        return bool(bits >> (event - EVENTS.start >> 2) & 1)

    def _distances(self) -> list[tuple[int, int]]:
        """Return (counts until it happens, event) of every enabled event."""
        distances = [(1, TICK)] if self._enabled(TICK) else []
        if self._enabled(OVRFLW):
            distances.append((SIZE - self._value, OVRFLW))
        for channel in range(CHANNELS):
            event = COMPARE + 4 * channel
            if self._enabled(event):
                distances.append(((self.registers.get(CC + 4 * channel, 0) - self._value - 1) % SIZE + 1, event))
        return distances

    def look(self) -> None:
        """Follow the counter up to now, and let the events on the way happen in their order."""
        self._follow_clock()
        now = self._ticks.count()
        while self._running:
            counts = (now - self._tick) // self._divider
            distances = self._distances()
            step = min((distance for distance, _ in distances), default=SIZE)
            if step > counts:
                self._value = (self._value + counts) % SIZE
                self._tick += counts * self._divider
                break
            self._value, self._tick = (self._value + step) % SIZE, self._tick + step * self._divider
            for distance, event in distances:
                if distance == step:
                    self.event(event)
            if not self.registers.get(SHORTS, 0) and all(self.registers.get(event) for _, event in distances):
                counts = (now - self._tick) // self._divider  # all have happened: nothing new on the way
                self._value = (self._value + counts) % SIZE
                self._tick += counts * self._divider
        if not self._running:
            self._tick = now
        super().look()

    def task(self, offset: int) -> None:
        """Start, stop, clear."""
        if offset == START and not self._running:
            self._running, self._tick = True, self._ticks.count()
            self._divider = (self.registers.get(PRESCALER, 0) & 0xFFF) + 1
        elif offset == STOP:
            self._running = False
        elif offset == CLEAR:
            self._value = 0
        elif offset == TRIGOVRFLW:
            self._value = NEAR_OVERFLOW

    def read_register(self, offset: int) -> int:
        """Return a register."""
        if offset == COUNTER:
            self.look()
            return self._value
        return super().read_register(EVTEN if offset in (EVTENSET, EVTENCLR) else offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register."""
        if offset in (EVTENSET, EVTENCLR):
            self.look()
            enabled = self.registers.get(EVTEN, 0)
            self.registers[EVTEN] = enabled | value if offset == EVTENSET else enabled & ~value
        elif offset != COUNTER:
            super().write_register(offset, value & SIZE - 1 if CC <= offset < CC + 4 * CHANNELS else value)

    def unchanged_until_cycles(self, offset: int) -> int:
        """COUNTER changes when LFCLK, divided, has made its next step."""
        if offset == COUNTER and self._running:
            return self._ticks.cycles_of(self._tick + self._divider)
        return super().unchanged_until_cycles(offset)

    def next_event_cycles(self) -> int:
        """Wake for events that interrupt."""
        self._follow_clock()
        counts = [distance for distance, event in self._distances() if self.interrupt_enabled(event)]
        if not self._running or not counts:
            return super().next_event_cycles()
        return self._ticks.cycles_of(self._tick + min(counts) * self._divider)
