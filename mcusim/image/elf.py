# SPDX-License-Identifier: Apache-2.0
"""Build an `Image` from an ELF file: segments, sections and what they cost, entry point, and all the parts beside."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from mcusim.errors import McusimError
from mcusim.image.attributes import parse_attributes
from mcusim.image.headers import PF_W, PF_X, RawSection, RawSegment, Tables, read_tables
from mcusim.image.lines import LineTable
from mcusim.image.model import CpuHint, Image, Section, Segment, VectorTable, in_sram_window
from mcusim.image.signatures import Signatures
from mcusim.image.symbols import build_symbols, read_symbols
from mcusim.image.vectors import find_vectors

LEVELS_ABOVE = 3  # folders above the ELF's in which sources are looked for


def read_elf(path: Path, data: bytes, *, need_vectors: bool = True) -> Image:
    """Return the image in the bytes of an ELF file; `path` is used for names and messages only.

    `need_vectors` as in `load`. Raises McusimError for everything that is wrong with the file, whatever the library
    made of it.
    """
    try:
        return _read(path, data, need_vectors)
    except McusimError:
        raise
    except Exception as error:  # pyelftools raises many types on damaged files; all of them mean this
        detail = " ".join(str(error).split())[:120]
        raise McusimError(f"{path}: damaged ELF file ({type(error).__name__}: {detail}): build it again") from error


def _read(path: Path, data: bytes, need_vectors: bool) -> Image:
    where = str(path)
    tables = read_tables(where, data)
    cpu = _cpu_hint(tables)
    segments = _segments(tables)
    raw_symbols = read_symbols(tables)
    sections = _sections(tables, segments)
    vectors = find_vectors(where, segments, _loads(tables), raw_symbols, tables.entry or None, need_vectors)
    lines = LineTable(tables)
    return Image(
        name=path.name,
        sha256=sha256(data).hexdigest(),
        format="elf",
        cpu=cpu,
        segments=segments,
        sections=sections,
        symbols=build_symbols(raw_symbols, tables.sections),
        entry=_entry(tables, segments, vectors),
        vectors=vectors,
        folders_of=lambda: _search_folders(path, lines.folders()),
        line_at=lines.at,
        signature_at=Signatures(lambda: lines.dwarf).at,
        code_lines_of=lines.all,
    )


def _cpu_hint(tables: Tables) -> CpuHint:
    section = next((s for s in tables.sections if s.name == ".ARM.attributes" or s.type == "SHT_ARM_ATTRIBUTES"), None)
    return parse_attributes(tables.where, tables.content(section)) if section else CpuHint()


def _segments(tables: Tables) -> tuple[Segment, ...]:
    """Return the loadable segments in order of load address."""
    segments = []
    for raw in tables.segments:
        cut = _header_bytes_in(tables, raw)
        if cut >= raw.memory_bytes:
            continue
        segments.append(
            Segment(
                raw.load + cut,
                raw.run + cut,
                tables.data[raw.offset + cut : raw.offset + max(cut, raw.file_bytes)],
                raw.memory_bytes - cut,
                bool(raw.flags & PF_X),
                bool(raw.flags & PF_W),
            )
        )
    segments.sort(key=lambda segment: (segment.load_address, segment.run_address))
    stored = [segment for segment in segments if segment.data]
    if not stored:
        raise McusimError(f"{tables.where}: nothing to load: no section has bytes in it: link the firmware")
    for first, second in pairwise(stored):
        if second.load_address < first.load_address + len(first.data):
            raise McusimError(
                f"{tables.where}: two segments are loaded at 0x{second.load_address:08x}: check the link script"
            )
    return tuple(segments)


def _header_bytes_in(tables: Tables, raw: RawSegment) -> int:
    """Return how many bytes at the start of a segment are the file's own headers.

    GNU ld puts the ELF header into the first segment where the page size allows it; then the segment starts below the
    first section, often outside the board's memory. No flash tool programs those bytes.
    """
    if raw.offset >= tables.header_end or not raw.file_bytes or not tables.sections:
        return 0
    starts = []
    for section in tables.sections:
        if not section.allocated:
            continue
        if section.stored and raw.offset <= section.offset < raw.offset + raw.file_bytes:
            starts.append(section.offset - raw.offset)
        elif not section.stored and raw.run <= section.address < raw.run + raw.memory_bytes:
            starts.append(section.address - raw.run)
    return min(starts, default=raw.memory_bytes)


def _load_address(tables: Tables, section: RawSection) -> tuple[int, int]:
    """Return a section's load address and how many of its bytes are loaded."""
    for raw in tables.segments:
        if section.stored and raw.offset <= section.offset < raw.offset + raw.file_bytes:
            # By file offset: the sections of an overlay have one run address, and armlink stores .data beside .text.
            inside = raw.offset + raw.file_bytes - section.offset
            return raw.load + section.offset - raw.offset, min(section.size_bytes, inside)
        if not section.stored and raw.run <= section.address < raw.run + raw.memory_bytes:
            loaded = raw.run + raw.file_bytes - section.address
            return section.address, max(0, min(section.size_bytes, loaded))
    return section.address, 0


