# SPDX-License-Identifier: Apache-2.0
"""Arm CMSDK APB UART, as on the MPS2 boards; Arm DDI 0479D, section 4.3."""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host, RegisterFile

DATA, STATE, CTRL, INTSTATUS, BAUDDIV = 0x00, 0x04, 0x08, 0x0C, 0x10
TX_FULL, RX_FULL = 1 << 0, 1 << 1
TX_ENABLE, RX_ENABLE = 1 << 0, 1 << 1
FRAME_BITS = 10  # start, eight data, stop


class CmsdkUart(RegisterFile):
    """One UART with a one-byte transmit buffer; BAUDDIV clocks a bit."""

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._line_free_cycles = 0
        self._buffer_free_cycles = 0

    def read_register(self, offset: int) -> int:
        """Return a register; STATE follows time, DATA takes the next byte of the console's input."""
        if offset == STATE:
            full = self.host.clock.cycles < self._buffer_free_cycles
            return (TX_FULL if full else 0) | (RX_FULL if self._can_receive() else 0)
        if offset == DATA:
            return self.host.received.pop(0) if self._can_receive() else 0
        return super().read_register(offset)

    def unchanged_until_cycles(self, offset: int) -> int:
        """STATE changes when the transmit buffer is free."""
        return self._buffer_free_cycles if offset == STATE and self.host.clock.cycles < self._buffer_free_cycles else 0

    def _can_receive(self) -> bool:
        return self.entry.console and bool(self.registers.get(CTRL, 0) & RX_ENABLE and self.host.received)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; DATA sends a byte."""
        if offset == DATA:
            if self.registers.get(CTRL, 0) & TX_ENABLE:
                now = self.host.clock.cycles
                self._buffer_free_cycles = max(now, self._line_free_cycles)
                self._line_free_cycles = self._buffer_free_cycles + FRAME_BITS * self.registers.get(BAUDDIV, 0)
                if self.entry.console:
                    self.host.transmit(bytes([value & 0xFF]))
        elif offset not in (STATE, INTSTATUS):
            super().write_register(offset, value)
