# SPDX-License-Identifier: Apache-2.0
"""The tables of an ELF file, checked: header, program headers, section headers.

Everything later code relies on is checked here once: this is 32-bit little-endian Arm, linked, and every table, segment
and section lies inside the file. So a truncated file is refused before anything looks into it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from elftools.common.utils import struct_parse
from elftools.elf.elffile import ELFFile

from mcusim.errors import McusimError

HEADER_BYTES, PROGRAM_HEADER_BYTES, SECTION_HEADER_BYTES = 52, 32, 40
MAX_SECTIONS = 4096
MAX_NAME_BYTES = 4096
MAX_SEGMENT_BYTES = 256 << 20  # more memory than any board has; a damaged size is usually larger still

SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR, SHF_TLS = 1, 2, 4, 0x400
PF_X, PF_W = 1, 2
PN_XNUM = 0xFFFF

EM_ARM = 40
MACHINES = {
    3: "x86",
    8: "MIPS",
    20: "PowerPC",
    62: "x86-64",
    83: "AVR",
    94: "Xtensa",
    105: "MSP430",
    183: "AArch64 (64-bit Arm)",
    243: "RISC-V",
}
TYPES = {
    1: "an object file (.o), not linked: link it and give the linked ELF",
    3: "a shared or position-independent executable: link the firmware at a fixed address",
    4: "a core dump, not a firmware: give the linked ELF",
}


@dataclass(frozen=True)
class RawSegment:
    """A PT_LOAD program header: sizes and file offset in bytes, `load` the physical and `run` the virtual address."""

    offset: int
    run: int
    load: int
    file_bytes: int
    memory_bytes: int
    flags: int


@dataclass(frozen=True)
class RawSection:
    """A section header. `type` is pyelftools' name of it (SHT_PROGBITS), or a number it does not know."""

    index: int
    name: str
    type: str | int
    flags: int
    address: int
    offset: int
    size_bytes: int
    link: int
    entry_bytes: int

    @property
    def allocated(self) -> bool:
        """True when the section occupies memory as the program runs (thread-local templates' zeroes do not)."""
        zero_template = self.flags & SHF_TLS and not self.stored
        return bool(self.flags & SHF_ALLOC) and self.size_bytes > 0 and not zero_template

    @property
    def executable(self) -> bool:
        """True for code."""
        return bool(self.flags & SHF_EXECINSTR)

    @property
    def writable(self) -> bool:
        """True for variables."""
        return bool(self.flags & SHF_WRITE)

    @property
    def stored(self) -> bool:
        """True when the file holds the section's bytes (.bss has none)."""
        return self.type not in ("SHT_NOBITS", "SHT_NULL")


@dataclass(frozen=True)
class Tables:
    """An ELF file's bytes and its checked tables. `where` names the file in messages."""

    where: str
    data: bytes
    entry: int
    header_end: int  # file offset after the ELF header and, where they follow it, the program headers
    segments: tuple[RawSegment, ...]
    sections: tuple[RawSection, ...]

    def content(self, section: RawSection) -> bytes:
        """Return the bytes the file stores for a section."""
        if not section.stored:
            return b""
        return self.data[section.offset : section.offset + section.size_bytes]


def read_tables(where: str, data: bytes) -> Tables:
    """Return the checked tables of the ELF file `data`; McusimError says why it is no Cortex-M executable."""
    _check_identity(where, data)
    elf = ELFFile(BytesIO(data))
    header = elf.header
    _check_table(where, data, "program header", header["e_phoff"], header["e_phnum"], PROGRAM_HEADER_BYTES)
    if header["e_phnum"] == PN_XNUM:
        raise McusimError(f"{where}: damaged ELF file: {PN_XNUM} program headers")
    if header["e_phnum"] and header["e_phentsize"] != PROGRAM_HEADER_BYTES:
        raise McusimError(f"{where}: damaged ELF file: program headers of {header['e_phentsize']} bytes, not 32")
    segments = _read_segments(where, data, elf)
    sections = _read_sections(where, data, elf)
    header_end = HEADER_BYTES
    if header["e_phoff"] == HEADER_BYTES:
        header_end += header["e_phnum"] * PROGRAM_HEADER_BYTES
    return Tables(where, data, header["e_entry"], header_end, segments, sections)


def _check_identity(where: str, data: bytes) -> None:
    """Refuse what is not a linked 32-bit little-endian Arm ELF file."""
    if len(data) < HEADER_BYTES:
        raise McusimError(f"{where}: truncated: {len(data)} bytes, and an ELF header has {HEADER_BYTES}")
    if data[4] == 2:
        raise McusimError(f"{where}: a 64-bit ELF file: mcusim runs 32-bit Cortex-M firmware")
    if data[5] == 2:
        raise McusimError(
            f"{where}: big-endian: mcusim runs little-endian Cortex-M firmware: build without -mbig-endian"
        )
    if data[4] != 1 or data[5] != 1:
        raise McusimError(f"{where}: damaged ELF file: class {data[4]}, byte order {data[5]}")
    kind, machine = struct.unpack_from("<HH", data, 16)
    if machine != EM_ARM:
        name = MACHINES.get(machine, f"machine number {machine}")
        raise McusimError(f"{where}: built for {name}: mcusim runs Arm Cortex-M firmware")
    if kind != 2:
        what = TYPES.get(kind, f"an ELF file of unknown type {kind}: give the linked firmware")
        raise McusimError(f"{where}: {what}")


