# SPDX-License-Identifier: Apache-2.0
"""Nordic PPI (nRF52840 Product Specification v1.7, 6.16) and DPPIC (nRF5340 Product Specification v1.3, 7.15).

Channels are remembered: they connect no event to a task, and a remark says so when one is enabled.
"""

from __future__ import annotations

from mcusim.devices.nrf_peripheral import NrfPeripheral

CHEN, CHENSET, CHENCLR = 0x500, 0x504, 0x508


class NrfPpi(NrfPeripheral):
    """Channel enables and endpoints."""

    def read_register(self, offset: int) -> int:
        """Return a register."""
        return super().read_register(CHEN if offset in (CHENSET, CHENCLR) else offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register."""
        enabled = self.registers.get(CHEN, 0)
        if offset in (CHEN, CHENSET, CHENCLR):
            self.registers[CHEN] = {CHEN: value, CHENSET: enabled | value, CHENCLR: enabled & ~value}[offset]
            if self.registers[CHEN]:
                self.host.remarks.add("PPI channels are remembered: they connect nothing")
        else:
            super().write_register(offset, value)
