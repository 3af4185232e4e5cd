# SPDX-License-Identifier: Apache-2.0
"""What Nordic peripherals have in common: tasks, events, shortcuts, interrupt enables. No device by itself.

Source: Nordic nRF52840 Product Specification v1.7, 6.1 "Peripheral interface"; nRF5340 Product Specification v1.3, 7.1.
Tasks lie at 0x000 to 0x07C and run when 1 is written, events at 0x100 to 0x17C, SHORTS at 0x200, INTEN, INTENSET and
INTENCLR at 0x300; bit n of these belongs to the event at 0x100 + 4 n. An event is told to the PPI by its address; on
the nRF53 a task may subscribe to a DPPI channel (0x080 to 0x0FC) and an event be published on one (0x180 to 0x1FC).
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import NEVER, Host, RegisterFile

TASKS, SUBSCRIBE, EVENTS, PUBLISH = range(0x080), range(0x080, 0x100), range(0x100, 0x180), range(0x180, 0x200)
SHORTS, INTEN, INTENSET, INTENCLR = 0x200, 0x300, 0x304, 0x308
DPPI_ENABLE, CHANNEL_MASK = 1 << 31, 0xFF


class NrfPeripheral(RegisterFile):
    """A peripheral with tasks and events. Models name their `shorts` (bit: event, task) and override `task`.

    Events that come later are put on `later` (event: cycle) by `event_at`.
    """

    shorts: dict[int, tuple[int, int]] = {}  # noqa: RUF012 - a class constant, never written

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self.later: dict[int, int] = {}
        self._subscriptions: dict[int, int] = {}  # task -> DPPI channel
        host.channel_listeners.append(self._on_channel)

    # for models

    def task(self, offset: int) -> None:
        """Do what a task does."""

    def event(self, offset: int) -> None:
        """Let an event happen: its register, its shortcuts, the interrupt."""
        self.registers[offset] = 1
        enabled = self.registers.get(SHORTS, 0)
        if enabled:
            for bit, (event, task) in self.shorts.items():
                if event == offset and enabled >> bit & 1:
                    self.task(task)
        self.update_interrupt()
        if self.host.event_listeners:
            publish = self.registers.get(offset + PUBLISH.start - EVENTS.start, 0)
            for listener in self.host.event_listeners:
                listener(self.entry.start + offset, publish & CHANNEL_MASK if publish & DPPI_ENABLE else None)

    def _on_channel(self, channel: int) -> None:
        for task in [task for task, subscribed in self._subscriptions.items() if subscribed == channel]:
            self.look()
            self.task(task)

    def event_at(self, offset: int, cycles: int) -> None:
        """Let an event happen at a cycle."""
        self.later[offset] = cycles

    def event_after(self, offset: int, seconds: float) -> None:
        """Let an event happen in so many seconds."""
        self.event_at(offset, self.host.clock.cycles + max(1, round(seconds * self.host.clock.core_hz)))

    def look(self) -> None:
        """Bring the peripheral to the present: called before each access and when it is woken."""
        now = self.host.clock.cycles
        for offset in [offset for offset, due in self.later.items() if due <= now]:
            del self.later[offset]
            self.due(offset)

    def due(self, offset: int) -> None:
        """An event that was put off happens now."""
        self.event(offset)

    def interrupt_enabled(self, event: int) -> bool:
        """Return whether an event interrupts."""
        return bool(self.registers.get(INTEN, 0) >> (event - EVENTS.start >> 2) & 1)

    def update_interrupt(self) -> None:
        """Set the line: some enabled event has happened."""
        enabled = self.registers.get(INTEN, 0)
        level = False
        while enabled and not level:
            bit = (enabled & -enabled).bit_length() - 1
            level = bool(self.registers.get(EVENTS.start + 4 * bit, 0))
            enabled &= enabled - 1
        self.set_interrupt(level)

    # registers

    def read_register(self, offset: int) -> int:
        """Return a register; tasks read as 0, INTENSET and INTENCLR as INTEN."""
        self.look()
        if offset in TASKS:
            return 0
        if offset in (INTENSET, INTENCLR):
            return self.registers.get(INTEN, 0)
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register, run a task, clear an event."""
        self.look()
        if offset in TASKS:
            if value & 1:
                self.task(offset)
            return
        if offset in (INTENSET, INTENCLR):
            enabled = self.registers.get(INTEN, 0)
            self.registers[INTEN] = enabled | value if offset == INTENSET else enabled & ~value
        else:
            if offset in EVENTS:
                value &= 1
            elif offset in SUBSCRIBE:
                self._subscriptions.pop(offset - SUBSCRIBE.start, None)
                if value & DPPI_ENABLE:
                    self._subscriptions[offset - SUBSCRIBE.start] = value & CHANNEL_MASK
            super().write_register(offset, value)
        if offset in EVENTS or INTEN <= offset <= INTENCLR:
            self.update_interrupt()

    def unchanged_until_cycles(self, offset: int) -> int:
        """An event that was put off is not there before."""
        return self.later.get(offset, 0)

    def next_event_cycles(self) -> int:
        """Wake for the events that were put off."""
        return min(self.later.values(), default=NEVER)

    def wake(self) -> None:
        """Let what is due happen."""
        self.look()
