# SPDX-License-Identifier: Apache-2.0
"""What the flash interfaces of STM32 families share: access control that reads back, keys that unlock, never busy.

The access control register goes to the machine, which times the flash. Flash is never programmed or erased: a firmware
that tries is remarked on.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host, RegisterFile

KEYS = (0x4567_0123, 0xCDEF_89AB)  # to KEYR, in this order; the same in all families
OPTION_KEYS = (0x0819_2A3B, 0x4C5D_6E7F)  # to OPTKEYR, of most


class Stm32Flash(RegisterFile):
    """A flash interface. Families say where registers and bits are.

    A wrong key is ignored (silicon locks the register until reset); a write to a locked control register is ignored,
    as in silicon.
    """

    ACR, KEYR, OPTKEYR, SR, CR = 0x00, 0x04, 0x08, 0x0C, 0x10
    OPTCR = CR  # the register that the option keys unlock
    option_keys = OPTION_KEYS
    latency_mask = 0xF
    # Bits of ACR: prefetch, instruction cache, data cache, and the resets of both caches; 0 where there is none.
    prefetch_bit, icache_bit, dcache_bit, icache_reset, dcache_reset = 1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12
    LOCK = 1 << 31
    option_lock = 0  # bit of OPTCR that the option keys clear, or
    option_enable = 0  # bit that they set
    START = 1 << 16
    program_mask = 0x1  # bits of CR that make stores to flash program it
    status_after_start = 0  # flags of SR that an operation leaves, cleared by writing them

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._last_key: dict[int, int] = {}
        self._set_access(self.registers.get(self.ACR, 0))

    def _set_access(self, value: int) -> None:
        """Tell the machine what the access control register asks for."""
        self.host.set_flash(
            {
                "wait_states": value & self.latency_mask,
                "prefetch": int(value & self.prefetch_bit != 0),
                "icache": int(value & self.icache_bit != 0),
                "dcache": int(value & self.dcache_bit != 0),
                "empty_icache": int(value & self.icache_reset != 0),
                "empty_dcache": int(value & self.dcache_reset != 0),
            }
        )
        if value & self.latency_mask and not self.host.flash_timed:
            self.host.remarks.add(
                f"no flash wait states, though the firmware set {value & self.latency_mask}: real cycles are more"
            )

    def read_register(self, offset: int) -> int:
        """Return a register; the keys read as 0, SR is never busy."""
        return 0 if offset in (self.KEYR, self.OPTKEYR) else super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; keys unlock, wait states and attempts to program are remarked on."""
        if offset == self.KEYR:
            if self._unlocks(offset, value, KEYS):
                self.registers[self.CR] &= ~self.LOCK
        elif offset == self.OPTKEYR:
            if self._unlocks(offset, value, self.option_keys):
                options = self.registers.get(self.OPTCR, 0)
                self.registers[self.OPTCR] = options & ~self.option_lock | self.option_enable
        elif offset == self.SR:
            self.registers[offset] = self.registers.get(offset, 0) & ~value
        elif offset == self.CR:
            self._control(value)
        else:
            super().write_register(offset, value)
            if offset == self.ACR:
                self._set_access(value)

    def _unlocks(self, offset: int, value: int, keys: tuple[int, int]) -> bool:
        last, self._last_key[offset] = self._last_key.get(offset), value
        return (last, value) == keys

    def _control(self, value: int) -> None:
        if self.registers.get(self.CR, 0) & self.LOCK:
            return
        if value & (self.program_mask | self.START):
            self.host.remarks.add("flash keeps its content, though the firmware tries to program or erase it")
        if value & self.START:
            self.registers[self.SR] = self.registers.get(self.SR, 0) | self.status_after_start
        self.registers[self.CR] = value & ~self.START
