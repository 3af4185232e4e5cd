# SPDX-License-Identifier: Apache-2.0
"""Find the vector table: candidates from the best evidence to the weakest, each checked, the first valid one wins.

The first two words of a table are the initial stack pointer and the reset handler. Addresses are load addresses: at
reset the core reads the table where the flash tool put it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mcusim.errors import McusimError
from mcusim.image.headers import RawSection
from mcusim.image.model import NO_TABLE, Segment, VectorTable
from mcusim.image.symbols import RawSymbol

# How C libraries, vendors and RTOSes call it.
SYMBOLS = (
    "__isr_vector",
    "g_pfnVectors",
    "vector_table",
    "__Vectors",
    "_vectors",
    "__vector_table",
    "__VECTOR_TABLE",
    "vectors",
    "__vectors",
    "isr_vectors",
    "_isr_vectors",
    "isr_vector",
    "_vector_table",
    "_vector_start",
    "vector_base",
    "exception_table",
    "exception_vectors",
    "interrupt_vector_table",
    "Vectors",
    "pfnVectors",
    "gVectors",
)
SECTIONS = (
    ".isr_vector",
    ".vectors",
    ".vector_table",
    ".rom_vectors",
    "rom_start",
    ".intvecs",
    ".intvec",
    ".interrupts",
    ".vector",
    ".isr_vectors",
    "RESET",
    "vtable",
)
TABLE_ALIGN = 128  # VTOR has no lower bits (Armv7-M ARM B3.2.5); demanded of tables that nothing names


def find_vectors(
    where: str,
    segments: Sequence[Segment],
    sections: Sequence[tuple[RawSection, int]],
    symbols: Iterable[RawSymbol],
    entry: int | None,
    needed: bool = True,
) -> VectorTable:
    """Return the vector table of an image, or one that says that there is none where it is not `needed`.

    `sections` are those that occupy memory, with their load addresses; `entry` is the ELF entry point with its Thumb
    bit as the file has it. Raises McusimError naming what was tried when no candidate is a vector table.
    """
    memory = _Memory(segments, sections)
    tried = []
    for address, found_by in _candidates(memory, symbols, entry):
        why_not = memory.why_no_table(address)
        if why_not is None:
            stack, reset = memory.words(address) or (0, 0)
            # The core ignores the two lowest bits (Armv7-M ARM, B1.4.1); some linker scripts give the last byte of RAM.
            return VectorTable(address, stack & ~3, reset & ~1, found_by)
        tried.append(f"{found_by}: {why_not}")
    if not needed:
        return VectorTable(0, 0, 0, NO_TABLE)
    shown = "; ".join(dict.fromkeys(tried[:4])) or "no candidate"
    raise McusimError(f"{where}: no vector table found ({shown}): link the start-up code with its vector table")


class _Memory:
    """The image as the flash tool leaves it: bytes by load address."""

    def __init__(self, segments: Sequence[Segment], sections: Sequence[tuple[RawSection, int]]) -> None:
        self.segments = segments
        self.sections = sections

    def words(self, address: int) -> tuple[int, int] | None:
        """Return the two words at a load address, or None where the file has no bytes."""
        for segment in self.segments:
            offset = address - segment.load_address
            if offset >= 0 and offset + 8 <= len(segment.data):
                pair = segment.data[offset : offset + 8]
                return int.from_bytes(pair[:4], "little"), int.from_bytes(pair[4:], "little")
        return None

    def load_address(self, run_address: int, section_index: int) -> int:
        """Return the load address of a run address, by section (that tells overlays apart) or by segment."""
        for section, load in self.sections:
            if section.index == section_index and 0 <= run_address - section.address < section.size_bytes:
                return load + run_address - section.address
        for segment in self.segments:
            if 0 <= run_address - segment.run_address < len(segment.data):
                return segment.load_address + run_address - segment.run_address
        return run_address

    def why_no_table(self, address: int) -> str | None:
        """Return what speaks against a vector table at a load address, or None when nothing does."""
        pair = self.words(address)
        if address % 4 or pair is None:
            return f"no table of words in the image at 0x{address:08x}"
        stack, reset = pair
        if not self._is_ram_end(stack & ~3):
            return f"0x{stack:08x} at 0x{address:08x} is no initial stack pointer"
        if not reset % 2:
            return f"0x{reset:08x} at 0x{address + 4:08x} is no reset handler: its Thumb bit is clear"
        if not self._is_code(reset & ~1):
            return f"0x{reset:08x} at 0x{address + 4:08x} is no reset handler: not in code"
        return None

    def _is_ram_end(self, address: int) -> bool:
        """Return whether a stack may start here: RAM by the architecture's memory map, or a variable's segment."""
        if 0x10000000 < address <= 0x40000000 or 0x60000000 < address <= 0xA0000000:
            return True
        return any(s.writable and s.run_address < address <= s.run_address + s.size_bytes for s in self.segments)

    def _is_code(self, address: int) -> bool:
        named = [s for s, _ in self.sections if s.address <= address < s.address + s.size_bytes]
        if named:
            return any(section.executable for section in named)
        return any(
            segment.executable
            and (
                0 <= address - segment.run_address < segment.size_bytes
                or 0 <= address - segment.load_address < len(segment.data)
            )
            for segment in self.segments
        )


def _candidates(memory: _Memory, symbols: Iterable[RawSymbol], entry: int | None) -> Iterator[tuple[int, str]]:
    """Yield candidate load addresses, each with a phrase that says how it was found."""
    by_name: dict[str, list[RawSymbol]] = {}
    for symbol in symbols:
        if symbol.section and symbol.name in _SYMBOL_SET:
            by_name.setdefault(symbol.name, []).append(symbol)
    for name in SYMBOLS:
        for symbol in by_name.get(name, []):
            yield memory.load_address(symbol.value & ~1, symbol.section), f"symbol {name}"
    for name in SECTIONS:
        for section, load in memory.sections:
            if section.name == name:
                yield load, f"section {name}"
    for segment in memory.segments:
        if segment.data and segment.executable:
            yield segment.load_address, "start of the lowest code segment"
            break
    for segment in memory.segments:
        if segment.data:
            yield segment.load_address, "lowest load address"
            break
    yield 0, "address 0"
    if entry:
        yield from _before_entry(memory, entry | 1)


_SYMBOL_SET = frozenset(SYMBOLS)


def _before_entry(memory: _Memory, reset: int) -> Iterator[tuple[int, str]]:
    """Yield aligned places where the second word is the entry point: a table behind a boot header, say."""
    pattern = reset.to_bytes(4, "little")
    for segment in memory.segments:
        found = segment.data.find(pattern)
        while found >= 0:
            address = segment.load_address + found - 4
            if found >= 4 and address % TABLE_ALIGN == 0:
                yield address, "second word is the entry point"
            found = segment.data.find(pattern, found + 1)
