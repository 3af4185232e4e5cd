# SPDX-License-Identifier: Apache-2.0
"""IoT Kit system registers: information, control and security; Arm ECM 0601256 and DDI 101104 (SSE-200), chapter 3.

Three of them, by the option `block`: sysinfo (version and configuration), sysctl (control), and security (secure
access configuration, memory and peripheral protection controllers), which is remembered: nothing is refused.
Values: QEMU 7.2, hw/misc/iotkit-sysinfo.c, iotkit-sysctl.c, hw/arm/armsse.c.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host, RegisterFile
from mcusim.errors import McusimError

SYS_VERSION, SYS_CONFIG = 0x00, 0x04
RESET_SYNDROME, RESET_MASK, SWRESET, INITSVTOR0 = 0x100, 0x104, 0x108, 0x110
SOFTWARE_RESET = 1 << 9
RESET = {
    "sysinfo": {SYS_VERSION: 0x0004_1743, SYS_CONFIG: 0x31},  # one SRAM bank of 2^15 bytes
    "sysctl": {RESET_SYNDROME: 1, INITSVTOR0: 0x1000_0000},  # power-on reset
    "security": {},
}


class IotKitSystem(RegisterFile):
    """One block of the IoT Kit."""

    options = {"block": "security"}  # noqa: RUF012

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._block = str(self.option["block"])
        if self._block not in RESET:
            raise McusimError(f"device '{entry.name}': option block: '{self._block}' is not one of {', '.join(RESET)}")
        self.registers |= RESET[self._block]

    def write_register(self, offset: int, value: int) -> None:
        """Set a register."""
        if self._block == "sysinfo":
            return
        if self._block == "sysctl" and offset == SWRESET:
            if value & SOFTWARE_RESET:
                self.host.request_reset("the firmware requested a reset (IoT Kit SWRESET)")
            return
        if self._block == "security":
            self.host.remarks.add("memory and peripheral protection controllers are remembered: nothing is refused")
        super().write_register(offset, value)
