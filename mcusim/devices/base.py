# SPDX-License-Identifier: Apache-2.0
"""What a device model is and what it may ask of the machine.

A device answers reads and writes of its registers, may raise its interrupt, and says when it next wants to be woken.
Registers that nobody models remember what was written (`RegisterFile`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mcusim.board import Device as DeviceEntry

NEVER = 1 << 62  # a cycle count that no run reaches


class ClockView(Protocol):
    """Simulated time, as `mcusim.machine.clock.Clock` gives it."""

    @property
    def cycles(self) -> int:
        """Cycles since reset."""
        ...

    @property
    def core_hz(self) -> int:
        """The core's frequency, in hertz."""
        ...

    def set_core_hz(self, core_hz: int) -> None:
        """Change the core's frequency from now on."""
        ...


@dataclass
class Host:
    """What devices share: time, the console, frequencies by name, interrupt lines, the bus.

    `bus_hz` holds the clocks that the clock controller has programmed, by the names that board files use in
    `options = { clock = "pclk1" }`; it has none at first, and where it has none the core's clock counts.
    """

    clock: ClockView
    transmit: Callable[[bytes], None]  # the console's output
    set_interrupt: Callable[[int, bool], None]  # (external interrupt number, level)
    received: bytearray = field(default_factory=bytearray)  # console input not read yet
    remarks: set[str] = field(default_factory=set)  # what a device was asked for and does not do, for the report
    bus_hz: dict[str, int] = field(default_factory=dict)
    hse_hz: int = 0  # the board's crystals, 0 where there is none
    lse_hz: int = 0
    read_bus: Callable[[int, int], int] = lambda _address, _size_bytes: 0  # as a bus master: memory or a device
    write_bus: Callable[[int, int, int], None] = lambda _address, _size_bytes, _value: None
    reaches: Callable[[int, bool], bool] = lambda _address, _writes: True  # may a bus master read (write) there?
    request_cycles: Callable[[int, bool], int] = lambda _address, _writes: 0  # see Device.request_cycles
    request_reset: Callable[[str], None] = lambda _reason: None  # the reason in words
    listeners: list[Callable[[], None]] = field(default_factory=list)  # called when there is new console input
    raised: dict[int, set[tuple[str, int]]] = field(default_factory=dict)  # who holds an interrupt line that is shared
    event_listeners: list[Callable[[int, int | None], None]] = field(default_factory=list)  # (address, DPPI channel)
    channel_listeners: list[Callable[[int], None]] = field(default_factory=list)  # a DPPI channel has an event
    clock_listeners: list[Callable[[], None]] = field(default_factory=list)  # called when a source in bus_hz changed
    flash_timed: bool = False  # are the flash's wait states modelled?
    set_flash: Callable[[dict[str, int]], None] = lambda _changes: None  # see `mcusim.machine.flash.FlashTiming.set`
    before_clock_change: list[Callable[[], None]] = field(default_factory=list)  # called by `set_core_hz`, before

    def hz(self, name: str) -> int:
        """Return a clock by name, in hertz; the core's where nobody has programmed it."""
        return self.bus_hz.get(name, self.clock.core_hz)

    def set_core_hz(self, core_hz: int) -> None:
        """Change the core's frequency, after those who count by it have counted up to now."""
        if core_hz > 0 and core_hz != self.clock.core_hz:
            for listener in self.before_clock_change:
                listener()
            self.clock.set_core_hz(core_hz)


class Device(Protocol):
    """A device model. Offsets are in bytes from the device's start; values are unsigned."""

    exact_offsets: frozenset[int]  # registers whose reads and writes need the exact cycle

    def read(self, offset: int, size_bytes: int) -> int:
        """Return what a read of a register gives."""
        ...

    def write(self, offset: int, size_bytes: int, value: int) -> None:
        """Take a write to a register."""
        ...

    def unchanged_until_cycles(self, offset: int) -> int:
        """Return until when reads of a register give what they give now, if nothing is written; 0 if not known."""
        ...

    def request_cycles(self, offset: int, writes: bool) -> int:
        """Return from which cycle a DMA controller may serve a register: 0 at any time, NEVER not until told."""
        ...

    def next_event_cycles(self) -> int:
        """Return when `wake` must be called next, in cycles since reset; NEVER if not."""
        ...

    def wake(self) -> None:
        """Do what is due at this cycle."""
        ...


Option = int | str | bool


class RegisterFile:
    """A device whose registers remember writes; `reset` gives initial values by offset. Models subclass it.

    `options` are what a board file may set for one device, with their defaults.
    """

    exact_offsets: frozenset[int] = frozenset()
    reset: dict[int, int] = {}  # noqa: RUF012 - a class constant, never written
    options: dict[str, Option] = {}  # noqa: RUF012 - a class constant, never written

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        self.entry = entry
        self.host = host
        self.registers: dict[int, int] = dict(self.reset)
        self._levels: dict[int, bool] = {}  # of the interrupt lines, as last set
        self.option: dict[str, Option] = {**self.options, **entry.options}

    def set_interrupt(self, level: bool, index: int = 0) -> None:
        """Set the device's interrupt line: the only one, or one of several by its place in the board's list.

        A number may appear several times, in one device or in several: the line is high while any of them holds it.
        """
        numbers = self.entry.interrupts if self.entry.interrupt is None else (self.entry.interrupt,)
        if index < len(numbers) and self._levels.get(index) != level:  # telling the machine makes it look
            self._levels[index] = level
            holders = self.host.raised.setdefault(numbers[index], set())
            (holders.add if level else holders.discard)((self.entry.name, index))
            self.host.set_interrupt(numbers[index], bool(holders))

    def transmit(self, data: bytes) -> None:
        """Send bytes: they are the firmware's output if this is the board's console; if not, the report says so."""
        if self.entry.console:
            self.host.transmit(data)
        else:
            self.host.remarks.add(f"{self.entry.name} is not the board's console: what it sends is not shown")

    def read_register(self, offset: int) -> int:
        """Return the 32-bit register at a word offset. Models override it for registers that mean something."""
        return self.registers.get(offset, 0)

    def write_register(self, offset: int, value: int) -> None:
        """Set the 32-bit register at a word offset."""
        self.registers[offset] = value

    def read(self, offset: int, size_bytes: int) -> int:
        """Return the bytes asked for of the word they are in."""
        word = self.read_register(offset & ~3)
        return word >> 8 * (offset & 3) & (1 << 8 * size_bytes) - 1

    def write(self, offset: int, size_bytes: int, value: int) -> None:
        """Write a register; narrower writes keep the other bytes of the word."""
        if size_bytes < 4:
            shift, mask = 8 * (offset & 3), (1 << 8 * size_bytes) - 1
            kept = self.registers.get(offset & ~3, 0) & ~(mask << shift)
            value = kept | (value & mask) << shift
        self.write_register(offset & ~3, value)

    def unchanged_until_cycles(self, offset: int) -> int:
        """Not known."""
        return 0

    def request_cycles(self, offset: int, writes: bool) -> int:
        """At any time."""
        return 0

    def next_event_cycles(self) -> int:
        """Nothing happens by itself."""
        return NEVER

    def wake(self) -> None:
        """Nothing to do."""
