# SPDX-License-Identifier: Apache-2.0
"""Arm CMSDK APB timer, as on the MPS2 boards; Arm DDI 0479D, chapter 4, APB timer.

A 32-bit counter that goes down by one each clock; from 1 to 0 it interrupts, a clock later it starts again from RELOAD.
The external input (SELEXTEN, SELEXTCLK) is not wired on these boards: the bits are remembered.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import NEVER, Host, RegisterFile
from mcusim.devices.ticks import DownCounter, Ticks

CTRL, VALUE, RELOAD, INTSTATUS = 0x00, 0x04, 0x08, 0x0C
ENABLE, EXTERNAL, INTERRUPT_ENABLE = 1 << 0, 3 << 1, 1 << 3
# PID4 to PID7, PID0 to PID3, CID0 to CID3 (DDI 0479D, chapter 4).
IDENTIFICATION = (0x04, 0x00, 0x00, 0x00, 0x22, 0xB8, 0x1B, 0x00, 0x0D, 0xF0, 0x05, 0xB1)


class CmsdkTimer(RegisterFile):
    """One timer on the core's clock, or on one of `hz` hertz."""

    exact_offsets = frozenset({CTRL, VALUE, RELOAD})
    reset = {0xFD0 + 4 * index: value for index, value in enumerate(IDENTIFICATION)}  # noqa: RUF012
    options = {"hz": 0}  # noqa: RUF012

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._counter = DownCounter(Ticks(host, int(self.option["hz"]) or None))
        self._seen_zeros = 0
        self._pending = False

    def read_register(self, offset: int) -> int:
        """Return a register."""
        if offset == VALUE:
            return self._counter.value()
        if offset == RELOAD:
            return self._counter.reload
        if offset == INTSTATUS:
            self.wake()
            return int(self._pending)
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; RELOAD sets the counter too."""
        self.wake()
        if offset == CTRL:
            value &= 0xF
            if value & EXTERNAL:
                self.host.remarks.add(f"{self.entry.name}: its external input is not wired; it counts its own clock")
            super().write_register(offset, value)
            self._restart(self._counter.value())
        elif offset == VALUE:
            self._restart(value)
        elif offset == RELOAD:
            self._counter.reload = value
            self._restart(value)
        elif offset == INTSTATUS:
            self._pending &= not value & 1
            self.set_interrupt(self._pending)

    def _restart(self, value: int) -> None:
        self._counter.set(value, running=bool(self.registers.get(CTRL, 0) & ENABLE))
        self._seen_zeros = 0

    def next_event_cycles(self) -> int:
        """Wake at the next zero, if it interrupts."""
        return self._counter.zero_cycles(self._seen_zeros) if self.registers.get(CTRL, 0) & INTERRUPT_ENABLE else NEVER

    def wake(self) -> None:
        """Raise the interrupt for zeros since last time."""
        zeros = self._counter.zeros()
        if zeros > self._seen_zeros and self.registers.get(CTRL, 0) & INTERRUPT_ENABLE:
            self._pending = True
            self.set_interrupt(True)
        self._seen_zeros = zeros
