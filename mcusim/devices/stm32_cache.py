# SPDX-License-Identifier: Apache-2.0
"""STM32 instruction and data caches on the bus (ICACHE and DCACHE of U5, H5); ST RM0456, chapters 8 and 9.

Maintenance ends at once and says so. The instruction cache is the machine's, where the board times its flash; a data
cache is not modelled and makes no access faster. Bits: ST cmsis_device_u5
v1.4.0, stm32u575xx.h.
"""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

CR, SR, IER, FCR = 0x00, 0x04, 0x08, 0x0C
EN, CACHEINV, STARTCMD = 1 << 0, 1 << 1, 1 << 11  # CR; STARTCMD on data caches only
BSYENDF, CMDENDF = 1 << 1, 1 << 4  # SR; the same bits of IER and FCR


class Stm32Cache(RegisterFile):
    """ICACHE or DCACHE. Option `flash`: it is the cache before the board's flash."""

    options = {"flash": False}  # noqa: RUF012 - a class constant

    def write_register(self, offset: int, value: int) -> None:
        """Set a register: an operation that is started has ended."""
        flags = self.registers.get(SR, 0)
        if offset == CR:
            if self.option["flash"] and self.host.flash_timed:
                self.host.set_flash({"icache": value & EN, "empty_icache": int(value & CACHEINV != 0)})
            elif value & EN:
                self.host.remarks.add(f"{self.entry.name} is on and not modelled: it makes nothing faster")
            flags |= (BSYENDF if value & CACHEINV else 0) | (CMDENDF if value & STARTCMD else 0)
            super().write_register(offset, value & ~(CACHEINV | STARTCMD))
        elif offset == FCR:
            flags &= ~value
        elif offset != SR:
            super().write_register(offset, value)
        self.registers[SR] = flags
        self.set_interrupt(bool(flags & self.registers.get(IER, 0)))
