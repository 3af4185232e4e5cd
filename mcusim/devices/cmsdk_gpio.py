# SPDX-License-Identifier: Apache-2.0
"""Arm CMSDK AHB GPIO, as on the MPS2 boards; Arm DDI 0479D, chapter 3, AHB GPIO.

Outputs and settings are remembered; an output reads as it is driven, an input as 0, and no pin interrupts.
"""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

DATA, DATAOUT, OUTENSET = 0x00, 0x04, 0x10
# Pairs of registers, one to set bits and the next to clear them: OUTEN, ALTFUNC, INTEN, INTTYPE, INTPOL.
SET_REGISTERS = (0x10, 0x18, 0x20, 0x28, 0x30)
MASKED = range(0x400, 0xC00)  # MASKLOWBYTE, MASKHIGHBYTE: the address holds the mask
# PID4 to PID7, PID0 to PID3, CID0 to CID3 (DDI 0479D, chapter 3).
IDENTIFICATION = (0x04, 0x00, 0x00, 0x00, 0x20, 0xB8, 0x1B, 0x00, 0x0D, 0xF0, 0x05, 0xB1)


class CmsdkGpio(RegisterFile):
    """One port of sixteen pins."""

    reset = {0xFD0 + 4 * index: value for index, value in enumerate(IDENTIFICATION)}  # noqa: RUF012

    def read_register(self, offset: int) -> int:
        """Return a register."""
        if offset == DATA:
            return self.registers.get(DATAOUT, 0) & self.registers.get(OUTENSET, 0)
        if offset - 4 in SET_REGISTERS:
            return self.registers.get(offset - 4, 0)
        if offset in MASKED:
            return self.read_register(DATA) & self._mask(offset)
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register, or set or clear some of its bits."""
        if offset in SET_REGISTERS:
            self.registers[offset] = self.registers.get(offset, 0) | value & 0xFFFF
        elif offset - 4 in SET_REGISTERS:
            self.registers[offset - 4] = self.registers.get(offset - 4, 0) & ~value
        elif offset in MASKED:
            mask = self._mask(offset)
            self.registers[DATAOUT] = self.registers.get(DATAOUT, 0) & ~mask | value & mask
        elif offset in (DATA, DATAOUT):
            self.registers[DATAOUT] = value & 0xFFFF

    @staticmethod
    def _mask(offset: int) -> int:
        mask = offset >> 2 & 0xFF
        return mask if offset < 0x800 else mask << 8
