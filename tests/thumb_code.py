# SPDX-License-Identifier: Apache-2.0
"""Put Thumb code together without an assembler: hexadecimal as one lists it, labels, branches, literals.

Offsets count from the start of the code, which must lie at a multiple of four.
"""

from __future__ import annotations

LITERAL_REACH_BYTES = 1020  # of the 16-bit LDR from the literal pool


class Code:
    """Code in the making. `build(address)` resolves labels and literals."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.labels: dict[str, int] = {}
        self._branches: list[tuple[int, int, str]] = []  # offset, opcode without its distance, label
        self._literals: list[tuple[int, int | str]] = []  # offset of the load, value or label
        self._words: list[tuple[int, str]] = []  # offset of a word that holds a label's address

    def __len__(self) -> int:
        return len(self.data)

    def hex(self, text: str) -> None:
        """Add instructions: words of four or eight hexadecimal digits; what follows `;` on a line is a comment."""
        for line in text.splitlines():
            for word in line.partition(";")[0].split():
                for start in range(0, len(word), 4):
                    self.half(int(word[start : start + 4], 16))

    def half(self, opcode: int) -> None:
        """Add a halfword."""
        self.data += opcode.to_bytes(2, "little")

    def wide(self, opcode: int) -> None:
        """Add a 32-bit instruction, its first halfword uppermost."""
        self.half(opcode >> 16)
        self.half(opcode & 0xFFFF)

    def word(self, value: int | str) -> None:
        """Add a data word; a string is a label, whose address with the Thumb bit it becomes."""
        if isinstance(value, str):
            self._words.append((len(self.data), value))
            value = 0
        self.data += value.to_bytes(4, "little")

    def align(self) -> None:
        """Pad with a NOP to a multiple of four."""
        if len(self.data) % 4:
            self.half(0xBF00)

    def label(self, name: str) -> None:
        """Name this place."""
        assert name not in self.labels
        self.labels[name] = len(self.data)

    def branch(self, label: str, condition: int | None = None) -> None:
        """Add a branch (16-bit)."""
        self._branches.append((len(self.data), 0xE000 if condition is None else 0xD000 | condition << 8, label))
        self.half(0)

    def branch_wide(self, label: str, *, link: bool = False) -> None:
        """Add a 32-bit branch (v7-M), or BL."""
        self._branches.append((len(self.data), 0xF000_D000 if link else 0xF000_9000, label))
        self.wide(0)

    def load(self, register: int, value: int | str) -> None:
        """Load a constant, or a label's address with the Thumb bit, into r0 to r7."""
        self._literals.append((len(self.data), value))
        self.half(0x4800 | register << 8)

    def pool(self) -> None:
        """Place the literals here; control must not come by."""
        self.align()
        places: dict[int | str, int] = {}
        for offset, value in self._literals:
            if value not in places:
                places[value] = len(self.data)
                self.word(value)
            distance = places[value] - (offset + 4 & ~3)
            assert distance <= LITERAL_REACH_BYTES, "literal too far: place a pool earlier"
            self._patch(offset, int.from_bytes(self.data[offset : offset + 2], "little") | distance // 4)
        self._literals.clear()

    def _patch(self, offset: int, half: int) -> None:
        self.data[offset : offset + 2] = half.to_bytes(2, "little")

    def build(self, address: int) -> bytes:
        """Return the bytes, to be placed at `address`."""
        if self._literals:
            self.pool()
        for offset, opcode, label in self._branches:
            distance = self.labels[label] - offset - 4
            if opcode > 0xFFFF:
                opcode = encode_wide_branch(opcode, distance)
                self._patch(offset, opcode >> 16)
                self._patch(offset + 2, opcode & 0xFFFF)
            else:
                bits = 11 if opcode == 0xE000 else 8
                assert -(1 << bits) <= distance < 1 << bits, f"branch to {label} too far"
                self._patch(offset, opcode | distance >> 1 & (1 << bits) - 1)
        for offset, label in self._words:
            self.data[offset : offset + 4] = (address + self.labels[label] | 1).to_bytes(4, "little")
        return bytes(self.data)


def encode_wide_branch(opcode: int, distance: int) -> int:
    """Return B (T4) or BL with its distance from the instruction plus four."""
    sign = distance >> 24 & 1
    j1 = ~(distance >> 23 ^ sign) & 1
    j2 = ~(distance >> 22 ^ sign) & 1
    return opcode | sign << 26 | (distance >> 12 & 0x3FF) << 16 | j1 << 13 | j2 << 11 | distance >> 1 & 0x7FF


def encode_wide_conditional(condition: int, distance: int) -> int:
    """Return B<c> (T3)."""
    sign = distance >> 20 & 1
    high = sign << 26 | condition << 22 | (distance >> 12 & 0x3F) << 16
    return 0xF000_8000 | high | (distance >> 18 & 1) << 13 | (distance >> 19 & 1) << 11 | distance >> 1 & 0x7FF


def move_constant(register: int, value: int) -> list[int]:
    """Return MOVW and MOVT."""
    return [move_half(0xF240_0000, register, value & 0xFFFF), move_half(0xF2C0_0000, register, value >> 16)]


def move_half(opcode: int, register: int, value: int) -> int:
    """Return MOVW (F240) or MOVT (F2C0)."""
    high = (value >> 11 & 1) << 26 | value >> 12 << 16
    return opcode | high | (value >> 8 & 7) << 12 | register << 8 | value & 0xFF
