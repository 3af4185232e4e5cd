# SPDX-License-Identifier: Apache-2.0
"""STM32 USART/LPUART with separate ISR/TDR/RDR registers (F0, F3, F7, G0, L0, L4, H7, U5).

Source: ST RM0432, chapters 49 and 50.

Transmission takes the time that the baud rate says: TXE returns when the byte has moved to the shift register (a
one-byte buffer), TC when the line is quiet.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import NEVER, Host, RegisterFile

CR1, CR2, CR3, BRR, RQR, ISR, ICR, RDR, TDR = 0x00, 0x04, 0x08, 0x0C, 0x18, 0x1C, 0x20, 0x24, 0x28
UE, RE, TE, RXNEIE, TCIE, TXEIE, OVER8 = 1 << 0, 1 << 2, 1 << 3, 1 << 5, 1 << 6, 1 << 7, 1 << 15
RXNE, TC, TXE, TEACK, REACK = 1 << 5, 1 << 6, 1 << 7, 1 << 21, 1 << 22
FRAME_BITS = 10  # start, eight data, stop


class Stm32Usart(RegisterFile):
    """One USART. LPUARTs divide 256 times their clock by BRR, USARTs their clock (RM0432 49.5.4, 50.4.4)."""

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._line_free_cycles = 0  # when the last byte has left
        self._buffer_free_cycles = 0  # when the next byte may be written

    def _frame_cycles(self) -> int:
        divider = self.registers.get(BRR, 0)
        if not divider:
            return 0
        clock = self.host.clock
        kernel_hz = self.host.bus_hz.get("pclk1", clock.core_hz)
        if "LPUART" in self.entry.name.upper():
            bit_clocks = divider / 256
        elif self.registers.get(CR1, 0) & OVER8:
            bit_clocks = (divider & 0xFFF0 | (divider & 7) << 1) / 2
        else:
            bit_clocks = divider
        return round(FRAME_BITS * bit_clocks * clock.core_hz / kernel_hz)

    def read_register(self, offset: int) -> int:
        """Return a register; ISR follows time, RDR takes the next byte of the console's input."""
        if offset == ISR:
            return self._status()
        if offset == RDR:
            value = self.host.received.pop(0) if self._can_receive() else 0
            self._update_interrupt()
            return value
        return super().read_register(offset)

    def _can_receive(self) -> bool:
        control = self.registers.get(CR1, 0)
        return self.entry.console and bool(control & UE and control & RE and self.host.received)

    def _status(self) -> int:
        now, control = self.host.clock.cycles, self.registers.get(CR1, 0)
        status = TXE if now >= self._buffer_free_cycles else 0
        status |= TC if now >= self._line_free_cycles else 0
        if control & UE:
            status |= (TEACK if control & TE else 0) | (REACK if control & RE else 0)
        return status | (RXNE if self._can_receive() else 0)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; TDR sends a byte."""
        if offset == TDR:
            self._send(value & 0xFF)
        elif offset not in (ISR, ICR, RQR, RDR):
            super().write_register(offset, value)
        self._update_interrupt()

    def _send(self, byte: int) -> None:
        control = self.registers.get(CR1, 0)
        if not (control & UE and control & TE):
            return
        now, frame = self.host.clock.cycles, self._frame_cycles()
        self._buffer_free_cycles = max(now, self._line_free_cycles)
        self._line_free_cycles = self._buffer_free_cycles + frame
        if self.entry.console:
            self.host.transmit(bytes([byte]))

    def _update_interrupt(self) -> None:
        if self.entry.interrupt is None:
            return
        control, status = self.registers.get(CR1, 0), self._status()
        pairs = ((TXEIE, TXE), (TCIE, TC), (RXNEIE, RXNE))
        level = any(control & enable and status & flag for enable, flag in pairs)
        self.host.set_interrupt(self.entry.interrupt, level)

    def unchanged_until_cycles(self, offset: int) -> int:
        """While a byte is on the line, ISR changes when the buffer or the line is free."""
        now = self.host.clock.cycles
        times = [time for time in (self._buffer_free_cycles, self._line_free_cycles) if time > now]
        return min(times, default=0) if offset == ISR else 0

    def next_event_cycles(self) -> int:
        """Wake when a flag that an interrupt waits for will be set."""
        control, now = self.registers.get(CR1, 0), self.host.clock.cycles
        times = [NEVER]
        if control & TXEIE and self._buffer_free_cycles > now:
            times.append(self._buffer_free_cycles)
        if control & TCIE and self._line_free_cycles > now:
            times.append(self._line_free_cycles)
        return min(times)

    def wake(self) -> None:
        """Set the interrupt line as the flags now say."""
        self._update_interrupt()
