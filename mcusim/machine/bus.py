# SPDX-License-Identifier: Apache-2.0
"""Device accesses: find the model, or the guesses, and split a block where a register needs the exact cycle.

Inside a block the clock stands at the block's start. For registers that need the exact cycle the bus asks first
whether the access has it (`mcusim.machine.exact`); if not, the access is discarded and will be repeated.
"""

from __future__ import annotations

from collections.abc import Callable

from mcusim.devices.base import NEVER, Device, RegisterFile
from mcusim.machine.exact import ExactAccesses
from mcusim.machine.guesses import Guesses, Register
from mcusim.machine.memory import Port

PAGE_SHIFT = 8  # devices are found by 256-byte pages; smaller ones do not share a page
_BAND_BITS = 5  # the alias has a word of 32 bits for each bit


class Bus:
    """Dispatches device accesses. `exact` says whether an access (address, is it a write?) has its exact cycle.

    `pass_over` is told what a register just gave, and until which cycle it will go on giving that. What no device
    answers for goes to `guesses`.
    """

    def __init__(
        self, exact: Callable[[int, bool], bool], pass_over: Callable[[int, int], None], guesses: Guesses
    ) -> None:
        self._exact, self._pass_over, self._guesses = exact, pass_over, guesses
        self._pages: dict[int, tuple[int, Device]] = {}
        self.devices: list[Device] = []  # those for which something may happen by itself

    def add(self, start: int, size_bytes: int, device: Device) -> None:
        """Let a device answer for a range."""
        if type(device).next_event_cycles is not RegisterFile.next_event_cycles:
            self.devices.append(device)
        self.add_alias(start, size_bytes, device)

    def add_alias(self, start: int, size_bytes: int, device: Device) -> None:
        """Let a device that is there already answer for one more range."""
        for page in range(start >> PAGE_SHIFT, (start + size_bytes - 1 >> PAGE_SHIFT) + 1):
            self._pages[page] = (start, device)

    def overlay(self, address: int) -> None:
        """Let the guesses answer for one word, whoever answers for the others of its page."""
        page = address >> PAGE_SHIFT
        inner = self._pages.get(page)
        if inner is None:
            return
        if not isinstance(inner[1], Overlaid):
            inner = self._pages[page] = (0, Overlaid(*inner, self._guesses))
        assert isinstance(inner[1], Overlaid)
        inner[1].add(address)

    @property
    def guessed(self) -> dict[int, Register]:
        """The registers that were used and that neither a model, nor the board, nor an overlay knows."""
        return self._guesses.unknown()

    def find(self, address: int) -> tuple[int, Device] | None:
        """Return the device that answers for an address and where its registers start; None if nobody models it."""
        return self._pages.get(address >> PAGE_SHIFT)

    def guesses_at(self, address: int) -> bool:
        """Return whether a word is answered by a guess or by an overlay."""
        found = self.find(address)
        return found is None or (isinstance(found[1], Overlaid) and found[1].covers(address))

    def read(self, address: int, size_bytes: int) -> int:
        """Answer a read."""
        found = self._pages.get(address >> PAGE_SHIFT)
        if found is None:
            return self._guesses.read(address, size_bytes)
        start, device = found
        offset = address - start
        if offset & ~3 in device.exact_offsets and not self._exact(address, False):
            return 0  # discarded: the engine stops and repeats the access
        value = device.read(offset, size_bytes)
        unchanged_until = device.unchanged_until_cycles(offset & ~3)
        if unchanged_until:
            self._pass_over(value, unchanged_until)
        return value

    def write(self, address: int, size_bytes: int, value: int) -> None:
        """Take a write."""
        self._guesses.device_writes += 1
        found = self._pages.get(address >> PAGE_SHIFT)
        if found is None:
            self._guesses.write(address, size_bytes, value)
            return
        start, device = found
        offset = address - start
        if offset & ~3 in device.exact_offsets and not self._exact(address, True):
            return
        device.write(offset, size_bytes, value)


class Overlaid:
    """A page of which an overlay answers some words. Its offsets are addresses."""

    def __init__(self, start: int, device: Device, guesses: Guesses) -> None:
        self._start, self._device, self._guesses = start, device, guesses
        self._words: set[int] = set()
        self.exact_offsets = frozenset(start + offset for offset in device.exact_offsets)

    def add(self, address: int) -> None:
        """Take a word from the model."""
        self._words.add(address)
        self.exact_offsets -= {address}

    def covers(self, address: int) -> bool:
        """Return whether the overlay answers for the word that holds an address."""
        return address & ~3 in self._words

    def read(self, offset: int, size_bytes: int) -> int:
        """Answer a read."""
        if offset & ~3 in self._words:
            return self._guesses.read(offset, size_bytes)
        return self._device.read(offset - self._start, size_bytes)

    def write(self, offset: int, size_bytes: int, value: int) -> None:
        """Take a write."""
        if offset & ~3 in self._words:
            self._guesses.write(offset, size_bytes, value)
        else:
            self._device.write(offset - self._start, size_bytes, value)

    def unchanged_until_cycles(self, offset: int) -> int:
        """Ask the model, of its own registers."""
        return 0 if offset in self._words else self._device.unchanged_until_cycles(offset - self._start)

    def request_cycles(self, offset: int, writes: bool) -> int:
        """Ask the model, of its own registers."""
        return 0 if offset & ~3 in self._words else self._device.request_cycles(offset - self._start, writes)

    def next_event_cycles(self) -> int:
        """The device is among the bus's own and is asked there."""
        return NEVER

    def wake(self) -> None:
        """Nothing to do."""


class BitBand:
    """A bit-band alias: each word of it is one bit of what lies at `target` (Armv7-M ARM B3.1.1, DDI 0403E).

    A read gives 0 or 1; a write reads, changes the bit and writes back, in the same access's cycle. Narrow accesses
    do the same to the bit of the word that they are in.
    """

    def __init__(self, start: int, target: int, bus: Bus, memory: Port, guesses: Guesses, exact: ExactAccesses) -> None:
        self._start, self._target = start, target
        self._bus, self._memory, self._guesses, self._exact = bus, memory, guesses, exact

    def locate(self, address: int) -> tuple[int, int]:
        """Return the word and the bit in it that an address of the alias stands for."""
        bit = address - self._start >> 2
        return self._target + (bit >> _BAND_BITS << 2), bit & 31

    def read(self, address: int, _size_bytes: int) -> int:
        """Return the bit."""
        word, bit = self.locate(address)
        if self._memory.holds(word):
            return self._memory.read_word(word) >> bit & 1
        if self._bus.guesses_at(word):
            return self._guesses.read_bit(address, word, bit)
        return self._bus.read(word, 4) >> bit & 1

    def write(self, address: int, _size_bytes: int, value: int) -> None:
        """Set the bit to the lowest one of the value."""
        word, bit = self.locate(address)
        if self._memory.holds(word):
            self._memory.write_word(word, self._memory.read_word(word) & ~(1 << bit) | (value & 1) << bit)
        elif self._bus.guesses_at(word):
            self._guesses.device_writes += 1
            self._guesses.write_bit(address, word, bit, value)
        else:
            before = self._bus.read(word, 4)
            if not self._exact.wanted:  # else the access is discarded, and repeated
                self._bus.write(word, 4, before & ~(1 << bit) | (value & 1) << bit)
