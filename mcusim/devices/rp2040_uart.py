# SPDX-License-Identifier: Apache-2.0
"""RP2040 UART, an Arm PL011 with FIFOs of 32 bytes; RP2040 Datasheet (build 2023-03-02), 4.2; Arm DDI 0183G.

What is sent is printed when it is written, and takes its time on the line. Console input comes a frame after the byte
before it and waits while the FIFO is full: nothing is lost. Flow control and DMA requests are remembered.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import NEVER, Host
from mcusim.devices.rp2040_peripheral import Rp2040Peripheral

DR, FR, IBRD, FBRD, LCR_H, CR, IFLS, IMSC, RIS, MIS, ICR = (
    0x00, 0x18, 0x24, 0x28, 0x2C, 0x30, 0x34, 0x38, 0x3C, 0x40, 0x44)  # fmt: skip
BUSY, RX_EMPTY, TX_FULL, RX_FULL, TX_EMPTY = 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7
UART_ENABLE, TX_ENABLE, RX_ENABLE, FIFO_ENABLE = 1 << 0, 1 << 8, 1 << 9, 1 << 4
INT_RX, INT_TX, INT_RX_TIMEOUT = 1 << 4, 1 << 5, 1 << 6
FIFO_BYTES = 32
LEVELS = (4, 8, 16, 24, 28)  # of 32, by IFLS
FRAME_BITS, TIMEOUT_BITS = 10, 32
# PeriphID0 to 3, PCellID0 to 3 (DDI 0183G, 3.3.14 and 3.3.15; pico-sdk 2.2.0, regs/uart.h).
IDENTIFICATION = (0x11, 0x10, 0x34, 0x00, 0x0D, 0xF0, 0x05, 0xB1)


class Rp2040Uart(Rp2040Peripheral):
    """One PL011 on clk_peri."""

    reset = {CR: 0x300, IFLS: 0x12} | {0xFE0 + 4 * index: value for index, value in enumerate(IDENTIFICATION)}

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._line_free_cycles = 0
        self._fifo = bytearray()  # received
        self._next_receive_cycles = 0
        self._last_receive_cycles = 0
        self._raw = 0  # RIS
        self._tx_was_above = False  # the transmit FIFO has been above its level
        if entry.console:
            host.listeners.append(self.wake)

    def _bit_cycles(self) -> float:
        divider = (self.registers.get(IBRD, 0) << 6 | self.registers.get(FBRD, 0) & 0x3F) / 64
        return 16 * divider * self.host.clock.core_hz / self.host.hz("clk_peri")

    def _frame_cycles(self) -> int:
        return round(FRAME_BITS * self._bit_cycles())

    def _depth(self) -> int:
        return FIFO_BYTES if self.registers.get(LCR_H, 0) & FIFO_ENABLE else 1

    def _level(self, shift: int) -> int:
        if self._depth() == 1:
            return 1
        return LEVELS[min(self.registers[IFLS] >> shift & 7, len(LEVELS) - 1)]

    def _waiting(self) -> int:
        """Return how many bytes wait in the transmit FIFO: all but the one on the line."""
        frame, left = self._frame_cycles(), self._line_free_cycles - self.host.clock.cycles
        return max(-(-left // frame) - 1, 0) if frame and left > 0 else 0

    def read_register(self, offset: int) -> int:
        """Return a register; DR takes the next byte received."""
        self.wake()
        if offset == DR:
            value = self._fifo.pop(0) if self._fifo else 0
            if len(self._fifo) < self._level(3):
                self._raw &= ~INT_RX
            if not self._fifo:
                self._raw &= ~INT_RX_TIMEOUT
            self.wake()
            return value
        if offset == FR:
            return self._flags()
        if offset in (RIS, MIS):
            return self._raw & (self.registers.get(IMSC, 0) if offset == MIS else 0x7FF)
        return super().read_register(offset)

    def _flags(self) -> int:
        waiting = self._waiting()
        flags = BUSY if self._line_free_cycles > self.host.clock.cycles else 0
        flags |= (TX_FULL if waiting >= self._depth() else 0) | (0 if waiting else TX_EMPTY)
        return flags | (0 if self._fifo else RX_EMPTY) | (RX_FULL if len(self._fifo) >= self._depth() else 0)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; DR sends a byte."""
        self.wake()
        if offset == DR:
            self._send(value & 0xFF)
        elif offset == ICR:
            self._raw &= ~value
        elif offset not in (FR, RIS, MIS):
            super().write_register(offset, value)
        self.wake()

    def _send(self, byte: int) -> None:
        control = self.registers[CR]
        if not (control & UART_ENABLE and control & TX_ENABLE):
            return
        now = self.host.clock.cycles
        if self._waiting() >= self._depth():
            self.host.remarks.add(f"{self.entry.name}: a byte was written to a full FIFO; one was lost")
            return
        self._line_free_cycles = max(now, self._line_free_cycles) + self._frame_cycles()
        self.transmit(bytes([byte]))
        if self._waiting() > self._tx_level():
            self._tx_was_above, self._raw = True, self._raw & ~INT_TX
        else:
            self._tx_was_above = True  # it passes the level when this byte has moved on

    def _tx_level(self) -> int:
        return self._level(0) if self._depth() > 1 else 0

    def _can_receive(self) -> bool:
        control = self.registers[CR]
        enabled = control & UART_ENABLE and control & RX_ENABLE and self.entry.console
        return bool(enabled and self.host.received) and len(self._fifo) < self._depth()

    def wake(self) -> None:
        """Receive what has come; set flags and the line."""
        now = self.host.clock.cycles
        while self._can_receive() and now >= self._next_receive_cycles:
            self._fifo.append(self.host.received.pop(0))
            self._last_receive_cycles, self._next_receive_cycles = now, now + max(self._frame_cycles(), 1)
            if len(self._fifo) >= self._level(3):
                self._raw |= INT_RX
        if self._fifo and now >= self._timeout_cycles():
            self._raw |= INT_RX_TIMEOUT
        if self._tx_was_above and self._waiting() <= self._tx_level():
            self._tx_was_above, self._raw = False, self._raw | INT_TX
        self.set_interrupt(bool(self._raw & self.registers.get(IMSC, 0)))

    def _timeout_cycles(self) -> int:
        return self._last_receive_cycles + round(TIMEOUT_BITS * self._bit_cycles())

    def unchanged_until_cycles(self, offset: int) -> int:
        """FR changes when a byte has left the transmit FIFO or the line, or one comes."""
        if offset != FR:
            return 0
        now, frame = self.host.clock.cycles, self._frame_cycles()
        times = [self._next_receive_cycles] if self._can_receive() else []
        if frame and self._line_free_cycles > now:
            times.append(self._line_free_cycles - self._waiting() * frame)
        return min((time for time in times if time > now), default=0)

    def next_event_cycles(self) -> int:
        """Wake for interrupts that are enabled."""
        enabled = self.registers.get(IMSC, 0) & ~self._raw
        times = [NEVER]
        if enabled & (INT_RX | INT_RX_TIMEOUT) and self._can_receive():
            times.append(self._next_receive_cycles)
        if enabled & INT_RX_TIMEOUT and self._fifo:
            times.append(self._timeout_cycles())
        if enabled & INT_TX and self._tx_was_above:
            times.append(self._line_free_cycles - self._frame_cycles() * (self._tx_level() + 1))
        return min(times)
