# SPDX-License-Identifier: Apache-2.0
"""STM32 DMA controllers with eight streams (F2, F4, F7, H7); ST RM0090 chapter 10, RM0433 chapter 16.

Time and requests are as in `stm32_dma_channels`. The FIFO regroups bytes where the sizes differ, its levels and
thresholds are not modelled, nor are bursts; the peripheral as flow controller is refused with a remark.
"""

from __future__ import annotations

from mcusim.devices.stm32_dma_channels import COMPLETE, ERROR, HALF, DmaEngine, Transfer

LISR, HISR, LIFCR, HIFCR, FIRST, STEP = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x18
CR, NDTR, PAR, M0AR, M1AR, FCR = range(0, 0x18, 4)
EN, PFCTRL, CIRC, PINC, MINC, PINCOS, DBM, CT = (1 << bit for bit in (0, 5, 8, 9, 10, 15, 18, 19))
TEIF, HTIF, TCIF = 1 << 3, 1 << 4, 1 << 5
FLAGS = {COMPLETE: TCIF, HALF: HTIF, ERROR: TEIF}
ENABLE_SHIFT = 1  # TEIE, HTIE, TCIE are one place below their flags
FLAG_PLACES = (0, 6, 16, 22)  # of four streams in LISR and in HISR
STREAM_FLAGS = 0x3D
DMDIS = 1 << 2
FCR_RESET = 0x21  # FIFO empty, threshold half (RM0090 10.5.10)
TO_PERIPHERAL, BETWEEN_MEMORIES = 1, 2  # DIR; 0: from the peripheral to memory


class Stm32DmaStreams(DmaEngine):
    """A controller with streams. Interrupts are one for each stream, in their order."""

    count = 8
    reset = {FIRST + STEP * number + FCR: FCR_RESET for number in range(8)}  # noqa: RUF012 - a class constant

    def _stream(self, offset: int) -> tuple[int, int]:
        number, register = divmod(offset - FIRST, STEP)
        return (number, register) if 0 <= number < self.count else (-1, offset)

    def read_register(self, offset: int) -> int:
        """Return a register; NDTR is what is left."""
        number, register = self._stream(offset)
        if number >= 0 and register in (NDTR, CR):
            transfer = self.bring_up(number)
            return transfer.left if register == NDTR else self.registers.get(offset, 0)
        return 0 if offset in (LIFCR, HIFCR) else self.registers.get(offset, 0)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; those of a stream that is on stay, but for CR and the memory address not in use."""
        number, register = self._stream(offset)
        if number < 0:
            if offset in (LIFCR, HIFCR):
                at = offset - LIFCR + LISR
                self.registers[at] = self.registers.get(at, 0) & ~value
                for stream in range(self.count):
                    self._update_interrupt(stream)
            return
        transfer = self.bring_up(number)
        control = self.registers.get(offset - register, 0)
        if register == CR:
            self._control(number, transfer, control, value)
        elif not control & EN:
            self.registers[offset] = value
            if register == NDTR:
                transfer.left = transfer.total = value & 0xFFFF
        elif control & DBM and register == (M0AR if control & CT else M1AR):
            self.registers[offset] = value
        self._update_interrupt(number)

    def _control(self, number: int, transfer: Transfer, before: int, value: int) -> None:
        at = FIRST + STEP * number
        if before & EN and value & EN:
            value = before & ~0x1E | value & 0x1E  # only the interrupt enables change while it is on
        self.registers[at] = value & 0x0FFF_FFFF
        if value & EN and not before & EN:
            self._start(number, transfer, value)
        elif before & EN and not value & EN:
            transfer.active = False
            if transfer.left:
                self._set(number, TCIF)  # RM0090 10.3.15: a stream that is stopped says so by TCIF

    def _start(self, number: int, transfer: Transfer, control: int) -> None:
        direction = control >> 6 & 3
        transfer.to_peripheral = direction == TO_PERIPHERAL
        transfer.between_memories = direction == BETWEEN_MEMORIES
        transfer.circular = bool(control & (CIRC | DBM)) and not transfer.between_memories
        transfer.packs = bool(self.registers[FIRST + STEP * number + FCR] & DMDIS) or transfer.between_memories
        if control & PFCTRL and not transfer.between_memories:
            self.host.remarks.add(f"{self.entry.name}: a stream whose flow the peripheral controls does not run")
            transfer.active = False
            return
        self.rewind(number)
        self.begin(number)

    def rewind(self, number: int) -> None:
        """Begin again at PAR and M0AR (or M1AR where CT says so), with NDTR as it was written."""
        start, transfer = FIRST + STEP * number, self.transfers[number]
        control = self.registers[start]
        peripheral, memory = transfer.peripheral, transfer.memory
        peripheral.size_bytes = 1 << min(control >> 11 & 3, 2)
        # In direct mode the memory side has the peripheral's size (RM0090 10.3.12).
        memory.size_bytes = 1 << min(control >> 13 & 3, 2) if transfer.packs else peripheral.size_bytes
        second = control & DBM and control & CT
        memory.address = self.registers.get(start + (M1AR if second else M0AR), 0)
        peripheral.address = self.registers.get(start + PAR, 0)
        step = 4 if control & PINCOS else peripheral.size_bytes
        peripheral.step_bytes = step if control & PINC else 0
        memory.step_bytes = memory.size_bytes if control & MINC else 0
        transfer.left = transfer.total

    def happened(self, number: int, what: str) -> None:
        """Set the flag; a stream that is done or met an error turns itself off."""
        at, transfer = FIRST + STEP * number, self.transfers[number]
        if what == COMPLETE and self.registers[at] & DBM:
            self.registers[at] ^= CT
            self.rewind(number)
        if not transfer.active:
            self.registers[at] &= ~EN
        self._set(number, FLAGS[what])

    def _set(self, number: int, flags: int) -> None:
        at = HISR if number >= 4 else LISR
        self.registers[at] = self.registers.get(at, 0) | flags << FLAG_PLACES[number % 4]
        self._update_interrupt(number)

    def _update_interrupt(self, number: int) -> None:
        flags = self.registers.get(HISR if number >= 4 else LISR, 0) >> FLAG_PLACES[number % 4] & STREAM_FLAGS
        enabled = (self.registers.get(FIRST + STEP * number, 0) & 0x1E) << ENABLE_SHIFT
        self.set_interrupt(bool(flags & enabled), number)
