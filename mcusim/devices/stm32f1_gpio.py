# SPDX-License-Identifier: Apache-2.0
"""STM32F1 general-purpose I/O port (CRL, CRH); ST RM0008, chapter 9.

Nothing is connected to the pins: an output reads back what it drives, an input its pull (0 where it floats), a
released open-drain output 1, as on a line that is pulled up. LCKR remembers and locks nothing.
"""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

CRL, CRH, IDR, ODR, BSRR, BRR, LCKR = range(0, 0x1C, 4)
FLOATING = 0x4444_4444  # CRL, CRH after reset: inputs without pull (RM0008 9.2.1)
ALTERNATE, PULLED = 2, 2  # the two bits of CNF in outputs, in inputs


class Stm32F1Gpio(RegisterFile):
    """One port."""

    reset = {CRL: FLOATING, CRH: FLOATING}  # noqa: RUF012 - a class constant

    def read_register(self, offset: int) -> int:
        """Return a register; IDR is what the pins show, BSRR and BRR read as 0."""
        return self._inputs() if offset == IDR else self.registers.get(offset, 0)

    def _inputs(self) -> int:
        setup = self.registers[CRH] << 32 | self.registers[CRL]
        outputs, value = self.registers.get(ODR, 0), 0
        for pin in range(16):
            mode, configuration = setup >> 4 * pin & 3, setup >> 4 * pin + 2 & 3
            # An output shows ODR; an input with pull, too: its bit there says up or down (RM0008 table 20).
            if configuration < ALTERNATE if mode else configuration == PULLED:
                value |= outputs & 1 << pin
        return value

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; BSRR and BRR change ODR."""
        registers = self.registers
        if offset == BSRR:
            registers[ODR] = registers.get(ODR, 0) & ~(value >> 16) | value & 0xFFFF
        elif offset == BRR:
            registers[ODR] = registers.get(ODR, 0) & ~(value & 0xFFFF)
        elif offset == ODR:
            registers[ODR] = value & 0xFFFF
        elif offset != IDR:
            if offset == LCKR:
                self.host.remarks.add(f"{self.entry.name}: LCKR is remembered and locks no pin")
            registers[offset] = value
