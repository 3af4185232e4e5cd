# SPDX-License-Identifier: Apache-2.0
"""RP2040 blocks that only remember; RP2040 Datasheet (build 2023-03-02). The option `block` gives their reset values.

RESETS (2.14), PSM (2.13), SYSINFO (2.20), TBMAN (2.22), VREG_AND_CHIP_RESET (2.10), XIP_CTRL (2.6.3), XIP_SSI (4.10),
IO_BANK0 and IO_QSPI (2.19.6), PADS (2.19.6.3): ready and done flags follow what is asked for. Values: pico-sdk 2.2.0,
hardware_regs. A block with no entry here is remembered, and a remark names it when it is written.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host
from mcusim.devices.rp2040_peripheral import Rp2040Peripheral
from mcusim.errors import McusimError

ALL_RESETS, ALL_PSM = 0x01FF_FFFF, 0x0001_FFFF
RESET_DONE, PSM_FORCE_OFF, PSM_DONE = 0x08, 0x04, 0x0C
SSI_DATA = range(0x60, 0xF0)
BLOCKS: dict[str, dict[int, int]] = {
    "": {},
    "resets": {0x00: ALL_RESETS},
    "psm": {},
    "sysinfo": {0x00: 0x2000_2927, 0x04: 2, 0x14: 0xE0C9_12D8},  # RP2040 B2, not an FPGA
    "tbman": {0x00: 1},
    "vreg": {0x00: 0x10B1, 0x04: 0x91, 0x08: 0x100},  # regulated, had a power-on reset
    "xip_ctrl": {0x00: 3, 0x08: 3},  # flushed, FIFO empty
    "xip_ssi": {0x28: 6, 0x58: 0x5153_5049, 0x5C: 0x3430_312A, 0xF4: 0x0300_0000},  # transmit FIFO empty
    "io_bank0": {8 * pin + 4: 0x1F for pin in range(30)},
    "io_qspi": {8 * pin + 4: 0x1F for pin in range(6)},
    "pads_bank0": {4 * pin: 0x56 for pin in range(1, 31)} | {0x7C: 0xDA, 0x80: 0x5A},
    "pads_qspi": {4: 0x56, 8: 0x52, 12: 0x52, 16: 0x52, 20: 0x52, 24: 0x5A},
    "syscfg": {0x00: 0xFFFF_FFFF},
    "busctrl": {0x04: 1},
    "adc": {0x00: 0x100, 0x08: 1 << 8},  # ready
}
READ_ONLY = {"sysinfo": (0x00, 0x04, 0x14), "tbman": (0x00,), "xip_ctrl": (0x08,), "xip_ssi": (0x28,),
             "busctrl": (0x04,)}  # fmt: skip


class Rp2040Registers(Rp2040Peripheral):
    """One block."""

    options = {"block": ""}  # noqa: RUF012

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._block = str(self.option["block"])
        if self._block not in BLOCKS:
            known = ", ".join(name for name in BLOCKS if name)
            raise McusimError(f"device '{entry.name}': option block: '{self._block}' is not one of {known}")
        self.registers |= BLOCKS[self._block]

    def read_register(self, offset: int) -> int:
        """Return a register."""
        if self._block == "resets" and offset == RESET_DONE:
            return ~self.registers[0] & ALL_RESETS
        if self._block == "psm" and offset == PSM_DONE:
            return ~self.registers.get(PSM_FORCE_OFF, 0) & ALL_PSM
        if self._block == "adc" and offset == 0:
            return self.registers[0] | 0x100
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register."""
        if not self._block:
            self.host.remarks.add(f"{self.entry.name} has no model: its registers remember what is written")
        if self._block == "xip_ssi" and offset in SSI_DATA:
            self.host.remarks.add("the flash chip answers no command that is sent to it through XIP_SSI")
        if offset not in READ_ONLY.get(self._block, ()):
            super().write_register(offset, value)
