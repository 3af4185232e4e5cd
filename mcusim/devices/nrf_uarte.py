# SPDX-License-Identifier: Apache-2.0
"""Nordic UART and UARTE, which share their registers; nRF52840 Product Specification v1.7, 6.33 and 6.34.

ENABLE chooses: 4 the UART with its TXD and RXD registers, 8 the UARTE with EasyDMA. What is sent is printed when it is
handed over, and takes its time on the line. Console input comes a frame after the byte before it and waits for the
receiver: nothing is lost, so ERROR never happens; a receiver timeout (RXTO) follows the STOPRX task at once.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import NEVER, Host
from mcusim.devices.nrf_peripheral import NrfPeripheral

STARTRX, STOPRX, STARTTX, STOPTX, FLUSHRX = 0x00, 0x04, 0x08, 0x0C, 0x2C
RXDRDY, ENDRX, TXDRDY, ENDTX, RXTO, RXSTARTED, TXSTARTED, TXSTOPPED = (
    0x108, 0x110, 0x11C, 0x120, 0x144, 0x14C, 0x150, 0x158)  # fmt: skip
ERRORSRC, ENABLE, RXD, TXD, BAUDRATE = 0x480, 0x500, 0x518, 0x51C, 0x524
RX_POINTER, RX_MAXIMUM, RX_AMOUNT, TX_POINTER, TX_MAXIMUM, TX_AMOUNT = 0x534, 0x538, 0x53C, 0x544, 0x548, 0x54C
ENABLED_UART, ENABLED_UARTE = 4, 8
UNCONNECTED = 0xFFFF_FFFF
FRAME_BITS = 10  # start, eight data, stop
BAUD_CLOCK_HZ = 16_000_000  # BAUDRATE is the fraction of it, in units of 2^-32 (6.33.10.11)
FIFO_BYTES = 6  # of the UART's receiver


class NrfUarte(NrfPeripheral):
    """One UART with and without EasyDMA."""

    reset = {0x508: UNCONNECTED, 0x50C: UNCONNECTED, 0x510: UNCONNECTED, 0x514: UNCONNECTED,  # noqa: RUF012
             BAUDRATE: 0x0400_0000}  # fmt: skip
    shorts = {5: (ENDRX, STARTRX), 6: (ENDRX, STOPRX)}  # noqa: RUF012 - UARTE

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._line_free_cycles = 0
        self._transmits = self._receives = False
        self._stops = False  # STOPTX waits for the transmission's end
        self._next_receive_cycles = 0
        self._fifo = bytearray()  # of the UART
        self._received = 0  # bytes in the UARTE's buffer
        if entry.console:
            host.listeners.append(self.wake)

    def _frame_cycles(self) -> int:
        rate = self.registers.get(BAUDRATE, 0)
        return round(FRAME_BITS * self.host.clock.core_hz * (1 << 32) / (rate * BAUD_CLOCK_HZ)) if rate else 0

    def _dma(self) -> bool:
        return self.registers.get(ENABLE, 0) & 15 == ENABLED_UARTE

    # tasks

    def task(self, offset: int) -> None:
        """Start and stop transmission and reception."""
        if not self.registers.get(ENABLE, 0) & (ENABLED_UART | ENABLED_UARTE):
            return
        if offset == STARTTX:
            self._transmits = True
            if self._dma():
                self._send_buffer()
        elif offset == STOPTX:
            self._transmits = False
            if self._dma():
                self._stops = True
                self._stop_when_sent()
        elif offset == STARTRX:
            self._receives, self._received = True, 0
            if self._dma():
                self.event(RXSTARTED)
            self._receive()
        elif offset == STOPRX:
            self._receives = False
            if self._dma():
                self._end_reception()
            self.event(RXTO)
        elif offset == FLUSHRX and self._dma():
            self._received = 0
            self._end_reception()

    def _transmit(self, data: bytes) -> int:
        """Put bytes on the line; return when the last has left."""
        now = self.host.clock.cycles
        self._line_free_cycles = max(now, self._line_free_cycles) + len(data) * self._frame_cycles()
        self.transmit(data)
        return max(self._line_free_cycles, now + 1)

    def _send_buffer(self) -> None:
        start, size = self.registers.get(TX_POINTER, 0), self.registers.get(TX_MAXIMUM, 0) & 0xFFFF
        data = bytes(self.host.read_bus(start + index, 1) & 0xFF for index in range(size))
        self.event(TXSTARTED)
        self.event_at(ENDTX, self._transmit(data))

    def _stop_when_sent(self) -> None:
        if self._stops and ENDTX not in self.later:
            self._stops = False
            self.event(TXSTOPPED)

    def due(self, offset: int) -> None:
        """A transmission ends."""
        if offset == ENDTX:
            self.registers[TX_AMOUNT] = self.registers.get(TX_MAXIMUM, 0) & 0xFFFF
            self.event(TXDRDY)
        self.event(offset)
        self._stop_when_sent()

    # reception

    def _can_receive(self) -> bool:
        room = self._dma() or len(self._fifo) < FIFO_BYTES
        return self._receives and room and self.entry.console and bool(self.host.received)

    def _receive(self) -> None:
        """Take the bytes that have come."""
        while self._can_receive() and self.host.clock.cycles >= self._next_receive_cycles:
            self._next_receive_cycles = self.host.clock.cycles + self._frame_cycles()
            byte = self.host.received.pop(0)
            if not self._dma():
                self._fifo.append(byte)
            else:
                self.host.write_bus(self.registers.get(RX_POINTER, 0) + self._received, 1, byte)
                self._received += 1
            self.event(RXDRDY)
            if self._dma() and self._received >= self.registers.get(RX_MAXIMUM, 0) & 0xFFFF:
                self._receives = False
                self._end_reception()
            if not self._frame_cycles():
                break

    def _end_reception(self) -> None:
        self.registers[RX_AMOUNT] = self._received
        self.event(ENDRX)

    def look(self) -> None:
        """Bring transmission and reception to the present."""
        super().look()
        self._receive()

    # registers

    def read_register(self, offset: int) -> int:
        """Return a register; RXD takes the next byte."""
        if offset == RXD and not self._dma():
            self.look()
            value = self._fifo.pop(0) if self._fifo else 0
            if self._fifo:
                self.event(RXDRDY)
            return value
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; TXD sends a byte."""
        if offset == TXD and not self._dma():
            self.look()
            if self._transmits:
                self.event_at(TXDRDY, self._transmit(bytes([value & 0xFF])))
        elif offset == ERRORSRC:
            self.registers[ERRORSRC] = self.registers.get(ERRORSRC, 0) & ~value
        elif offset not in (RXD, RX_AMOUNT, TX_AMOUNT):
            super().write_register(offset, value)

    def unchanged_until_cycles(self, offset: int) -> int:
        """Events come with the bytes."""
        if offset == TXSTOPPED:
            return self.later.get(ENDTX, 0) if self._stops else 0
        return self.later.get(offset, 0)

    def next_event_cycles(self) -> int:
        """Wake when a transmission ends, or a byte comes."""
        receive = self._next_receive_cycles if self._can_receive() else NEVER
        return min(super().next_event_cycles(), receive)
