# SPDX-License-Identifier: Apache-2.0
"""A peripheral whose registers only remember: SYSCFG, AFIO, DBGMCU, a DMA multiplexer and the like."""

from __future__ import annotations

from mcusim.devices.base import RegisterFile


class Registers(RegisterFile):
    """Registers that read as they were written and 0 before. Nothing else happens, which the report says."""

    def write_register(self, offset: int, value: int) -> None:
        """Remember a value."""
        self.host.remarks.add(f"{self.entry.name}: its registers remember what is written and do nothing else")
        super().write_register(offset, value)
