# SPDX-License-Identifier: Apache-2.0
"""STM32 Chrom-ART accelerator (DMA2D): fills rectangles and copies them; ST RM0385, DMA2D chapter.

Bits: ST cmsis_device_f7 v1.2.9, stm32f746xx.h. Transfers take no time. Conversion of pixel formats and blending are not
modelled: a firmware that asks for them is told so in the report, and the transfer ends without having moved anything.
"""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

CR, ISR, IFCR, FGMAR, FGOR = 0x00, 0x04, 0x08, 0x0C, 0x10
FGPFCCR, BGPFCCR, OPFCCR, OCOLR, OMAR, OOR, NLR = 0x1C, 0x24, 0x34, 0x38, 0x3C, 0x40, 0x44
START = 1 << 0  # CR
TEIF, TCIF, CTCIF = 1 << 0, 1 << 1, 1 << 4  # ISR
LOAD_TABLE = 1 << 5  # FGPFCCR, BGPFCCR: START
COPY, CONVERT, BLEND, FILL = range(4)  # CR.MODE
OUTPUT_BYTES = (4, 3, 2, 2, 2)  # by OPFCCR.CM: ARGB8888, RGB888, RGB565, ARGB1555, ARGB4444
INPUT_BYTES = (*OUTPUT_BYTES, 1, 2, 2)  # by FGPFCCR.CM: and L8, AL44 (one byte), AL88; narrower ones are not copied
ADDRESS = 0xFFFF_FFFF
REGISTERS = range(0x4000_0000, 0x6000_0000)
ENABLES = 0x3F00  # interrupt enables of CR, at bit 8 + that of their flag


class Stm32Dma2d(RegisterFile):
    """DMA2D."""

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; START does the whole transfer."""
        if offset == IFCR:
            self.registers[ISR] = self.registers.get(ISR, 0) & ~value
        elif offset == CR:
            super().write_register(offset, value & ~START)
            if value & START:
                self.registers[ISR] = self.registers.get(ISR, 0) | self._transfer(value >> 16 & 3)
        elif offset in (FGPFCCR, BGPFCCR):
            super().write_register(offset, value & ~LOAD_TABLE)
            if value & LOAD_TABLE:
                self.registers[ISR] = self.registers.get(ISR, 0) | CTCIF
        elif offset != ISR:
            super().write_register(offset, value)
        self.set_interrupt(bool(self.registers.get(ISR, 0) << 8 & self.registers.get(CR, 0) & ENABLES))

    def _field(self, offset: int, mask: int) -> int:
        return self.registers.get(offset, 0) & mask

    def _transfer(self, mode: int) -> int:
        """Fill or copy line by line; return the flag that ISR gets."""
        lines, pixels = self._field(NLR, 0xFFFF), self._field(NLR, 0x3FFF_0000) >> 16
        self.host.remarks.add("DMA2D transfers take no time")
        if mode in (CONVERT, BLEND):
            self.host.remarks.add("DMA2D does not convert or blend pixels here: what is drawn so is missing")
            return TCIF
        form, sizes = (OPFCCR, OUTPUT_BYTES) if mode == FILL else (FGPFCCR, INPUT_BYTES)
        size = sizes[min(self._field(form, 15), len(sizes) - 1)]
        width = size * pixels
        color = self._field(OCOLR, (1 << 8 * size) - 1).to_bytes(size, "little")
        value = int.from_bytes(color * pixels, "little")
        for number in range(lines if pixels else 0):
            target = self._field(OMAR, ADDRESS) + number * size * (pixels + self._field(OOR, 0x3FFF))
            source = self._field(FGMAR, ADDRESS) + number * size * (pixels + self._field(FGOR, 0x3FFF))
            if not self._memory(target, width, True) or (mode == COPY and not self._memory(source, width, False)):
                return TEIF
            if mode == COPY:
                value = self.host.read_bus(source, width)
            self.host.write_bus(target, width, value)
        return TCIF

    def _memory(self, start: int, size_bytes: int, writes: bool) -> bool:
        """Return whether both ends of a line are memory; registers are no place for pixels."""
        ends = (start, start + size_bytes - 1)
        return all(self.host.reaches(end, writes) and end not in REGISTERS for end in ends)