def _check_table(where: str, data: bytes, what: str, offset: int, count: int, entry_bytes: int) -> None:
    """Refuse a table of headers that reaches past the end of the file."""
    end = offset + count * entry_bytes
    if count and end > len(data):
        raise McusimError(f"{where}: truncated or damaged: the {what}s end at byte {end}, the file at {len(data)}")


def _read_segments(where: str, data: bytes, elf: Any) -> tuple[RawSegment, ...]:
    """Return the PT_LOAD segments that occupy memory, in file order."""
    segments = []
    for index in range(elf.header["e_phnum"]):
        head = struct_parse(elf.structs.Elf_Phdr, elf.stream, elf.header["e_phoff"] + index * PROGRAM_HEADER_BYTES)
        if head["p_type"] != "PT_LOAD" or not head["p_memsz"]:
            continue
        segment = RawSegment(
            head["p_offset"], head["p_vaddr"], head["p_paddr"], head["p_filesz"], head["p_memsz"], head["p_flags"]
        )
        _check_segment(where, data, index, segment)
        segments.append(segment)
    if not any(segment.file_bytes for segment in segments):
        raise McusimError(
            f"{where}: nothing to load: the file has no loadable segment with bytes in it: link the firmware"
        )
    return tuple(segments)


def _check_segment(where: str, data: bytes, index: int, segment: RawSegment) -> None:
    """Refuse a segment outside the file or the address space."""
    name = f"segment {index} at 0x{segment.run:08x}"
    if segment.offset + segment.file_bytes > len(data):
        end = segment.offset + segment.file_bytes
        raise McusimError(f"{where}: truncated: {name} ends at byte {end} of the file, which has {len(data)}")
    if segment.file_bytes > segment.memory_bytes:
        raise McusimError(
            f"{where}: damaged ELF file: {name} has {segment.file_bytes} bytes in {segment.memory_bytes} of memory"
        )
    if segment.memory_bytes > MAX_SEGMENT_BYTES:
        raise McusimError(f"{where}: {name} has {segment.memory_bytes} bytes: no microcontroller has that memory")
    if max(segment.run + segment.memory_bytes, segment.load + segment.file_bytes) > 1 << 32:
        raise McusimError(f"{where}: damaged ELF file: {name} reaches past the end of the address space")


def _read_sections(where: str, data: bytes, elf: Any) -> tuple[RawSection, ...]:
    """Return all sections, or none for a file without section headers."""
    offset, count = elf.header["e_shoff"], elf.header["e_shnum"]
    if not offset or not count:
        return ()
    if elf.header["e_shentsize"] != SECTION_HEADER_BYTES or count > MAX_SECTIONS:
        raise McusimError(
            f"{where}: damaged ELF file: {count} section headers of {elf.header['e_shentsize']} bytes each"
        )
    _check_table(where, data, "section header", offset, count, SECTION_HEADER_BYTES)
    heads = [struct_parse(elf.structs.Elf_Shdr, elf.stream, offset + i * SECTION_HEADER_BYTES) for i in range(count)]
    names = b""
    if elf.header["e_shstrndx"] < count:
        strings = heads[elf.header["e_shstrndx"]]
        names = data[strings["sh_offset"] : strings["sh_offset"] + strings["sh_size"]]
    sections = tuple(_section(where, index, head, names) for index, head in enumerate(heads))
    for section in sections:
        end = section.offset + section.size_bytes
        if section.stored and end > len(data):
            raise McusimError(
                f"{where}: truncated: section {section.name or section.index} ends at byte {end} of the file, "
                f"which has {len(data)}"
            )
    return sections


def _section(where: str, index: int, head: Any, names: bytes) -> RawSection:
    """Return one section header with its name looked up."""
    return RawSection(
        index,
        string_at(where, names, head["sh_name"]),
        head["sh_type"],
        head["sh_flags"],
        head["sh_addr"],
        head["sh_offset"],
        head["sh_size"],
        head["sh_link"],
        head["sh_entsize"],
    )


def string_at(where: str, table: bytes, offset: int) -> str:
    """Return the NUL-terminated name at `offset` of a string table, printable, or "" outside it.

    Bounded: in a damaged table one string could be the rest of the file, and every name such a string.
    """
    if offset >= len(table):
        return ""
    end = table.find(b"\0", offset, offset + MAX_NAME_BYTES)
    if end < 0:
        end = len(table)
        if end - offset >= MAX_NAME_BYTES:
            raise McusimError(f"{where}: damaged ELF file: a name of more than {MAX_NAME_BYTES} bytes")
    name = table[offset:end].decode("utf-8", errors="replace")
    return name if name.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in name)
