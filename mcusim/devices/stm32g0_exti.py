# SPDX-License-Identifier: Apache-2.0
"""STM32 extended interrupt controller with a pending register for each edge (G0, L5, U5).

Sources: ST RM0444 13.5 (G0), RM0456 23.6 (U5; one bank). Only software triggers reach it, as in `stm32f1_exti`; they
count as rising edges. EXTICR (which port a line watches) and the security registers are remembered.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host
from mcusim.devices.stm32f1_exti import Exti

SWIER, RPR, FPR, BANK_BYTES = 0x08, 0x0C, 0x10, 0x20
IMR, MASK_STEP = 0x80, 0x10
BANKS = 2


class Stm32G0Exti(Exti):
    """One EXTI. In the board file of a G0, `groups` is "0-1 2-3 4-15"."""

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self.registers[IMR] = int(self.option["imr"])
        self.registers[IMR + MASK_STEP] = int(self.option["imr2"])

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; SWIER raises lines and reads as 0, ones clear RPR and FPR."""
        registers, kind = self.registers, offset % BANK_BYTES
        in_bank = offset < BANK_BYTES * BANKS
        if in_bank and kind == SWIER:
            at = offset - SWIER + RPR
            registers[at] = registers.get(at, 0) | value
        elif in_bank and kind in (RPR, FPR):
            registers[offset] = registers.get(offset, 0) & ~value
        else:
            registers[offset] = value
        raised = 0
        for bank in range(BANKS):
            start = BANK_BYTES * bank
            pending = registers.get(start + RPR, 0) | registers.get(start + FPR, 0)
            raised |= (pending & registers.get(IMR + MASK_STEP * bank, 0)) << 32 * bank
        self.update_interrupts(raised)
