# SPDX-License-Identifier: Apache-2.0
"""STM32F7 flash interface; ST RM0385 and RM0410, chapter 3: ACR reads back what was written, nothing is ever busy.

The key sequences unlock CR and OPTCR (RM0385, FLASH_KEYR, FLASH_OPTKEYR). The machine times wait states, and on F7 the
cache at the ITCM bus (ART; RM0385, FLASH_ACR: ARTEN is bit 9, ARTRST bit 11), where the board says how.
Erasing and programming are not modelled: the report says so when the firmware tries. Bits: ST
cmsis_device_f7 v1.2.9, stm32f746xx.h. The flash interfaces of H7 and U5 differ in where the same registers are, and
build on this one.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host, RegisterFile

ACR, KEYR, OPTKEYR, SR, CR, OPTCR, OPTCR1 = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18
KEYS = (0x4567_0123, 0xCDEF_89AB)
OPTION_KEYS = (0x0819_2A3B, 0x4C5D_6E7F)


class Stm32F7Flash(RegisterFile):
    """FLASH registers."""

    options = {"option_control": 0xC0FF_AAFD}  # noqa: RUF012 - OPTCR as shipped (RM0385; RM0410: 0xFFFFAAFD)
    reset = {CR: 0x8000_0000, OPTCR1: 0x0040_0080}  # noqa: RUF012 - a class constant
    # Where keys are written -> the keys, the register that they unlock, and its lock bit.
    locks: dict[int, tuple[tuple[int, int], int, int]] = {  # noqa: RUF012 - a class constant
        KEYR: (KEYS, CR, 31),
        OPTKEYR: (OPTION_KEYS, OPTCR, 0),
    }
    lock_bits: dict[int, int] = {CR: 31, OPTCR: 0}  # noqa: RUF012 - registers that ignore writes while it is set
    changes_memory: dict[int, int] = {CR: 1 << 16 | 1 << 0}  # noqa: RUF012 - control register -> STRT, PG
    status: frozenset[int] = frozenset({SR})
    latency_mask = 15
    art_enable, art_reset = 1 << 9, 1 << 11

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        if "option_control" in self.option:
            self.registers[OPTCR] = int(self.option["option_control"])
        self._first_key: set[int] = set()  # the key registers that have got the first of two
        if host.flash_timed:
            self.set_access(self.registers.get(ACR, 0))

    def read_register(self, offset: int) -> int:
        """Return a register; status registers are clear, keys cannot be read."""
        return 0 if offset in self.status or offset in self.locks else super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; wait states are remarked on."""
        if offset in self.locks:
            self._take_key(offset, value)
        elif offset not in self.lock_bits or not self.registers.get(offset, 0) >> self.lock_bits[offset] & 1:
            if value & self.changes_memory.get(offset, 0):
                self.host.remarks.add("the firmware programs or erases flash: not modelled, the flash stays as it is")
            super().write_register(offset, value)
        if offset == ACR:
            self.set_access(value)

    def set_access(self, value: int) -> None:
        """Tell the machine what ACR asks for."""
        wait_states = value & self.latency_mask
        self.host.set_flash({
            "wait_states": wait_states, "icache": int(value & self.art_enable != 0),
            "empty_icache": int(value & self.art_reset != 0),
        })  # fmt: skip
        if wait_states and not self.host.flash_timed:
            self.host.remarks.add(f"no flash wait states, though the firmware set {wait_states}: real cycles are more")

    def _take_key(self, offset: int, value: int) -> None:
        (first, second), control, bit = self.locks[offset]
        if value == second and offset in self._first_key:
            self.registers[control] = self.registers.get(control, 0) & ~(1 << bit)
        (self._first_key.add if value == first else self._first_key.discard)(offset)
