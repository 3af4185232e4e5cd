# SPDX-License-Identifier: Apache-2.0
"""STM32H7 extended interrupt controller: three banks, the core's masks and pending flags apart from the triggers.

Source: ST RM0433 20.6 (register map of the H743's header: triggers at 0x00, 0x20, 0x40, masks at 0x80, 0x90, 0xA0).

Only software triggers reach it, as in `stm32f1_exti`. The D3 domain's pending masks are remembered.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host
from mcusim.devices.stm32f1_exti import Exti

SWIER, SWIER_STEP = 0x08, 0x20
IMR, PR, CORE_START, CORE_STEP = 0x00, 0x08, 0x80, 0x10
BANKS = 3


class Stm32H7Exti(Exti):
    """The EXTI of the core; the second core's part (from 0xC0) is remembered."""

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self.registers[CORE_START + IMR] = int(self.option["imr"])
        self.registers[CORE_START + CORE_STEP + IMR] = int(self.option["imr2"])

    def _at(self, bank: int, register: int) -> int:
        return self.registers.get(CORE_START + CORE_STEP * bank + register, 0)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; SWIER raises lines and reads as 0, ones clear PR."""
        registers = self.registers
        if offset < CORE_START and offset % SWIER_STEP == SWIER and offset // SWIER_STEP < BANKS:
            at = CORE_START + CORE_STEP * (offset // SWIER_STEP) + PR
            registers[at] = registers.get(at, 0) | value
        elif CORE_START <= offset < CORE_START + CORE_STEP * BANKS and offset % CORE_STEP == PR:
            registers[offset] = registers.get(offset, 0) & ~value
        else:
            registers[offset] = value
        self.update_interrupts(sum((self._at(bank, PR) & self._at(bank, IMR)) << 32 * bank for bank in range(BANKS)))
