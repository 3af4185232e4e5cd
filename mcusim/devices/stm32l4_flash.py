# SPDX-License-Identifier: Apache-2.0
"""STM32L4 flash interface; ST RM0432, chapter 3: ACR reads back what was written, nothing is ever busy.

Wait states are remembered, not timed yet: the core's table says so.
"""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

ACR, SR, CR = 0x00, 0x10, 0x14


class Stm32L4Flash(RegisterFile):
    """FLASH registers with caches enabled at reset."""

    reset = {ACR: 0x0000_0600, CR: 0xC000_0000}  # noqa: RUF012 - a class constant

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; wait states are remarked on."""
        super().write_register(offset, value)
        wait_states = value & 15
        if offset == ACR and wait_states:
            self.host.remarks.add(f"no flash wait states, though the firmware set {wait_states}: real cycles are more")
