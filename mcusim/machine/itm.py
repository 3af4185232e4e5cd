# SPDX-License-Identifier: Apache-2.0
"""ITM stimulus ports: what firmware writes to port 0 is printed. Armv7-M ARM (DDI 0403E), C1.7.

A port takes data while the unit (TCR.ITMENA) and the port (TER) are enabled, and is then always ready. Ports other than
0 carry data that no console shows: a remark names them. TPR, timestamps and packets of the DWT are not modelled.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host, RegisterFile

ITM_START = 0xE000_0000
STIMULUS = range(0x400)
TER, TCR, LAR, LSR = 0xE00, 0xE80, 0xFB0, 0xFB4
ITM_ENABLE = 1 << 0
READY = 1
CONSOLE_PORT = 0


class Instrumentation(RegisterFile):
    """0xE0000000: the Instrumentation Trace Macrocell."""

    def __init__(self, host: Host) -> None:
        entry = DeviceEntry(name="ITM", type="core", start=ITM_START, size_bytes=0x1000, source="Armv7-M ARM, C1.7")
        super().__init__(entry, host)

    def _enabled(self, port: int) -> bool:
        unit = self.registers.get(TCR, 0) & ITM_ENABLE
        return bool(unit) and bool(self.registers.get(TER + port // 32 * 4, 0) >> port % 32 & 1)

    def read_register(self, offset: int) -> int:
        """Return a register; a stimulus port reads 1 when it can take data, 0 when it is disabled."""
        if offset in STIMULUS:
            return READY if self._enabled(offset // 4) else 0
        return 0 if offset == LSR else super().read_register(offset)  # the lock is not implemented

    def write(self, offset: int, size_bytes: int, value: int) -> None:
        """Write a register; a write to port 0 prints as many bytes as it has."""
        port = offset // 4
        if offset not in STIMULUS:
            super().write(offset, size_bytes, value)
        elif self._enabled(port):
            if port == CONSOLE_PORT:
                self.host.transmit((value & (1 << 8 * size_bytes) - 1).to_bytes(size_bytes, "little"))
            else:
                self.host.remarks.add(f"ITM stimulus port {port} was written: only port {CONSOLE_PORT} is printed")
