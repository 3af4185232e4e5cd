# SPDX-License-Identifier: Apache-2.0
"""Write tiny ELF files by hand, so that the tests of the image need no compiler.

Every allocated section gets a segment of its own. `firmware()` is the smallest image that is right; tests change one
thing in it and see what the reader says.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

PROGBITS, SYMTAB, STRTAB, NOBITS, ATTRIBUTES = 1, 2, 3, 8, 0x70000003
WRITE, ALLOC, EXEC = 1, 2, 4
NOTYPE, OBJECT, FUNC, FILE = 0, 1, 2, 4
LOCAL, GLOBAL, WEAK = 0, 1, 2
ABS = 0xFFF1

FLASH, RAM, STACK_TOP = 0x08000000, 0x20000000, 0x20030000
NOP, RETURN = b"\x00\xbf", b"\x70\x47"


@dataclass
class Section:
    """A section; `load` is its load address where it is not `address`, `size` that of a section without bytes."""

    name: str
    address: int = 0
    data: bytes = b""
    flags: int = 0
    type: int = PROGBITS
    load: int | None = None
    size: int = 0
    link: int = 0
    entry_size: int = 0


@dataclass
class Elf:
    """An ELF file to be: change what a test is about, then `build()`."""

    sections: list[Section] = field(default_factory=list)
    symbols: list[tuple[str, int, int, int, int, int | str]] = field(default_factory=list)
    entry: int = 0
    elf_class: int = 1
    byte_order: int = 1
    type: int = 2
    machine: int = 40
    with_segments: bool = True
    with_sections: bool = True

    def section(self, name: str) -> Section:
        """Return the section of this name."""
        return next(section for section in self.sections if section.name == name)

    def symbol(
        self, name: str, value: int, size: int = 0, kind: int = NOTYPE, bind: int = LOCAL, home: int | str = ".text"
    ) -> None:
        """Add a symbol; `home` is its section's name or a special index."""
        self.symbols.append((name, value, size, kind, bind, home))

    def build(self) -> bytes:
        """Return the bytes: header, program headers, contents, section headers last as linkers do."""
        sections = [Section("", type=0), *self.sections]
        if self.symbols:
            sections += self._symbol_sections(len(sections))
        sections.append(Section(".shstrtab", type=STRTAB))
        names, name_at = _strings([section.name for section in sections])
        sections[-1].data = names
        allocated = [s for s in sections if s.flags & ALLOC] if self.with_segments else []
        body_at = 52 + 32 * len(allocated)
        body = b""
        offsets = []
        for section in sections:
            body += b"\0" * (-len(body) % 4)
            offsets.append(body_at + len(body))
            body += section.data
        body += b"\0" * (-len(body) % 4)
        offset_of = {id(section): offset for section, offset in zip(sections, offsets, strict=True)}
        segments = b"".join(_program_header(s, offset_of[id(s)]) for s in allocated)
        headers = b""
        if self.with_sections:
            for section, offset in zip(sections, offsets, strict=True):
                size = len(section.data) or section.size
                headers += struct.pack(
                    "<10I", name_at[section.name], section.type, section.flags, section.address, offset, size,
                    section.link, 0, 4, section.entry_size,
                )  # fmt: skip
        count = len(sections) if self.with_sections else 0
        header = b"\x7fELF" + bytes([self.elf_class, self.byte_order, 1]) + bytes(9)
        header += struct.pack(
            "<HHIIIIIHHHHHH", self.type, self.machine, 1, self.entry, 52 if allocated else 0,
            body_at + len(body) if count else 0, 0x05000200, 52, 32, len(allocated), 40, count, max(0, count - 1),
        )  # fmt: skip
        return header + segments + body + headers

    def _symbol_sections(self, index: int) -> list[Section]:
        names, name_at = _strings(["", *(symbol[0] for symbol in self.symbols)])
        homes = {section.name: i + 1 for i, section in enumerate(self.sections)}
        rows = bytes(16)
        for name, value, size, kind, bind, home in self.symbols:
            where = homes[home] if isinstance(home, str) else home
            rows += struct.pack("<IIIBBH", name_at[name], value, size, bind << 4 | kind, 0, where)
        return [
            Section(".symtab", data=rows, type=SYMTAB, link=index + 1, entry_size=16),
            Section(".strtab", data=names, type=STRTAB),
        ]


def _program_header(section: Section, offset: int) -> bytes:
    load = section.address if section.load is None else section.load
    flags = 4 | (1 if section.flags & EXEC else 0) | (2 if section.flags & WRITE else 0)
    stored = 0 if section.type == NOBITS else len(section.data)
    return struct.pack(
        "<8I", 1, offset, section.address, load, stored, len(section.data) or section.size, flags, 4
    )  # fmt: skip


def _strings(names: list[str]) -> tuple[bytes, dict[str, int]]:
    table = b"\0"
    positions = {"": 0}
    for name in names:
        if name not in positions:
            positions[name] = len(table)
            table += name.encode() + b"\0"
    return table, positions


def uleb(value: int) -> bytes:
    """Return unsigned LEB128."""
    out = b""
    while True:
        value, low = value >> 7, value & 0x7F
        if not value:
            return out + bytes([low])
        out += bytes([low | 0x80])


def attributes(name: str = "7E-M", arch: int = 13, profile: str = "M", fp: int = 6, hard_fp: int = 1) -> bytes:
    """Return a build attributes section; 0 (or "") leaves a tag out."""
    tags = b""
    if name:
        tags += b"\x05" + name.encode() + b"\0"
    if arch >= 0:
        tags += b"\x06" + uleb(arch)
    if profile:
        tags += b"\x07" + uleb(ord(profile))
    tags += b"\x09\x02"
    if fp:
        tags += b"\x0a" + uleb(fp)
    if hard_fp:
        tags += b"\x1b" + uleb(hard_fp)
    scope = b"\x01" + struct.pack("<I", 5 + len(tags)) + tags
    vendor = b"aeabi\0" + scope
    return b"A" + struct.pack("<I", 4 + len(vendor)) + vendor


def vector_table(reset: int, stack: int = STACK_TOP, count: int = 16) -> bytes:
    """Return a vector table whose handlers are all `reset` (Thumb bit set here)."""
    return struct.pack(f"<{count}I", stack, *[reset | 1] * (count - 1))


def firmware(code: bytes = NOP * 30 + RETURN) -> Elf:
    """Return the smallest right image: vectors and code in flash, `.data` copied to RAM, `.bss`, build attributes."""
    text = FLASH + 64
    elf = Elf(entry=text | 1)
    elf.sections = [
        Section(".isr_vector", FLASH, vector_table(text), ALLOC),
        Section(".text", text, code, ALLOC | EXEC),
        Section(".data", RAM, b"DATA" * 4, ALLOC | WRITE, load=text + len(code)),
        Section(".bss", RAM + 16, b"", ALLOC | WRITE, NOBITS, size=32),
        Section(".ARM.attributes", data=attributes(), type=ATTRIBUTES),
    ]
    elf.symbol("$d", FLASH, home=".isr_vector")
    elf.symbol("$t", text)
    elf.symbol("g_pfnVectors", FLASH, 64, OBJECT, GLOBAL, ".isr_vector")
    elf.symbol("Reset_Handler", text | 1, 8, FUNC, GLOBAL)
    return elf
