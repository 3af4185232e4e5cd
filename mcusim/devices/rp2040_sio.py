# SPDX-License-Identifier: Apache-2.0
"""RP2040 single-cycle IO block; RP2040 Datasheet (build 2023-03-02), 2.3.1: what core 0 sees of it.

CPUID, GPIO outputs, spin locks, the integer divider (its result is there at once; firmware waits the eight cycles
itself), FIFO status. Core 1 never runs: what is sent to it is not read, and a remark says so. Inputs read as 0 (QSPI's
select as 1: BOOTSEL is not pressed). Interpolators are remembered, with a remark.
"""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

CPUID, GPIO_IN, GPIO_HI_IN = 0x00, 0x04, 0x08
OUTPUTS = (0x10, 0x20, 0x30, 0x40)  # GPIO_OUT, GPIO_OE, GPIO_HI_OUT, GPIO_HI_OE; set, clear, flip follow each
GPIO_OUT, GPIO_OE, GPIO_HI_OUT, GPIO_HI_OE = OUTPUTS
FIFO_ST, FIFO_WR, FIFO_RD, SPINLOCK_ST = 0x50, 0x54, 0x58, 0x5C
UDIVIDEND, UDIVISOR, SDIVIDEND, SDIVISOR, QUOTIENT, REMAINDER, DIV_CSR = 0x60, 0x64, 0x68, 0x6C, 0x70, 0x74, 0x78
INTERPOLATORS, SPINLOCKS = range(0x80, 0x100), range(0x100, 0x180)
FIFO_READY = 1 << 1
DIV_READY, DIV_DIRTY = 1 << 0, 1 << 1
QSPI_SELECT = 1 << 1
WORD = 0xFFFF_FFFF


def divide(dividend: int, divisor: int, signed: bool) -> tuple[int, int]:
    """Return quotient and remainder as the divider gives them, words; 2.3.1.5 says what division by zero gives."""
    if signed:
        dividend, divisor = (value - (value >> 31 << 32) for value in (dividend, divisor))
    if divisor == 0:
        return (1 if signed and dividend < 0 else WORD), dividend & WORD
    quotient = abs(dividend) // abs(divisor)
    if (dividend < 0) != (divisor < 0):
        quotient = -quotient
    return quotient & WORD, dividend - quotient * divisor & WORD


class Rp2040Sio(RegisterFile):
    """The core's own port."""

    def read_register(self, offset: int) -> int:
        """Return a register; a spin lock is taken by reading it."""
        registers = self.registers
        if offset in SPINLOCKS:
            number = (offset - SPINLOCKS.start) // 4
            taken = registers.get(SPINLOCK_ST, 0)
            registers[SPINLOCK_ST] = taken | 1 << number
            return 0 if taken >> number & 1 else 1 << number
        if offset == QUOTIENT:
            registers[DIV_CSR] = 0
        elif offset == DIV_CSR:
            return registers.get(DIV_CSR, 0) | DIV_READY
        elif offset in (SDIVIDEND, SDIVISOR):
            return registers.get(offset - 8, 0)
        elif offset == FIFO_ST:
            return FIFO_READY
        elif offset == GPIO_IN:
            return registers.get(GPIO_OUT, 0) & registers.get(GPIO_OE, 0)
        elif offset == GPIO_HI_IN:
            driven = registers.get(GPIO_HI_OE, 0)
            return registers.get(GPIO_HI_OUT, 0) & driven | QSPI_SELECT & ~driven
        elif GPIO_OUT <= offset < FIFO_ST:
            return registers.get(offset & ~0xF, 0)
        return registers.get(offset, 0)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; the divider starts with its operands."""
        registers = self.registers
        if offset in SPINLOCKS:
            registers[SPINLOCK_ST] = registers.get(SPINLOCK_ST, 0) & ~(1 << (offset - SPINLOCKS.start) // 4)
        elif GPIO_OUT <= offset < FIFO_ST:
            output, now = offset & ~0xF, registers.get(offset & ~0xF, 0)
            registers[output] = (value, now | value, now & ~value, now ^ value)[offset >> 2 & 3]
        elif UDIVIDEND <= offset <= SDIVISOR:
            signed = offset >= SDIVIDEND
            registers[offset - 8 if signed else offset] = value
            registers[QUOTIENT], registers[REMAINDER] = divide(
                registers.get(UDIVIDEND, 0), registers.get(UDIVISOR, 0), signed
            )
            registers[DIV_CSR] = DIV_DIRTY
        elif offset in (QUOTIENT, REMAINDER):
            registers[offset] = value
            registers[DIV_CSR] = DIV_DIRTY
        elif offset == FIFO_WR:
            self.host.remarks.add("core 1 never runs: what is sent to it by the FIFO is not read")
        elif offset in INTERPOLATORS:
            self.host.remarks.add("the SIO interpolators are remembered: they compute nothing")
            registers[offset] = value
