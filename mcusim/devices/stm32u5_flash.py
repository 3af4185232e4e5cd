# SPDX-License-Identifier: Apache-2.0
"""STM32U5 flash interface; ST RM0456, chapter 7, without the secure registers' own state.

As that of the F7 (`stm32f7_flash.py`). Offsets and bits: ST cmsis_device_u5 v1.4.0, stm32u575xx.h; reset values:
RM0456, FLASH registers.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host
from mcusim.devices.stm32f7_flash import ACR, KEYS, OPTION_KEYS, Stm32F7Flash

PREFETCH_ENABLE = 1 << 8
NSKEYR, OPTKEYR, NSSR, NSCR, OPTR = 0x08, 0x10, 0x20, 0x28, 0x40


class Stm32U5Flash(Stm32F7Flash):
    """FLASH registers."""

    options = {}  # noqa: RUF012 - a class constant
    reset = {ACR: 0x1, NSCR: 0xC000_0000, OPTR: 0x1FEF_F8AA}  # noqa: RUF012 - a class constant
    locks = {NSKEYR: (KEYS, NSCR, 31), OPTKEYR: (OPTION_KEYS, NSCR, 30)}  # noqa: RUF012 - a class constant
    lock_bits = {NSCR: 31}  # noqa: RUF012 - a class constant
    changes_memory = {NSCR: 1 << 16 | 1 << 0}  # noqa: RUF012 - a class constant
    status = frozenset({NSSR})

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._tell_machine(self.registers[ACR])

    def set_access(self, value: int) -> None:
        """Take what the firmware wrote to ACR."""
        if not self.host.flash_timed:
            super().set_access(value)
        self._tell_machine(value)

    def _tell_machine(self, value: int) -> None:
        wait_states, prefetch = value & self.latency_mask, int(value & PREFETCH_ENABLE != 0)
        self.host.set_flash({"wait_states": wait_states, "prefetch": prefetch})
