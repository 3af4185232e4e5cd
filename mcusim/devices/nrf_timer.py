# SPDX-License-Identifier: Apache-2.0
"""Nordic TIMER; nRF52840 Product Specification v1.7, 6.30 (the same in the nRF5340).

Counts 16 MHz / 2^PRESCALER, or its COUNT task. COMPARE[n] happens when the counter reaches CC[n].
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import NEVER, Host
from mcusim.devices.nrf_peripheral import SHORTS, NrfPeripheral
from mcusim.devices.ticks import Ticks

START, STOP, COUNT, CLEAR, SHUTDOWN, CAPTURE, COMPARE = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x40, 0x140
MODE, BITMODE, PRESCALER, CC = 0x504, 0x508, 0x510, 0x540
CHANNELS = 6
BITS = (16, 8, 24, 32)
BASE_HZ = 16_000_000
SHORT_CLEAR, SHORT_STOP = 0, 8  # bit of channel 0


class NrfTimer(NrfPeripheral):
    """One timer with six compare channels."""

    exact_offsets = frozenset((START, STOP, CLEAR, *range(CAPTURE, CAPTURE + 4 * CHANNELS, 4)))
    reset = {PRESCALER: 4}  # noqa: RUF012
    shorts = {  # noqa: RUF012
        first + channel: (COMPARE + 4 * channel, task)
        for first, task in ((SHORT_CLEAR, CLEAR), (SHORT_STOP, STOP))
        for channel in range(CHANNELS)
    }

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._ticks = Ticks(host, BASE_HZ >> 4)
        self._running = False
        self._tick = 0  # up to where the counter has been followed
        self._value = 0  # the counter there

    @property
    def _size(self) -> int:
        return 1 << BITS[self.registers.get(BITMODE, 0) & 3]

    def _distance(self, channel: int) -> int:
        """Return the ticks until the counter reaches a channel's value: at least 1."""
        return (self.registers.get(CC + 4 * channel, 0) - self._value - 1) % self._size + 1

    def look(self) -> None:
        """Follow the counter up to now, and let the comparisons on the way happen in their order."""
        now = self._ticks.count()
        until = now - self._repeated(now - self._tick)
        while self._counts():
            step = min(map(self._distance, range(CHANNELS)))
            if self._tick + step > until:
                self._value = (self._value + until - self._tick) % self._size
                break
            reached = [channel for channel in range(CHANNELS) if self._distance(channel) == step]
            self._tick, self._value = self._tick + step, (self._value + step) % self._size
            for channel in reached:
                self.event(COMPARE + 4 * channel)
        self._tick = now
        super().look()

    def _repeated(self, ticks: int) -> int:
        """Return how many of so many ticks can be left out: whole rounds after two in which all has happened."""
        round_ticks = self._round()
        return max(ticks - self._size - 2 * round_ticks, 0) // round_ticks * round_ticks

    def _round(self) -> int:
        """Return the ticks of a round: from 0 to the first value that clears, or the whole counter."""
        shorts = self.registers.get(SHORTS, 0)
        clearing = [
            self.registers.get(CC + 4 * channel, 0) % self._size or self._size
            for channel in range(CHANNELS)
            if shorts >> SHORT_CLEAR + channel & 1
        ]
        return min(clearing, default=self._size)

    def _counts(self) -> bool:
        return self._running and not self.registers.get(MODE, 0) & 3

    def task(self, offset: int) -> None:
        """Start, stop, clear, count, capture."""
        if offset == START:
            self._running = True
        elif offset in (STOP, SHUTDOWN):
            self._running = False
            self._value = 0 if offset == SHUTDOWN else self._value
        elif offset == CLEAR:
            self._value = 0
        elif offset == COUNT and self._running and self.registers.get(MODE, 0) & 3:
            self._value = (self._value + 1) % self._size
            for channel in range(CHANNELS):
                if self.registers.get(CC + 4 * channel, 0) == self._value:
                    self.event(COMPARE + 4 * channel)
        elif CAPTURE <= offset < CAPTURE + 4 * CHANNELS:
            self.registers[CC + offset - CAPTURE] = self._value

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; PRESCALER sets the frequency."""
        super().write_register(offset, value)
        if offset == PRESCALER:
            self._ticks.set_hz(BASE_HZ >> min(value & 15, 9))
        elif offset == BITMODE:
            self._value %= self._size

    def next_event_cycles(self) -> int:
        """Wake for comparisons that interrupt or stop."""
        if not self._counts():
            return super().next_event_cycles()
        shorts = self.registers.get(SHORTS, 0)
        wanted = [
            self._distance(channel)
            for channel in range(CHANNELS)
            if self.interrupt_enabled(COMPARE + 4 * channel) or shorts >> SHORT_STOP + channel & 1
        ]
        if not wanted:
            return super().next_event_cycles()
        # A channel that clears on the way to a later one changes when that comes: look at the first of them as well.
        wanted += [self._distance(channel) for channel in range(CHANNELS) if shorts >> SHORT_CLEAR + channel & 1]
        return min(self._ticks.cycles_of(self._tick + min(wanted)), NEVER)
