# SPDX-License-Identifier: Apache-2.0
"""STM32 debug support registers (DBGMCU): which part it is; the rest is remembered.

Sources: debug chapters of RM0008, RM0090, RM0351, RM0385, RM0433, RM0444, RM0456: IDCODE at 0, DEV_ID in bits 11:0,
REV_ID in bits 31:16.
"""

from __future__ import annotations

from mcusim.devices.base import Option, RegisterFile

IDCODE = 0x00


class Stm32Dbgmcu(RegisterFile):
    """DBGMCU. The option `idcode` is what IDCODE reads as; which clocks a halted debugger stops is remembered."""

    options: dict[str, Option] = {"idcode": 0}  # noqa: RUF012 - a class constant

    def read_register(self, offset: int) -> int:
        """Return a register."""
        return int(self.option["idcode"]) & 0xFFFF_FFFF if offset == IDCODE else super().read_register(offset)
