# SPDX-License-Identifier: Apache-2.0
"""STM32 I2C with CR2 and TIMINGR (F0, F3, F7, L4, G0, H7, U5), as master on a bus where nobody answers.

Source: ST RM0385, I2C chapter (master: NACKF, then STOP by itself); bits: ST cmsis_device_f7 v1.2.9, stm32f746xx.h.

Every address is refused, at once: the start condition and the address take no time. That is what a board does to which
no chip is attached, and not what it does with the chips that are soldered to it: the report says so.
"""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

CR1, CR2, ISR, ICR, RXDR, TXDR = 0x00, 0x04, 0x18, 0x1C, 0x24, 0x28
PE, NACKIE, STOPIE = 1 << 0, 1 << 4, 1 << 5  # CR1; NACKF and STOPF have the same bits in ISR and ICR
START, STOP = 1 << 13, 1 << 14  # CR2
TXE, NACKF, STOPF = 1 << 0, 1 << 4, 1 << 5  # ISR


class Stm32I2cV2(RegisterFile):
    """One I2C. Interrupts: events (and errors, which there are none of)."""

    reset = {ISR: TXE}  # noqa: RUF012 - a class constant

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; START is answered by a refused address and a stop condition."""
        status = self.registers[ISR]
        if offset == CR1:
            status = status if value & PE else TXE
        elif offset == CR2 and value & START and self.registers.get(CR1, 0) & PE:
            address = value >> 1 & 0x7F
            self.host.remarks.add(f"{self.entry.name}: nobody answers on its bus (address 0x{address:02x} was called)")
            status |= NACKF | STOPF
        elif offset == ICR:
            status &= ~(value & (NACKF | STOPF))
        self.registers[ISR] = status
        if offset == CR2:
            value &= ~(START | STOP)
        if offset not in (ISR, ICR, RXDR):
            super().write_register(offset, value)
        self.set_interrupt(bool(status & self.registers.get(CR1, 0) & (NACKIE | STOPIE)))
