# SPDX-License-Identifier: Apache-2.0
"""Nordic GPIO port; nRF52840 Product Specification v1.7, 6.9. Registers from OUT on: a board's start is 0x500 after P0.

An output reads as it is driven; an input as its pull-up or pull-down says: buttons of the kits are not pressed. SENSE
and LATCH are remembered: no pin wakes anything.
"""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

OUT, OUTSET, OUTCLR, IN, DIR, DIRSET, DIRCLR, LATCH = 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x1C, 0x20
PIN_CNF = range(0x200, 0x280, 4)
CNF_OUTPUT, CNF_PULL_UP = 1 << 0, 3 << 2


class NrfGpio(RegisterFile):
    """Up to 32 pins."""

    reset = dict.fromkeys(PIN_CNF, 2)  # input buffer disconnected

    def read_register(self, offset: int) -> int:
        """Return a register."""
        if offset == IN:
            direction = self.registers.get(DIR, 0)
            return self.registers.get(OUT, 0) & direction | self._pulled_up() & ~direction
        base = {OUTSET: OUT, OUTCLR: OUT, DIRSET: DIR, DIRCLR: DIR}.get(offset, offset)
        return super().read_register(base)

    def _pulled_up(self) -> int:
        pins = enumerate(PIN_CNF)
        return sum(1 << pin for pin, offset in pins if self.registers[offset] & CNF_PULL_UP == CNF_PULL_UP)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register, or set or clear bits of one; the direction is in DIR and in PIN_CNF."""
        if offset in (OUTSET, DIRSET):
            self.write_register(offset - 4, self.registers.get(offset - 4, 0) | value)
        elif offset in (OUTCLR, DIRCLR):
            self.write_register(offset - 8, self.registers.get(offset - 8, 0) & ~value)
        elif offset == DIR:
            self.registers[DIR] = value
            for pin, configuration in enumerate(PIN_CNF):
                self.registers[configuration] = self.registers[configuration] & ~CNF_OUTPUT | value >> pin & 1
        elif offset in PIN_CNF:
            pin = (offset - PIN_CNF.start) // 4
            self.registers[offset] = value
            self.registers[DIR] = self.registers.get(DIR, 0) & ~(1 << pin) | (value & CNF_OUTPUT) << pin
        elif offset == LATCH:
            self.registers[LATCH] = self.registers.get(LATCH, 0) & ~value
        elif offset != IN:
            super().write_register(offset, value)
