# SPDX-License-Identifier: Apache-2.0
"""STM32U5 power control; ST RM0456, chapter 10: the regulator, its voltage range and the booster are ready at once.

Bits: ST cmsis_device_u5 v1.4.0, stm32u575xx.h. Whether a clock is within what the voltage allows is not checked.
"""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

CR3, VOSR, SVMCR, SVMSR = 0x08, 0x0C, 0x10, 0x3C
REGSEL = REGS = 1 << 1  # CR3, SVMSR: SMPS instead of LDO
BOOSTRDY, VOSRDY, VOS_MASK, BOOSTEN = 1 << 14, 1 << 15, 3 << 16, 1 << 18  # VOSR; ACTVOS and ACTVOSRDY of SVMSR alike
MONITORS = 15 << 24  # SVMCR: enables of the voltage monitors; their ready flags are the same bits of SVMSR


class Stm32U5Pwr(RegisterFile):
    """PWR."""

    def read_register(self, offset: int) -> int:
        """Return a register with its ready flags."""
        value = super().read_register(offset)
        scale = self.registers.get(VOSR, 0)
        if offset == VOSR:
            return value & ~BOOSTRDY | VOSRDY | (BOOSTRDY if value & BOOSTEN else 0)
        if offset == SVMSR:
            ready = self.registers.get(SVMCR, 0) & MONITORS
            return VOSRDY | scale & VOS_MASK | ready | (REGS if self.registers.get(CR3, 0) & REGSEL else 0)
        return value
