# SPDX-License-Identifier: Apache-2.0
"""Decode `.debug_line`: headers and line number programs of DWARF 2 to 5 (DWARF 5 standard, section 6.2).

Bounds: every loop consumes bytes of the section, tables of counted entries are refused when the count exceeds the bytes
left, and files and rows come out in proportion to the section's size.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

DW_LNCT_PATH, DW_LNCT_DIRECTORY = 1, 2
MAX_NAME_BYTES = 4096
MAX_FILES = 10_000  # of one unit


class Row(NamedTuple):
    """From `address` on, code belongs to `line` of `file`. Line 0: to no line (also the end of a sequence)."""

    address: int
    file: str
    line: int


@dataclass
class LineUnit:
    """One line number program: its sequences of rows, ascending addresses in each. `folder` is "" before DWARF 5."""

    version: int
    folder: str
    sequences: list[list[Row]] = field(default_factory=list)


class DamagedUnitError(Exception):
    """The unit does not have the format it should have."""


class Cursor:
    """A position in bytes, with readers that never go past the end."""

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self.data, self.position, self.end = data, position, end

    def skip(self, count: int) -> None:
        """Go `count` bytes on."""
        if count < 0 or self.position + count > self.end:
            raise DamagedUnitError
        self.position += count

    def number(self, size_bytes: int) -> int:
        """Read an unsigned little-endian number."""
        start = self.position
        self.skip(size_bytes)
        return int.from_bytes(self.data[start : self.position], "little")

    def uleb(self) -> int:
        """Read an unsigned LEB128 number of at most 64 bits."""
        value = shift = 0
        while True:
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value
            if shift > 63:
                raise DamagedUnitError

    def sleb(self) -> int:
        """Read a signed LEB128 number of at most 64 bits."""
        start = self.position
        value = self.uleb()
        bits = 7 * (self.position - start)
        return value - (1 << bits) if value >> (bits - 1) else value

    def text(self) -> str:
        """Read a NUL-terminated string of sensible length."""
        end = self.data.find(b"\0", self.position, min(self.end, self.position + MAX_NAME_BYTES))
        if end < 0:
            raise DamagedUnitError
        start, self.position = self.position, end + 1
        return _decode(self.data[start:end])


def _decode(raw: bytes) -> str:
    text = raw.decode("utf-8", errors="replace")
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


def parse_units(section: bytes, line_strings: bytes, strings: bytes) -> list[LineUnit]:
    """Return the units of `.debug_line` that can be read; the other two are `.debug_line_str` and `.debug_str`."""
    units = []
    position = 0
    while position + 4 <= len(section):
        length = int.from_bytes(section[position : position + 4], "little")
        end = position + 4 + length
        if length >= 0xFFFFFFF0 or end > len(section):
            break  # 64-bit DWARF, which no 32-bit compiler writes, or damage: where the next unit starts is unknown
        cursor = Cursor(section, position + 4, end)
        # A unit that is damaged is left out; those before and after it are still good.
        with suppress(DamagedUnitError, IndexError, ZeroDivisionError):
            units.append(_Program(cursor, line_strings, strings).run())
        position = end
    return units


class _Program:
    """One unit: its header, then the state machine of its program."""

    def __init__(self, cursor: Cursor, line_strings: bytes, strings: bytes) -> None:
        self.cursor = cursor
        self.string_tables = {0x1F: line_strings, 0x0E: strings}
        self.version = cursor.number(2)
        if not 2 <= self.version <= 5:
            raise DamagedUnitError
        if self.version >= 5:
            cursor.skip(2)  # address size, segment selector size
        header_length = cursor.number(4)
        program = cursor.position + header_length
        self.min_instruction = cursor.number(1)
        if self.version >= 4:
            cursor.skip(1)  # operations per instruction: 1 but on VLIW machines
        cursor.skip(1)  # default is_stmt
        self.line_base = int.from_bytes(cursor.number(1).to_bytes(1, "little"), "little", signed=True)
        self.line_range = cursor.number(1)
        self.opcode_base = cursor.number(1)
        self.opcode_lengths = [0] + [cursor.number(1) for _ in range(self.opcode_base - 1)]
        self.folders: list[str] = []
        self.files: list[str] = []
        if self.version >= 5:
            self._read_tables()
        else:
            self._read_old_tables()
        if program > cursor.end:
            raise DamagedUnitError
        cursor.position = program

    def _read_old_tables(self) -> None:
        """Directory and file tables up to DWARF 4: directory 0 is the compilation's, files count from 1."""
        self.folders.append("")
        while folder := self.cursor.text():
            self.folders.append(folder)
        self.files.append("")
        while name := self.cursor.text():
            self._add_file(name, self.cursor.uleb())
            self.cursor.uleb()  # modification time
            self.cursor.uleb()  # length

    def _read_tables(self) -> None:
        """Directory and file tables of DWARF 5: entries described by content type and form; both count from 0."""
        for path, _ in self._entries():
            self.folders.append(path)
        for path, folder in self._entries():
            self._add_file(path, folder)

    def _entries(self) -> list[tuple[str, int]]:
        cursor = self.cursor
        formats = [(cursor.uleb(), cursor.uleb()) for _ in range(cursor.number(1))]
        count = cursor.uleb()
        if count and (not formats or count > min(MAX_FILES, cursor.end - cursor.position)):
            raise DamagedUnitError
        entries = []
        for _ in range(count):
            path, folder = "", 0
            for content, form in formats:
                value = self._value(form)
                if content == DW_LNCT_PATH and isinstance(value, str):
                    path = value
                elif content == DW_LNCT_DIRECTORY and isinstance(value, int):
                    folder = value
            entries.append((path, folder))
        return entries

    def _value(self, form: int) -> str | int:
        """Read one value of a table entry (DWARF 5, table 7.27 for the forms allowed here)."""
        cursor = self.cursor
        if form == 0x08:  # string
            return cursor.text()
        if form in self.string_tables:  # strp, line_strp
            table = self.string_tables[form]
            offset = cursor.number(4)
            return Cursor(table, min(offset, len(table)), len(table)).text()
        if form == 0x0F:  # udata
            return cursor.uleb()
        sizes = {0x0B: 1, 0x05: 2, 0x06: 4, 0x07: 8, 0x1E: 16}  # data1, data2, data4, data8, data16 (MD5)
        if form in sizes:
            return cursor.number(sizes[form])
        if form == 0x09:  # block
            cursor.skip(cursor.uleb())
            return 0
        raise DamagedUnitError

    def _add_file(self, name: str, folder: int) -> None:
        """Name a file as it was compiled: directory 0, where the compiler ran, is left out."""
        if folder and not name.startswith("/") and folder < len(self.folders):
            name = f"{self.folders[folder].rstrip('/')}/{name}"
        self.files.append(name)

    def run(self) -> LineUnit:
        """Return the unit's sequences."""
        self.unit = LineUnit(self.version, self.folders[0] if self.version >= 5 and self.folders else "")
        self._restart()
        cursor = self.cursor
        while cursor.position < cursor.end:
            opcode = cursor.number(1)
            if opcode >= self.opcode_base:
                special = opcode - self.opcode_base
                self.address += special // self.line_range * self.min_instruction
                self.line += self.line_base + special % self.line_range
                self._emit()
            elif opcode == 0:
                self._extended()
            else:
                self._standard(opcode)
        return self.unit

    def _restart(self) -> None:
        self.address, self.file, self.line = 0, 1, 1
        self.sequence: list[Row] = []

    def _emit(self) -> None:
        """Add a row. One that does not go on (a second file or line at an address) replaces the row before it."""
        name = self.files[self.file] if 0 <= self.file < len(self.files) else ""
        row = Row(self.address, name, self.line if name and self.line > 0 else 0)
        if self.sequence and self.sequence[-1].address >= row.address:
            if self.sequence[-1].address > row.address:
                raise DamagedUnitError
            self.sequence[-1] = row
        else:
            self.sequence.append(row)

    def _extended(self) -> None:
        cursor = self.cursor
        length = cursor.uleb()
        end = cursor.position + length
        if not length or end > cursor.end:
            raise DamagedUnitError
        opcode = cursor.number(1)
        if opcode == 1:  # end_sequence
            if self.sequence and self.address > self.sequence[0].address:
                while self.sequence[-1].address >= self.address:
                    self.sequence.pop()
                self.sequence.append(Row(self.address, "", 0))
                self.unit.sequences.append(self.sequence)
            self._restart()
        elif opcode == 2:  # set_address
            self.address = cursor.number(min(length - 1, 8))
        cursor.position = end

    def _standard(self, opcode: int) -> None:
        cursor = self.cursor
        if opcode == 1:  # copy
            self._emit()
        elif opcode == 2:  # advance_pc
            self.address += cursor.uleb() * self.min_instruction
        elif opcode == 3:  # advance_line
            self.line += cursor.sleb()
        elif opcode == 4:  # set_file
            self.file = cursor.uleb()
        elif opcode == 8:  # const_add_pc
            self.address += (255 - self.opcode_base) // self.line_range * self.min_instruction
        elif opcode == 9:  # fixed_advance_pc
            self.address += cursor.number(2)
        else:  # set_column, negate_stmt, and what later standards add: nothing here but operands to skip
            for _ in range(self.opcode_lengths[opcode]):
                cursor.uleb()
