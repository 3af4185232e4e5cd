# SPDX-License-Identifier: Apache-2.0
"""STM32H7 flash interface, two banks; ST RM0433 (H743, H750) chapter 4, RM0455 (H7A3, H7B3) chapter 4.

As that of the F7 (`stm32f7_flash.py`), with the registers of bank 2 at 0x100. Offsets and bits: ST cmsis_device_h7
v1.9.0, stm32h743xx.h and stm32h7a3xxq.h; reset values: RM0433 and RM0455, FLASH registers.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host
from mcusim.devices.stm32f7_flash import ACR, KEYS, OPTION_KEYS, Stm32F7Flash

KEYR1, OPTKEYR, CR1, SR1, OPTCR, OPTSR_CUR, OPTSR_PRG = 0x04, 0x08, 0x0C, 0x10, 0x18, 0x1C, 0x20
BANK2 = 0x100
SHARED = (ACR, OPTKEYR, OPTCR, OPTSR_CUR, OPTSR_PRG)  # registers that appear again in bank 2
# Option status as shipped: no read protection (0xAA), watchdog by software, no reset in low-power modes.
OPTION_STATUS = 0x0006_AAD0
# Program and start: bits 1 and 7 on H743, bits 1 and 5 on H7A3 (whose bit 7 belongs to the sector's number).
CHANGES = {False: 1 << 7 | 1 << 1, True: 1 << 5 | 1 << 1}


class Stm32H7Flash(Stm32F7Flash):
    """FLASH registers. Option `h7a3` chooses the layout of that family's CR."""

    options = {"h7a3": False}  # noqa: RUF012 - a class constant
    reset = {ACR: 0x37, CR1: 0x31, CR1 + BANK2: 0x31, OPTCR: 1,  # noqa: RUF012 - a class constant
             OPTSR_CUR: OPTION_STATUS, OPTSR_PRG: OPTION_STATUS}  # fmt: skip
    locks = {  # noqa: RUF012 - a class constant
        KEYR1: (KEYS, CR1, 0), KEYR1 + BANK2: (KEYS, CR1 + BANK2, 0), OPTKEYR: (OPTION_KEYS, OPTCR, 0),
    }  # fmt: skip
    lock_bits = {CR1: 0, CR1 + BANK2: 0, OPTCR: 0}  # noqa: RUF012 - a class constant
    status = frozenset({SR1, SR1 + BANK2})
    art_enable = art_reset = 0

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        h7a3 = bool(self.option["h7a3"])
        self.changes_memory = {CR1: CHANGES[h7a3], CR1 + BANK2: CHANGES[h7a3]}
        if h7a3:
            self.registers |= {ACR: 0x13, CR1: 1, CR1 + BANK2: 1}
            if host.flash_timed:
                self.set_access(self.registers[ACR])

    def read_register(self, offset: int) -> int:
        """Return a register; those that the banks share are at both places."""
        return super().read_register(offset - BANK2 if offset - BANK2 in SHARED else offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register."""
        super().write_register(offset - BANK2 if offset - BANK2 in SHARED else offset, value)
