# SPDX-License-Identifier: Apache-2.0
"""Arm CMSDK APB UART, as on the MPS2 boards; Arm DDI 0479D, chapter 4, APB UART.

Interrupts in the order transmit, receive, overflow, combined; a board lists those that it wires, or the combined one.
Console input comes a frame after the byte before it, and waits while the buffer is full: nothing of it is lost, so the
receiver never overruns. Transmitted bytes are printed when they are written; a byte written to a full buffer sets the
overrun flag and is dropped (silicon drops the one that waits).
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import NEVER, Host, RegisterFile

DATA, STATE, CTRL, INTSTATUS, BAUDDIV = 0x00, 0x04, 0x08, 0x0C, 0x10
TX_FULL, RX_FULL, TX_OVERRUN, RX_OVERRUN = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TX_ENABLE, RX_ENABLE, TX_INTERRUPT, RX_INTERRUPT, TX_OVERRUN_INTERRUPT = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4
INT_TX, INT_RX, INT_TX_OVERRUN, INT_RX_OVERRUN = 1 << 0, 1 << 1, 1 << 2, 1 << 3
FRAME_BITS = 10  # start, eight data, stop
# PID4 to PID7, PID0 to PID3, CID0 to CID3 (DDI 0479D, chapter 4).
IDENTIFICATION = (0x04, 0x00, 0x00, 0x00, 0x21, 0xB8, 0x1B, 0x00, 0x0D, 0xF0, 0x05, 0xB1)


class CmsdkUart(RegisterFile):
    """One UART with a one-byte buffer in each direction; BAUDDIV clocks a bit."""

    reset = {0xFD0 + 4 * index: value for index, value in enumerate(IDENTIFICATION)}  # noqa: RUF012

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._line_free_cycles = 0
        self._buffer_free_cycles = 0
        self._transmitting = False  # a byte waits in the buffer; an interrupt comes when it has moved
        self._next_receive_cycles = 0
        self._receive_buffer: int | None = None
        self._flags = 0  # INTSTATUS: transmit and receive
        self._overrun = False
        if entry.console:
            host.listeners.append(self.wake)

    def _frame_cycles(self) -> int:
        return FRAME_BITS * self.registers.get(BAUDDIV, 0)

    def read_register(self, offset: int) -> int:
        """Return a register; STATE follows time, DATA takes the received byte."""
        if offset == STATE:
            self._advance()
            state = TX_FULL if self._transmitting else 0
            return state | (0 if self._receive_buffer is None else RX_FULL) | (TX_OVERRUN if self._overrun else 0)
        if offset == DATA:
            self._advance()
            value, self._receive_buffer = self._receive_buffer or 0, None
            self._advance()
            return value
        if offset == INTSTATUS:
            self._advance()
            return self._interrupts()
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; DATA sends a byte."""
        self._advance()
        if offset == DATA:
            self._send(value & 0xFF)
        elif offset in (STATE, INTSTATUS):
            self._overrun &= not value & TX_OVERRUN
            if offset == INTSTATUS:
                self._flags &= ~value
        elif offset == CTRL:
            super().write_register(offset, value & 0x7F)
        elif offset == BAUDDIV:
            super().write_register(offset, value & 0xFFFFF)
        self._advance()

    def _send(self, byte: int) -> None:
        if not self.registers.get(CTRL, 0) & TX_ENABLE:
            return
        if self._transmitting:
            self._overrun = True
            self.host.remarks.add(f"{self.entry.name}: a byte was written to a full buffer; one was lost")
            return
        now = self.host.clock.cycles
        self._buffer_free_cycles = max(now, self._line_free_cycles)
        self._line_free_cycles = self._buffer_free_cycles + self._frame_cycles()
        self._transmitting = True
        self.transmit(bytes([byte]))

    def _advance(self) -> None:
        """Do what has happened until now, and set the interrupt lines."""
        now, control = self.host.clock.cycles, self.registers.get(CTRL, 0)
        if self._transmitting and now >= self._buffer_free_cycles:
            self._transmitting = False
            self._flags |= INT_TX if control & TX_INTERRUPT else 0
        if self._can_receive(control) and now >= self._next_receive_cycles:
            self._receive_buffer = self.host.received.pop(0)
            self._next_receive_cycles = now + self._frame_cycles()
            self._flags |= INT_RX if control & RX_INTERRUPT else 0
        flags = self._interrupts()
        if self.entry.interrupt is not None:
            self.set_interrupt(bool(flags))
        elif self.entry.interrupts:
            levels = (flags & INT_TX, flags & INT_RX, flags & INT_TX_OVERRUN, flags)
            for index, level in enumerate(levels[: len(self.entry.interrupts)]):
                self.set_interrupt(bool(level), index)

    def _can_receive(self, control: int) -> bool:
        return bool(self._receive_buffer is None and control & RX_ENABLE and self.entry.console and self.host.received)

    def _interrupts(self) -> int:
        overrun = self._overrun and self.registers.get(CTRL, 0) & TX_OVERRUN_INTERRUPT
        return self._flags | (INT_TX_OVERRUN if overrun else 0)

    def unchanged_until_cycles(self, offset: int) -> int:
        """STATE changes when the transmit buffer is free, or a byte comes."""
        times = [time for time in self._times() if time > self.host.clock.cycles]
        return min(times, default=0) if offset == STATE else 0

    def _times(self) -> list[int]:
        times = [self._buffer_free_cycles] if self._transmitting else []
        if self._can_receive(self.registers.get(CTRL, 0)):
            times.append(self._next_receive_cycles)
        return times

    def next_event_cycles(self) -> int:
        """Wake for the interrupts that are enabled."""
        control = self.registers.get(CTRL, 0)
        if not control & (TX_INTERRUPT | RX_INTERRUPT):
            return NEVER
        times = [NEVER]
        if control & TX_INTERRUPT and self._transmitting:
            times.append(self._buffer_free_cycles)
        if control & RX_INTERRUPT and self._can_receive(control):
            times.append(self._next_receive_cycles)
        return min(times)

    def wake(self) -> None:
        """Set flags and interrupt lines as they now are."""
        self._advance()
