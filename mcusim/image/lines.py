# SPDX-License-Identifier: Apache-2.0
"""Source lines by code address, from DWARF 2 to 5.

`.debug_line` is decoded here rather than by pyelftools: it is read on every profile, a program of some thousand opcodes
is an order of magnitude faster this way, and every loop is bounded by the bytes it consumes. Damaged debug information
costs line numbers, never the run: a unit that cannot be read is left out.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from io import BytesIO
from typing import Any

from elftools.elf.elffile import ELFFile

from mcusim.image.headers import Tables
from mcusim.image.lineprogram import LineUnit, Row, parse_units
from mcusim.image.model import SourceLine

MAX_DEBUG_BYTES = 64 << 20  # per section once decompressed
MAX_UNITS = 20_000
SHF_COMPRESSED = 0x800
DEBUG_SECTIONS = tuple(
    ".debug_" + name
    for name in (
        "info", "abbrev", "str", "line", "line_str", "aranges", "ranges", "rnglists", "loc", "loclists", "addr",
        "str_offsets", "types",
    )
)  # fmt: skip


class LineTable:
    """Line look-up of one image. Nothing is decoded before the first question."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def at(self, address: int) -> SourceLine | None:
        """Return the source line of a code address, or None where no debug information covers it."""
        starts, lines = self._rows
        index = bisect_right(starts, address) - 1
        return lines[index] if index >= 0 else None

    def all(self) -> tuple[SourceLine, ...]:
        """Return every source line that has code, each once, by address."""
        return tuple(dict.fromkeys(line for line in self._rows[1] if line is not None))

    def folders(self) -> tuple[str, ...]:
        """Return the compilation directories, in order of first use."""
        found = dict.fromkeys(unit.folder for unit in self._units if unit.folder)
        dwarf = self.dwarf if any(unit.version < 5 for unit in self._units) else None
        if dwarf is not None:
            found.update(dict.fromkeys(_compilation_folders(dwarf)))
        return tuple(found)

    @cached_property
    def dwarf(self) -> Any:
        """pyelftools' view of the debug sections, or None: absent, damaged, or too large to be meant."""
        if not all(_sensible(self._tables, name) for name in DEBUG_SECTIONS):
            return None
        try:
            elf = ELFFile(BytesIO(self._tables.data))
            # No relocation: a linked file kept with --emit-relocs has its relocations applied already. No links: a
            # separate debug file is a file nobody named.
            return elf.get_dwarf_info(relocate_dwarf_sections=False, follow_links=False)
        except Exception:  # whatever the library trips over in debug sections only costs line numbers
            return None

    @cached_property
    def _units(self) -> list[LineUnit]:
        dwarf = self.dwarf
        if dwarf is None or dwarf.debug_line_sec is None:
            return []
        return parse_units(_bytes(dwarf.debug_line_sec), _bytes(dwarf.debug_line_str_sec), _bytes(dwarf.debug_str_sec))

    @cached_property
    def _rows(self) -> tuple[list[int], list[SourceLine | None]]:
        """Start addresses, ascending, and the line that holds from each on (None: a gap)."""
        code = [(s.address, s.address + s.size_bytes) for s in self._tables.sections if s.allocated and s.executable]
        sequences = sorted(
            (sequence for unit in self._units for sequence in unit.sequences if _is_linked(sequence, code)),
            key=lambda sequence: sequence[0].address,
        )
        starts: list[int] = []
        lines: list[SourceLine | None] = []
        known: dict[tuple[str, int], SourceLine] = {}
        end = 0
        for sequence in sequences:
            if sequence[0].address < end:
                continue  # a second copy of one function's lines; the first is as good
            for row in sequence:
                line = known.setdefault((row.file, row.line), SourceLine(row.file, row.line)) if row.line else None
                if starts and starts[-1] == row.address:
                    lines[-1] = line
                else:
                    starts.append(row.address)
                    lines.append(line)
            end = sequence[-1].address
        return starts, lines


def _is_linked(sequence: list[Row], code: list[tuple[int, int]]) -> bool:
    """Return whether a sequence describes code of this image: the lines of discarded functions remain, at address 0.

    No code of a Cortex-M starts at address 0 when the vector table is there, and where it is not, address 0 is rarely
    in a section: so nothing is lost.
    """
    first, last = sequence[0].address, sequence[-1].address
    return first > 0 and any(start <= first and last <= end for start, end in code)


def _bytes(section: Any) -> bytes:
    """Return the content of a debug section of pyelftools, b"" for None."""
    return bytes(section.stream.getvalue()) if section is not None else b""


def _sensible(tables: Tables, name: str) -> bool:
    """Return whether a debug section, decompressed, has a size that can be meant."""
    for section in tables.sections:
        if section.name not in (name, ".z" + name[1:]):
            continue
        size = section.size_bytes
        if section.flags & SHF_COMPRESSED:
            size = int.from_bytes(tables.data[section.offset + 4 : section.offset + 8], "little")
        elif section.name.startswith(".z"):
            size = int.from_bytes(tables.data[section.offset + 4 : section.offset + 12], "big")
        if size > MAX_DEBUG_BYTES:
            return False
    return True


def _compilation_folders(dwarf: Any) -> list[str]:
    """Return DW_AT_comp_dir of every unit that can be read."""
    folders = []
    try:
        for count, unit in enumerate(dwarf.iter_CUs()):
            attribute = unit.get_top_DIE().attributes.get("DW_AT_comp_dir")
            if attribute is not None and isinstance(attribute.value, bytes):
                folders.append(attribute.value.decode("utf-8", errors="replace"))
            if count >= MAX_UNITS:
                break
    except Exception:  # a damaged unit ends the list; the folders before it still help
        pass
    return folders
