# SPDX-License-Identifier: Apache-2.0
"""STM32 CRC calculation unit.

Version 1 (F1, F2, F4, L1): polynomial 0x04C11DB7, words only (ST RM0008 chapter 4, RM0090 chapter 4). Version 2 (F0,
F3, F7, G0, L4, H7, U5): any polynomial of 7, 8, 16 or 32 bits, initial value, reversal, data of 8, 16 or 32 bits by the
size of the access (RM0432 chapter 14, RM0091 chapter 12). Results are there at once: the unit stalls the bus for at
most four cycles, which are not counted.
"""

from __future__ import annotations

from functools import cache

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host, Option, RegisterFile

DR, IDR, CR, INIT, POL = 0x00, 0x04, 0x08, 0x10, 0x14
RESET, REV_OUT = 1 << 0, 1 << 7
ETHERNET = 0x04C1_1DB7
ONES = 0xFFFF_FFFF
SIZES = (32, 16, 8, 7)  # POLYSIZE, CR bits 4:3
REVERSED_BITS = (0, 8, 16, 32)  # REV_IN, CR bits 6:5: within each group of so many bits


def reverse(value: int, bits: int) -> int:
    """Return the lowest `bits` bits in opposite order."""
    return int(f"{value & (1 << bits) - 1:0{bits}b}"[::-1], 2)


@cache
def _table(polynomial: int, size: int) -> tuple[int, ...]:
    """Return what a byte at the top of a register of `size` bits (8 or more) turns into."""
    top, mask, rows = 1 << size - 1, (1 << size) - 1, []
    for byte in range(256):
        value = byte << size - 8
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & mask
        rows.append(value)
    return tuple(rows)


def advance(value: int, data: int, data_bits: int, polynomial: int, size: int) -> int:
    """Return the CRC after data, its most significant bit first."""
    spare = max(8 - size, 0)  # a register of 7 bits is kept in the upper 7 of 8
    size, value, polynomial = size + spare, value << spare, polynomial << spare
    mask = (1 << size) - 1
    table = _table(polynomial & mask, size)
    for shift in range(data_bits - 8, -1, -8):
        value = value << 8 & mask ^ table[value >> size - 8 ^ data >> shift & 0xFF]
    return value >> spare


class Stm32Crc(RegisterFile):
    """One unit; the option `version` is 1 or 2."""

    options: dict[str, Option] = {"version": 2}  # noqa: RUF012 - a class constant
    reset = {DR: ONES, INIT: ONES, POL: ETHERNET}  # noqa: RUF012 - a class constant

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._second = self.option["version"] == 2
        self._value = ONES

    def _size(self) -> int:
        return SIZES[self.registers.get(CR, 0) >> 3 & 3] if self._second else 32

    def read_register(self, offset: int) -> int:
        """Return a register; DR is the CRC so far."""
        if offset != DR:
            return self.registers.get(offset, 0) if self._second or offset < INIT else 0
        if self._second and self.registers.get(CR, 0) & REV_OUT:
            return reverse(self._value, self._size())
        return self._value

    def write(self, offset: int, size_bytes: int, value: int) -> None:
        """Take data at DR, by the size of the access; other registers as everywhere."""
        if offset & ~3 != DR:
            super().write(offset, size_bytes, value)
        elif self._second:
            self._take(value & (1 << 8 * size_bytes) - 1, 8 * size_bytes)
        else:
            self._value = advance(self._value, value & ONES, 32, ETHERNET, 32)

    def _take(self, data: int, bits: int) -> None:
        group = min(REVERSED_BITS[self.registers.get(CR, 0) >> 5 & 3], bits)
        if group:
            data = sum(reverse(data >> at, group) << at for at in range(0, bits, group))
        size = self._size()
        mask = (1 << size) - 1
        self._value = advance(self._value & mask, data, bits, self.registers[POL] & mask, size)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; RESET loads the initial value, which the write of INIT does too."""
        if offset == IDR:
            self.registers[IDR] = value if self._second else value & 0xFF
        elif offset == CR:
            self.registers[CR] = value & 0xF8 if self._second else 0
            if value & RESET:
                self._value = self.registers[INIT] & (1 << self._size()) - 1
        elif self._second and offset in (INIT, POL):
            self.registers[offset] = value
            if offset == INIT:
                self._value = value & (1 << self._size()) - 1
