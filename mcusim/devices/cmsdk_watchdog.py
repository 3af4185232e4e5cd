# SPDX-License-Identifier: Apache-2.0
"""Arm CMSDK APB watchdog, as on the MPS2 boards; Arm DDI 0479D, chapter 4, APB watchdog.

A counter that goes down from LOAD while INTEN is set. At 0 it interrupts and starts again; at 0 once more, the
interrupt not cleared, it resets the part if RESEN is set. Where the board wires the interrupt to NMI it is not raised,
and a remark says so.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host, RegisterFile
from mcusim.devices.ticks import DownCounter, Ticks

LOAD, VALUE, CONTROL, INTCLR, RIS, MIS, LOCK = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0xC00
INTERRUPT_ENABLE, RESET_ENABLE = 1 << 0, 1 << 1
UNLOCK = 0x1ACC_E551
# PID4 to PID7, PID0 to PID3, CID0 to CID3 (DDI 0479D, chapter 4).
IDENTIFICATION = (0x04, 0x00, 0x00, 0x00, 0x24, 0xB8, 0x1B, 0x00, 0x0D, 0xF0, 0x05, 0xB1)


class CmsdkWatchdog(RegisterFile):
    """A watchdog on the core's clock, or on one of `hz` hertz."""

    exact_offsets = frozenset({LOAD, VALUE, CONTROL})
    reset = {0xFD0 + 4 * index: value for index, value in enumerate(IDENTIFICATION)}  # noqa: RUF012
    options = {"hz": 0}  # noqa: RUF012

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._counter = DownCounter(Ticks(host, int(self.option["hz"]) or None))
        self._counter.reload = 0xFFFF_FFFF
        self._counter.set(0xFFFF_FFFF, running=False)
        self._seen_zeros = 0
        self._raw = False
        self._locked = False

    def read_register(self, offset: int) -> int:
        """Return a register."""
        if offset == VALUE:
            return self._counter.value()
        if offset == LOAD:
            return self._counter.reload
        if offset in (RIS, MIS):
            self.wake()
            masked = self.registers.get(CONTROL, 0) & INTERRUPT_ENABLE or offset == RIS
            return int(self._raw and bool(masked))
        if offset == LOCK:
            return int(self._locked)
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register, unless LOCK holds it."""
        if offset == LOCK:
            self._locked = value != UNLOCK
        if self._locked or offset == LOCK:
            return
        self.wake()
        if offset == LOAD:
            self._counter.reload = value
            self._restart(value)
        elif offset == CONTROL:
            starts = value & ~self.registers.get(CONTROL, 0) & INTERRUPT_ENABLE
            super().write_register(offset, value & 3)
            self._restart(self._counter.reload if starts else self._counter.value())
        elif offset == INTCLR:
            self._raw = False
            self._restart(self._counter.reload)
            self.set_interrupt(False)

    def _restart(self, value: int) -> None:
        self._counter.set(value, running=bool(self.registers.get(CONTROL, 0) & INTERRUPT_ENABLE))
        self._seen_zeros = 0

    def next_event_cycles(self) -> int:
        """Wake at the next zero."""
        return self._counter.zero_cycles(self._seen_zeros)

    def wake(self) -> None:
        """Interrupt at the first zero, reset at the next."""
        zeros = self._counter.zeros()
        for _ in range(min(zeros - self._seen_zeros, 2)):
            if self._raw and self.registers.get(CONTROL, 0) & RESET_ENABLE:
                self.host.request_reset(f"the watchdog {self.entry.name} ran out")
            elif not self._raw:
                self._raw = True
                self.set_interrupt(True)
                if self.entry.interrupt is None and not self.entry.interrupts:
                    self.host.remarks.add(f"{self.entry.name} ran out: its interrupt is NMI, which is not raised")
        self._seen_zeros = zeros
