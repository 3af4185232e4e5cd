# SPDX-License-Identifier: Apache-2.0
"""STM32 USART with SR and DR (F1, F2, F4, L1); ST RM0008 chapter 27, RM0090 chapter 30.

Time is as in `stm32_usart`. TC and RXNE are cleared by writing 0 to SR, IDLE by reading SR and then DR.
"""

from __future__ import annotations

from mcusim.devices.stm32_usart import IDLE, OVER8, RXNE, TC, SerialLine

SR, DR, BRR, CR1, CR2, CR3, GTPR = range(0, 0x1C, 4)
UE, M = 1 << 13, 1 << 12


class Stm32UsartV1(SerialLine):
    """One USART."""

    control1, control2, control3, enable = CR1, CR2, CR3, UE
    status_offset, sent_offset, received_offset = SR, DR, DR
    _status_was_read = False

    def bit_clocks(self) -> float:
        """Return 16 (OVER8: 8) times USARTDIV, whose fraction has four (three) bits (RM0090 30.3.4)."""
        divider = self.registers.get(BRR, 0)
        return (divider >> 4) * 8 + (divider & 7) if self.registers.get(CR1, 0) & OVER8 else divider & 0xFFFF

    def data_bits(self) -> int:
        """Return 8, or 9 with M."""
        return 9 if self.registers.get(CR1, 0) & M else 8

    def read_register(self, offset: int) -> int:
        """Return a register; SR follows time, DR takes the byte received."""
        if offset == SR:
            self._status_was_read = True
            return self.status()
        if offset == DR:
            byte = self.take()
            if self._status_was_read:
                self.clear(IDLE)
            self._status_was_read = False
            self.update_interrupt()
            return byte
        return self.registers.get(offset, 0)

    def write(self, offset: int, size_bytes: int, value: int) -> None:
        """Write a register; the bits of SR that a narrow write leaves alone stay."""
        if offset & ~3 == SR and size_bytes < 4:
            value = value << 8 * (offset & 3) | ~((1 << 8 * size_bytes) - 1 << 8 * (offset & 3)) & 0xFFFF_FFFF
            offset, size_bytes = SR, 4
        super().write(offset, size_bytes, value)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; DR sends a byte."""
        if offset == DR:
            self.send(value & 0xFF)
        elif offset == SR:
            self.clear(~value & TC)
            if not value & RXNE and self.status() & RXNE:
                self.take()
        else:
            self.registers[offset] = value
            if offset == CR1 and not value & UE:
                self.stop()
            self.note_mode(offset, value)
        self.update_interrupt()
