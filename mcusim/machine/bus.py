# SPDX-License-Identifier: Apache-2.0
"""Device accesses: find the model, keep what nobody models, and split a block where a register needs the exact cycle.

Inside a block the clock stands at the block's start. For registers that need the exact cycle the bus asks first
whether the access has it (`mcusim.machine.exact`); if not, the access is discarded and will be repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mcusim.devices.base import Device, RegisterFile

PAGE_SHIFT = 8  # devices are found by 256-byte pages; smaller ones do not share a page


@dataclass
class GuessedRegister:
    """A register that no model covers: it remembers writes and reads as 0 before."""

    address: int
    reads: int = 0
    writes: int = 0


class Bus:
    """Dispatches device accesses. `exact` says whether an access (address, is it a write?) has its exact cycle.

    `pass_over` is told what a register just gave, and until which cycle it will go on giving that.
    """

    def __init__(self, exact: Callable[[int, bool], bool], pass_over: Callable[[int, int], None]) -> None:
        self._exact, self._pass_over = exact, pass_over
        self._pages: dict[int, tuple[int, Device]] = {}
        self._guessed_values: dict[int, int] = {}
        self.devices: list[Device] = []  # those for which something may happen by itself
        self.guessed: dict[int, GuessedRegister] = {}

    def add(self, start: int, size_bytes: int, device: Device) -> None:
        """Let a device answer for a range."""
        if type(device).next_event_cycles is not RegisterFile.next_event_cycles:
            self.devices.append(device)
        self.add_alias(start, size_bytes, device)

    def add_alias(self, start: int, size_bytes: int, device: Device) -> None:
        """Let a device that is there already answer for one more range."""
        for page in range(start >> PAGE_SHIFT, (start + size_bytes - 1 >> PAGE_SHIFT) + 1):
            self._pages[page] = (start, device)

    def find(self, address: int) -> tuple[int, Device] | None:
        """Return the device that answers for an address and where its registers start; None if nobody models it."""
        return self._pages.get(address >> PAGE_SHIFT)

    def read(self, address: int, size_bytes: int) -> int:
        """Answer a read."""
        found = self._pages.get(address >> PAGE_SHIFT)
        if found is None:
            return self._read_guessed(address, size_bytes)
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
        found = self._pages.get(address >> PAGE_SHIFT)
        if found is None:
            self._write_guessed(address, size_bytes, value)
            return
        start, device = found
        offset = address - start
        if offset & ~3 in device.exact_offsets and not self._exact(address, True):
            return
        device.write(offset, size_bytes, value)

    def _guess(self, address: int) -> GuessedRegister:
        word = address & ~3
        if word not in self.guessed:
            self.guessed[word] = GuessedRegister(word)
        return self.guessed[word]

    def _read_guessed(self, address: int, size_bytes: int) -> int:
        self._guess(address).reads += 1
        word = self._guessed_values.get(address & ~3, 0)
        return word >> 8 * (address & 3) & (1 << 8 * size_bytes) - 1

    def _write_guessed(self, address: int, size_bytes: int, value: int) -> None:
        self._guess(address).writes += 1
        shift, mask = 8 * (address & 3), (1 << 8 * size_bytes) - 1
        kept = self._guessed_values.get(address & ~3, 0) & ~(mask << shift)
        self._guessed_values[address & ~3] = kept | (value & mask) << shift