def _loads(tables: Tables) -> list[tuple[RawSection, int]]:
    """Return the sections that occupy memory, each with its load address."""
    return [(s, _load_address(tables, s)[0]) for s in tables.sections if s.allocated]


def _sections(tables: Tables, segments: tuple[Segment, ...]) -> tuple[Section, ...]:
    """Return the sections that occupy memory in order of run address, or one per segment where headers are stripped."""
    raws = [section for section in tables.sections if section.allocated]
    if not raws:
        return sections_of_segments(segments)
    sections = []
    for raw in raws:
        load, loaded = _load_address(tables, raw)
        flash = 0 if in_sram_window(load) else loaded
        in_ram = (
            load != raw.address
            or not raw.stored
            or in_sram_window(raw.address)
            or (raw.writable and raw.address >= 0x60000000)
        )
        ram = raw.size_bytes if in_ram else 0
        sections.append(Section(raw.name, raw.address, load, raw.size_bytes, _kind(raw), flash, ram))
    return _count_overlays_once(sections)


def sections_of_segments(segments: Iterable[Segment]) -> tuple[Section, ...]:
    """Return one section per segment, named by its address: what is known of a file without section headers."""
    sections = []
    for segment in segments:
        kind = "code" if segment.executable else "data" if segment.writable else "rodata"
        if not segment.data:
            kind = "bss"
        flash = 0 if in_sram_window(segment.load_address) else len(segment.data)
        in_ram = segment.load_address != segment.run_address or in_sram_window(segment.run_address)
        ram = segment.size_bytes if in_ram else 0
        name = f"0x{segment.load_address:08x}"
        sections.append(Section(name, segment.run_address, segment.load_address, segment.size_bytes, kind, flash, ram))
    return _count_overlays_once(sections)


def _kind(raw: RawSection) -> str:
    if raw.executable:
        return "code"
    if "stack" in raw.name.lower() and (raw.writable or not raw.stored):
        return "stack"
    if not raw.stored:
        return "bss"
    return "data" if raw.writable else "rodata"


def _count_overlays_once(sections: list[Section]) -> tuple[Section, ...]:
    """Charge SRAM that several sections share (overlays) once, to the section that starts first or is largest."""
    counted = []
    end = 0
    for section in sorted(sections, key=lambda s: (s.run_address, -s.size_bytes, s.load_address)):
        ram = section.sram_bytes
        if ram:
            last = section.run_address + section.size_bytes
            ram = max(0, last - max(end, section.run_address))
            end = max(end, last)
        counted.append(
            Section(
                section.name,
                section.run_address,
                section.load_address,
                section.size_bytes,
                section.kind,
                section.flash_bytes,
                ram,
            )
        )
    return tuple(counted)


def _entry(tables: Tables, segments: tuple[Segment, ...], vectors: VectorTable) -> int | None:
    """Return the entry point (Thumb bit cleared) if the file names one in code; McusimError if it is elsewhere.

    The core starts at the reset vector and never looks at it, so one that names the vector table is no error: some
    link scripts say so.
    """
    address = tables.entry & ~1
    if not address:
        return None
    for section in tables.sections:
        if not section.allocated or not section.address <= address < section.address + section.size_bytes:
            continue
        if section.executable:
            return None if address == vectors.address else address
        if address == vectors.address:
            return None
        raise McusimError(
            f"{tables.where}: the entry point 0x{tables.entry:08x} is in data ({section.name}), not in code"
        )
    for segment in segments:
        if segment.run_address <= address < segment.run_address + segment.size_bytes:
            if segment.executable:
                return address
            raise McusimError(f"{tables.where}: the entry point 0x{tables.entry:08x} is in data, not in code")
    raise McusimError(f"{tables.where}: the entry point 0x{tables.entry:08x} is outside the image: check the link")


def _search_folders(path: Path, compilation: tuple[str, ...]) -> tuple[str, ...]:
    """Return where source files may lie: compilation folders, those that are relative seen from the file upwards.

    Never the current folder: what a profile says must not depend on where it was made.
    """
    home = path.resolve().parent
    above = (home, *list(home.parents)[:LEVELS_ABOVE])
    relative = [folder for folder in compilation if not folder.startswith("/")]
    found = [folder for folder in compilation if folder.startswith("/")]
    return tuple(dict.fromkeys([*found, *(str(start / folder) for folder in relative for start in above)]))
