# SPDX-License-Identifier: Apache-2.0
"""MPS2 serial configuration controller; Arm DDI 100112 and the application notes' section "SCC".

Identification comes from the board (`id`); requests to the board's controller are done at once. Oscillators that
firmware sets are remembered: the simulated clocks do not follow.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host, RegisterFile

CFG4, CFGDATA_RTN, CFGDATA_OUT, CFGCTRL, CFGSTAT, DLL, AID, ID = 0x10, 0xA0, 0xA4, 0xA8, 0xAC, 0x100, 0xFF8, 0xFFC
START, WRITE, DONE, ERROR = 1 << 31, 1 << 30, 1 << 0, 1 << 1
FUNCTION_OSCILLATOR = 1
OSCILLATORS = 3


class Mps2Scc(RegisterFile):
    """Board identification, LEDs and configuration requests."""

    reset = {CFG4: 2, CFGCTRL: 1 << 20, DLL: 0xFFFF_0001, AID: 0x0020_0008}  # noqa: RUF012 - QEMU hw/misc/mps2-scc.c
    options = {"id": 0}  # noqa: RUF012

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self.registers[ID] = int(self.option["id"])
        self._oscillators = [0] * OSCILLATORS

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; CFGCTRL with its start bit makes a request."""
        if offset == CFGCTRL:
            self.registers[CFGCTRL] = value & ~(START | 0x3C0F_F000)
            self.registers[CFGSTAT] = 0
            if value & START:
                self._request(value)
        elif offset == DLL:
            self.registers[DLL] = self.registers[DLL] & 0x00FF_FFFF | value & 0xFF00_0000
        elif offset not in (CFG4, CFGDATA_RTN, CFGSTAT, AID, ID):
            super().write_register(offset, value)

    def _request(self, value: int) -> None:
        device, function = value & 0xFFF, value >> 20 & 0x3F
        self.registers[CFGSTAT] = DONE
        if function != FUNCTION_OSCILLATOR or device >= OSCILLATORS:
            self.registers[CFGSTAT] |= ERROR
        elif value & WRITE:
            self._oscillators[device] = self.registers.get(CFGDATA_OUT, 0)
            self.host.remarks.add("the SCC was asked for another oscillator frequency: the simulated clock stays")
        else:
            self.registers[CFGDATA_RTN] = self._oscillators[device]
