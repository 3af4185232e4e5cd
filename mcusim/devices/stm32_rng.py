# SPDX-License-Identifier: Apache-2.0
"""STM32 random number generator; ST RM0090 chapter 24, RM0432 chapter 31, RM0433 chapter 34, RM0456 chapter 48.

Seeded, so that runs repeat; a word is always ready, and errors never happen. The conditioning registers of newer parts
(HTCR, NSCR, CONDRST) are remembered.
"""

from __future__ import annotations

import random

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host, RegisterFile

CR, SR, DR = 0x00, 0x04, 0x08
RNGEN, IE, DRDY = 1 << 2, 1 << 3, 1 << 0
SEED = 0


class Stm32Rng(RegisterFile):
    """RNG. The sequence is the same in every run (Mersenne Twister, seed 0): for profiles, not for secrets."""

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._random = random.Random(SEED)

    def read_register(self, offset: int) -> int:
        """Return a register; DR gives the next word while the generator is on."""
        enabled = self.registers.get(CR, 0) & RNGEN
        if offset == SR:
            return DRDY if enabled else 0
        if offset == DR:
            return self._random.getrandbits(32) if enabled else 0
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; the error flags of SR, which software clears with zeros, are never set."""
        if offset in (SR, DR):
            return
        super().write_register(offset, value)
        if offset == CR:
            self.set_interrupt(value & (RNGEN | IE) == RNGEN | IE)
