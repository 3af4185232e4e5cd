# SPDX-License-Identifier: Apache-2.0
"""Nordic random number generator; nRF52840 Product Specification v1.7, 6.19.

The sequence is the same in every run (Mersenne Twister, seed 0): for profiles, not for secrets. A byte takes the
typical time: 30 us, 120 us with bias correction.
"""

from __future__ import annotations

import random

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host
from mcusim.devices.nrf_peripheral import NrfPeripheral

START, STOP, VALRDY, CONFIG, VALUE = 0x00, 0x04, 0x100, 0x504, 0x508
BIAS_CORRECTION = 1 << 0
SEED = 0


class NrfRng(NrfPeripheral):
    """Random bytes while it runs."""

    shorts = {0: (VALRDY, STOP)}  # noqa: RUF012

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._random = random.Random(SEED)
        self._running = False

    def task(self, offset: int) -> None:
        """Start or stop."""
        self._running = offset == START if offset in (START, STOP) else self._running
        if not self._running:
            self.later.pop(VALRDY, None)
        elif VALRDY not in self.later:
            self._next()

    def _next(self) -> None:
        self.event_after(VALRDY, 120e-6 if self.registers.get(CONFIG, 0) & BIAS_CORRECTION else 30e-6)

    def due(self, offset: int) -> None:
        """A byte is ready."""
        self.registers[VALUE] = self._random.getrandbits(8)
        self.event(offset)
        if self._running:
            self._next()
