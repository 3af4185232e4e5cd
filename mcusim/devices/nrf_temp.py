# SPDX-License-Identifier: Apache-2.0
"""Nordic temperature sensor; nRF52840 Product Specification v1.7, 6.28. It measures 25 degrees, in 36 us."""

from __future__ import annotations

from mcusim.devices.nrf_peripheral import NrfPeripheral

START, STOP, DATARDY, TEMP = 0x00, 0x04, 0x100, 0x508
QUARTER_DEGREES = 100
MEASUREMENT_S = 36e-6


class NrfTemp(NrfPeripheral):
    """One measurement for each start."""

    def task(self, offset: int) -> None:
        """Start or stop."""
        if offset == START:
            self.event_after(DATARDY, MEASUREMENT_S)
        elif offset == STOP:
            self.later.pop(DATARDY, None)

    def due(self, offset: int) -> None:
        """The measurement is done."""
        self.registers[TEMP] = QUARTER_DEGREES
        self.event(offset)
