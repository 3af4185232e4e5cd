# SPDX-License-Identifier: Apache-2.0
"""Nordic non-volatile memory controller; nRF52840 Product Specification v1.7, 4.3. It is always ready.

Erasing a page (ERASEPAGE) makes its bytes 0xFF at once; erasing all, and what is written to flash by stores of the
core, are not modelled.
"""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

READY, READYNEXT, CONFIG, ERASEPAGE, ERASEALL, ERASEUICR = 0x400, 0x408, 0x504, 0x508, 0x50C, 0x514
ICACHECNF = 0x540
ERASE_ENABLE = 2
PAGE_BYTES = 4096


class NrfNvmc(RegisterFile):
    """Flash control."""

    reset = {READY: 1, READYNEXT: 1}  # noqa: RUF012

    def write_register(self, offset: int, value: int) -> None:
        """Set a register, or erase."""
        if offset == ERASEPAGE:
            if self.registers.get(CONFIG, 0) & 3 == ERASE_ENABLE:
                start = value & -PAGE_BYTES
                for address in range(start, start + PAGE_BYTES, 4):
                    self.host.write_bus(address, 4, 0xFFFF_FFFF)
        elif offset in (ERASEALL, ERASEUICR):
            if value & 1:
                self.host.remarks.add("the NVMC was asked to erase all flash or the UICR: nothing was erased")
        elif offset not in (READY, READYNEXT):
            super().write_register(offset, value)
            if offset == ICACHECNF:
                self.host.set_flash({"icache": value & 1})
