# SPDX-License-Identifier: Apache-2.0
"""STM32F7 power control; ST RM0385 and RM0410, chapter 4: voltage scaling and over-drive are ready at once.

Bits: ST cmsis_device_f7 v1.2.9, stm32f746xx.h. Whether a clock is within what the voltage allows is not checked.
"""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

CR1, CSR1 = 0x00, 0x04
ODEN, ODSWEN = 1 << 16, 1 << 17  # in CR1; ODRDY and ODSWRDY are the same bits of CSR1
VOSRDY, BRE, BRR = 1 << 14, 1 << 9, 1 << 3


class Stm32F7Pwr(RegisterFile):
    """PWR. The flags of CSR1 follow what CR1 and CSR1 enable."""

    reset = {CR1: 0x0000_C000}  # noqa: RUF012 - a class constant

    def read_register(self, offset: int) -> int:
        """Return a register with its ready flags."""
        value = super().read_register(offset)
        if offset == CSR1:
            ready = self.registers[CR1] & (ODEN | ODSWEN)
            value = value & ~(ODEN | ODSWEN | BRR) | VOSRDY | ready | (BRR if value & BRE else 0)
        return value
