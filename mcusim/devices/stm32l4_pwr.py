# SPDX-License-Identifier: Apache-2.0
"""STM32L4 and L4+ power control; ST RM0351 (L476), RM0432 (L4R5), chapter 5: voltage scaling is ready at once."""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

CR1, CR3, SR1, SR2, SCR, CR5 = 0x00, 0x08, 0x10, 0x14, 0x18, 0x80
LOW_POWER_RUN = 1 << 14  # CR1.LPR
REGULATOR_STARTED, REGULATOR_LOW_POWER = 1 << 8, 1 << 9  # SR2: REGLPS, REGLPF


class Stm32L4Pwr(RegisterFile):
    """PWR. SR2 says that the voltage is stable (VOSF 0), REGLPF follows LPR; no wake-up flag is ever set."""

    ready_status = REGULATOR_STARTED
    # CR1 0x200 (range 1), CR3 0x8000, CR5 0x100 (L4+; not there on L4): RM0432, PWR_CR1, _CR3, _CR5.
    reset = {CR1: 0x0000_0200, CR3: 0x0000_8000, CR5: 0x0000_0100}  # noqa: RUF012 - a class constant

    def read_register(self, offset: int) -> int:
        """Return a register."""
        if offset == SR2:
            return self.ready_status | (REGULATOR_LOW_POWER if self.registers[CR1] & LOW_POWER_RUN else 0)
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; the status registers cannot be written, SCR clears and reads as 0."""
        if offset not in (SR1, SR2, SCR):
            super().write_register(offset, value)
