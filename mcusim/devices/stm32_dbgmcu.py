# SPDX-License-Identifier: Apache-2.0
"""STM32 debug component: tells which part it is, by the option `idcode` (DEV_ID, and REV_ID from bit 16).

Source: ST RM0385 and RM0456, DBGMCU_IDCODE; RM0433, DBGMCU_IDC. The other registers remember what is written.
"""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

IDCODE = 0x00


class Stm32Dbgmcu(RegisterFile):
    """DBGMCU."""

    options = {"idcode": 0}  # noqa: RUF012 - a class constant

    def read_register(self, offset: int) -> int:
        """Return a register; IDCODE cannot be written."""
        return int(self.option["idcode"]) if offset == IDCODE else super().read_register(offset)
