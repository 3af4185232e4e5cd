# SPDX-License-Identifier: Apache-2.0
"""STM32F1 power control; ST RM0008, chapter 5: two registers that remember; wake-up and standby flags stay 0."""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

CR, CSR = 0x00, 0x04
CLEARS = 1 << 2 | 1 << 3  # CR: CWUF, CSBF, which read as 0


class Stm32F1Pwr(RegisterFile):
    """PWR. The part never sleeps deeper than WFI: PDDS and kin are remembered."""

    writable_status = 1 << 8  # CSR: EWUP
    set_status = 0

    def read_register(self, offset: int) -> int:
        """Return a register."""
        return super().read_register(offset) | (self.set_status if offset == CSR else 0)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; CSR takes its enables alone."""
        super().write_register(offset, value & self.writable_status if offset == CSR else value & ~CLEARS)
