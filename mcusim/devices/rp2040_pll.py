# SPDX-License-Identifier: Apache-2.0
"""RP2040 PLL; RP2040 Datasheet (build 2023-03-02), 2.18. It locks at once when it is powered and has a multiplier.

Its output, FREF / REFDIV * FBDIV / (POSTDIV1 * POSTDIV2), is the clock source named in the option `output`.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host
from mcusim.devices.rp2040_peripheral import Rp2040Peripheral

CS, PWR, FBDIV_INT, PRIM = 0x00, 0x04, 0x08, 0x0C
LOCK, BYPASS = 1 << 31, 1 << 8
POWER_DOWN, POSTDIV_DOWN, VCO_DOWN = 1 << 0, 1 << 3, 1 << 5


class Rp2040Pll(Rp2040Peripheral):
    """One PLL on the crystal."""

    reset = {CS: 1, PWR: 0x2D, PRIM: 0x7_7000}  # noqa: RUF012
    options = {"output": "pll_sys"}  # noqa: RUF012

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._output = str(self.option["output"])
        host.bus_hz[self._output] = 0
        host.clock_listeners.insert(0, self._update)  # before the clocks that run from it

    def _locked(self) -> bool:
        powered = not self.registers[PWR] & (POWER_DOWN | VCO_DOWN)
        return powered and bool(self.registers.get(FBDIV_INT, 0) & 0xFFF and self.host.bus_hz.get("xosc", 0))

    def read_register(self, offset: int) -> int:
        """Return a register."""
        value = super().read_register(offset)
        return value | LOCK if offset == CS and self._locked() else value

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; the output follows."""
        super().write_register(offset, value & ~LOCK if offset == CS else value)
        for listener in self.host.clock_listeners:
            listener()

    def _update(self) -> None:
        self.host.bus_hz[self._output] = self._hz()

    def _hz(self) -> int:
        source_hz = self.host.bus_hz.get("xosc", 0)
        if self.registers[CS] & BYPASS:
            return source_hz
        if not self._locked() or self.registers[PWR] & POSTDIV_DOWN:
            return 0
        divider = self.registers[PRIM] >> 16 & 7, self.registers[PRIM] >> 12 & 7
        multiplied = source_hz // max(self.registers[CS] & 0x3F, 1) * (self.registers[FBDIV_INT] & 0xFFF)
        return multiplied // (max(divider[0], 1) * max(divider[1], 1))
