# SPDX-License-Identifier: Apache-2.0
"""STM32H7 hardware semaphores, seen from the one core there is; ST RM0433, chapter 10.

Both ways to take one: a write to R that is read back, and a read of RLR. Interrupts when one is freed are not modelled,
since no other core waits. Bits: ST cmsis_device_h7 v1.9.0, HSEM_R_LOCK, HSEM_R_COREID, HSEM_R_PROCID.
"""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

COUNT = 32
RLR = 0x80  # the second way: registers 0x80 to 0xFC; R is 0x00 to 0x7C
LOCK, OWNER_MASK, PROCESS_MASK = 1 << 31, 0xFFFF, 0xFF
CORE = 3 << 8  # the Cortex-M7's master identification


class Stm32Hsem(RegisterFile):
    """HSEM."""

    def read_register(self, offset: int) -> int:
        """Return a register; RLR takes its semaphore if it is free."""
        if RLR <= offset < RLR + 4 * COUNT:
            taken = self.registers.setdefault(offset - RLR, LOCK | CORE)
            if not taken & LOCK:
                taken = self.registers[offset - RLR] = LOCK | CORE
            return taken
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; R takes a free semaphore, and its owner frees it."""
        if offset >= RLR:
            if offset >= RLR + 4 * COUNT:
                super().write_register(offset, value)
            return
        held = self.registers.get(offset, 0)
        if value & LOCK and not held & LOCK:
            self.registers[offset] = LOCK | CORE | value & PROCESS_MASK
        elif not value & LOCK and held & OWNER_MASK == value & OWNER_MASK:
            self.registers[offset] = 0
