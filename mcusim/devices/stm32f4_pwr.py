# SPDX-License-Identifier: Apache-2.0
"""STM32F4 power control; ST RM0090 (F405/F407), RM0402 (F412), RM0390 (F446), chapter 5, PWR registers.

Voltage scaling, over-drive (F446) and the backup regulator are ready at once when they are turned on.
"""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

CR, CSR = 0x00, 0x04
CLEARS = 1 << 2 | 1 << 3  # CR: CWUF, CSBF, which read as 0
OVER_DRIVE = 0x3 << 16  # CR: ODEN, ODSWEN; in CSR at the same bits ODRDY, ODSWRDY
BACKUP_ENABLE, BACKUP_READY = 1 << 9, 1 << 3
VOLTAGE_READY = 1 << 14
WRITABLE_STATUS = 1 << 7 | 1 << 8 | 1 << 9  # CSR: EWUP2, EWUP1, BRE


class Stm32F4Pwr(RegisterFile):
    """PWR. The part never sleeps deeper than WFI: PDDS and kin are remembered."""

    # CR: 0x4000 on F405/F407 (RM0090, PWR_CR: one VOS bit), 0xC000 on F412 and F446 (RM0402, RM0390).
    reset = {CR: 0x0000_C000}  # noqa: RUF012 - a class constant

    def read_register(self, offset: int) -> int:
        """Return a register; the ready flags of CSR follow the enables."""
        value = super().read_register(offset)
        if offset == CSR:
            value |= VOLTAGE_READY | self.registers[CR] & OVER_DRIVE
            value |= BACKUP_READY if value & BACKUP_ENABLE else 0
        return value

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; CSR takes its enables alone."""
        super().write_register(offset, value & WRITABLE_STATUS if offset == CSR else value & ~CLEARS)
