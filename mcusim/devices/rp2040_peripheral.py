# SPDX-License-Identifier: Apache-2.0
"""What peripherals of the RP2040 have in common: atomic aliases and narrow writes. No device by itself.

Source: RP2040 Datasheet (build 2023-03-02), 2.1.2 "Atomic Register Access" and 2.1.4 "Narrow IO Register Writes". Each
peripheral takes 16 KB: its registers, then the same where a write flips, sets or clears the bits that are 1. Narrow
writes put their value into every byte or halfword of the register.
"""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

ALIAS_BYTES = 0x1000
XOR, SET, CLEAR = 1, 2, 3


class Rp2040Peripheral(RegisterFile):
    """Registers with atomic aliases. Models see plain reads and writes of words at offsets below 0x1000."""

    def current(self, offset: int) -> int:
        """Return what the atomic aliases change: the register, without side effects of reading it."""
        return self.registers.get(offset, 0)

    def read(self, offset: int, size_bytes: int) -> int:
        """Return the bytes asked for; every alias reads as the register."""
        return super().read(offset & ALIAS_BYTES - 1, size_bytes)

    def write(self, offset: int, size_bytes: int, value: int) -> None:
        """Write a register through one of its aliases."""
        if size_bytes < 4:
            value = (value & 0xFF) * 0x0101_0101 if size_bytes == 1 else (value & 0xFFFF) * 0x0001_0001
        alias, offset = offset // ALIAS_BYTES & 3, offset & ALIAS_BYTES - 1 & ~3
        if alias == XOR:
            value ^= self.current(offset)
        elif alias == SET:
            value |= self.current(offset)
        elif alias == CLEAR:
            value = self.current(offset) & ~value
        self.write_register(offset, value)
