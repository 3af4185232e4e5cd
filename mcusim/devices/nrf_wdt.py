# SPDX-License-Identifier: Apache-2.0
"""Nordic watchdog; nRF52840 Product Specification v1.7, 6.36. Remembered: it never runs out, and a remark says so."""

from __future__ import annotations

from mcusim.devices.nrf_peripheral import NrfPeripheral

START = 0x00
RUNSTATUS, REQSTATUS, CRV, RREN, CONFIG, RELOAD = 0x400, 0x404, 0x504, 0x508, 0x50C, range(0x600, 0x620)


class NrfWdt(NrfPeripheral):
    """A watchdog that does not bite."""

    reset = {REQSTATUS: 1, CRV: 0xFFFF_FFFF, RREN: 1, CONFIG: 1}  # noqa: RUF012

    def task(self, offset: int) -> None:
        """Start."""
        if offset == START:
            self.registers[RUNSTATUS] = 1
            self.host.remarks.add(f"the watchdog {self.entry.name} is remembered: it never runs out")

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; the settings of a running watchdog stay."""
        settings = offset in (CRV, RREN, CONFIG) and self.registers.get(RUNSTATUS, 0)
        if not settings and offset not in (RUNSTATUS, REQSTATUS) and offset not in RELOAD:
            super().write_register(offset, value)
