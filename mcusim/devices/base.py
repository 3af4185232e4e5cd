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
    """What devices share: time, the console, console input, frequencies by name, and interrupt lines."""

    clock: ClockView
    transmit: Callable[[bytes], None]
    set_interrupt: Callable[[int, bool], None]  # (external interrupt number, level)
    received: bytearray = field(default_factory=bytearray)  # console input not read yet
    remarks: set[str] = field(default_factory=set)  # what a device was asked for and does not do, for the report
    bus_hz: dict[str, int] = field(default_factory=dict)  # such as {"pclk1": ...}; the clock controller fills it


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

    def next_event_cycles(self) -> int:
        """Return when `wake` must be called next, in cycles since reset; NEVER if not."""
        ...

    def wake(self) -> None:
        """Do what is due at this cycle."""
        ...


class RegisterFile:
    """A device whose registers remember writes; `reset` gives initial values by offset. Models subclass it."""

    exact_offsets: frozenset[int] = frozenset()
    reset: dict[int, int] = {}  # noqa: RUF012 - a class constant, never written

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        self.entry = entry
        self.host = host
        self.registers: dict[int, int] = dict(self.reset)

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

    def next_event_cycles(self) -> int:
        """Nothing happens by itself."""
        return NEVER

    def wake(self) -> None:
        """Nothing to do."""
