# SPDX-License-Identifier: Apache-2.0
"""Nordic event generator unit; nRF52840 Product Specification v1.7, 6.7: each task triggers the event of its number."""

from __future__ import annotations

from mcusim.devices.nrf_peripheral import EVENTS, NrfPeripheral

CHANNELS = 16


class NrfEgu(NrfPeripheral):
    """Software interrupts."""

    def task(self, offset: int) -> None:
        """Trigger."""
        if offset < 4 * CHANNELS:
            self.event(EVENTS.start + offset)
