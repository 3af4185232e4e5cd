# SPDX-License-Identifier: Apache-2.0
"""What a firmware file says: segments, sections, symbols, vector table.

Words, settled once (all ranges are half-open, all code addresses have the Thumb bit cleared):

- *load address* (LMA): where the bytes lie in the file's memory image, that is, in flash.
- *run address* (VMA): where the program expects them when it runs. They differ for `.data`, which start-up code copies.
- *flash cost* of a section: bytes it occupies at its load address. *SRAM cost*: bytes it occupies at its run address
  when that is RAM. `.data` costs both, `.text` costs flash only, `.bss` costs SRAM only.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from mcusim.image.debugtypes import Signature

NO_TABLE = "none"  # how a vector table was found that is not there
SRAM_WINDOW = range(0x20000000, 0x40000000)  # RAM on every Cortex-M (Armv7-M ARM B3.1, system address map)


def in_sram_window(address: int) -> bool:
    """Return whether an address is RAM by the architecture, whatever the board."""
    return address in SRAM_WINDOW


@dataclass(frozen=True)
class Segment:
    """Bytes the file puts into memory. `size_bytes` may exceed `len(data)`: the program zeroes the rest itself."""

    load_address: int
    run_address: int
    data: bytes
    size_bytes: int
    executable: bool
    writable: bool


@dataclass(frozen=True)
class Section:
    """A named part of the image and what it costs. `kind` is code, rodata, data, bss or stack."""

    name: str
    run_address: int
    load_address: int
    size_bytes: int
    kind: str
    flash_bytes: int
    sram_bytes: int


@dataclass(frozen=True)
class Symbol:
    """A function or an object.

    `name` is for people: demangled, and made unique with `(file.c)` where several statics share it. `raw_name` is what
    the file says. `aliases` are other raw names at the same address. `size_inferred` is true where the file gave no
    size (assembly) and the next symbol or the section's end supplied it.
    """

    name: str
    raw_name: str
    address: int
    size_bytes: int
    kind: str  # "function" or "object"
    file: str | None
    aliases: tuple[str, ...] = ()
    size_inferred: bool = False

    @property
    def end(self) -> int:
        """First address after the symbol."""
        return self.address + self.size_bytes


@dataclass(frozen=True)
class VectorTable:
    """Where the exception vectors are, and how we know (`found_by` is a phrase for the report)."""

    address: int
    initial_sp: int
    reset: int  # Thumb bit cleared
    found_by: str

    @property
    def missing(self) -> bool:
        """True where the file has none (`load` with `need_vectors` false): the other numbers mean nothing."""
        return self.found_by == NO_TABLE


@dataclass(frozen=True)
class CpuHint:
    """What the build attributes say: `.ARM.attributes` Tag_CPU_name, Tag_CPU_arch and the floating-point unit.

    `arch` is one of armv6-m, armv7-m, armv7e-m, armv8-m.base, armv8-m.main, armv8.1-m.main or None; `fpu` is the unit
    that the code needs: none, sp, dp, or None when the file does not say (.hex, .bin, attributes stripped).
    `hard_float` is true where functions take floating-point arguments in its registers (-mfloat-abi=hard).
    """

    cpu_name: str | None = None
    arch: str | None = None
    fpu: str | None = None
    hard_float: bool = False


@dataclass(frozen=True)
class SourceLine:
    """A line of source: file as DWARF names it (relative where it was compiled relative), 1-based line number."""

    file: str
    line: int


def _no_line(address: int) -> SourceLine | None:
    return None


def _no_signature(address: int) -> Signature | None:
    return None


def _no_folders() -> tuple[str, ...]:
    return ()


def _no_lines() -> tuple[SourceLine, ...]:
    return ()


@dataclass(frozen=True)
class Image:
    """A firmware file, read and checked.

    `line_at` maps a code address to its source line, by DWARF; it reads the debug sections on first use, and so do
    `folders` and `signature_at`, which maps a function's address to what it takes.
    """

    name: str  # base name of the file, never its folder
    sha256: str
    format: str  # "elf", "hex" or "bin"
    cpu: CpuHint
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]  # sorted by address; one per address and kind
    entry: int | None
    vectors: VectorTable
    folders_of: Callable[[], tuple[str, ...]] = field(default=_no_folders, compare=False, repr=False)
    line_at: Callable[[int], SourceLine | None] = field(default=_no_line, compare=False, repr=False)
    signature_at: Callable[[int], Signature | None] = field(default=_no_signature, compare=False, repr=False)
    code_lines_of: Callable[[], tuple[SourceLine, ...]] = field(default=_no_lines, compare=False, repr=False)

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """Folders to look in for source files that `line_at` names (compilation directories)."""
        return self.folders_of()

    @cached_property
    def code_lines(self) -> tuple[SourceLine, ...]:
        """Every source line that has code in the image, each once, by the address of its first instruction."""
        return self.code_lines_of()

    @property
    def flash_bytes(self) -> int:
        """Bytes the image occupies in flash: all loaded bytes, but those a debugger loads into RAM."""
        return sum(len(segment.data) for segment in self.segments if not in_sram_window(segment.load_address))

    @property
    def sram_bytes(self) -> int:
        """Bytes of statics (data and bss) the image occupies in RAM, by its sections."""
        return sum(section.sram_bytes for section in self.sections)

    @property
    def statics_end(self) -> int:
        """First address after the variables below the initial stack pointer: where a heap may start."""
        ends = [segment.run_address + segment.size_bytes for segment in self.segments if segment.writable]
        top = self.vectors.initial_sp
        below = [end for end in ends if end <= top and in_sram_window(end - 1)]
        return (max(below, default=top) + 7) & ~7

    @cached_property
    def functions(self) -> tuple[Symbol, ...]:
        """Functions sorted by address."""
        return tuple(symbol for symbol in self.symbols if symbol.kind == "function")

    @cached_property
    def _function_starts(self) -> list[int]:
        return [symbol.address for symbol in self.functions]

    def function_at(self, address: int) -> Symbol | None:
        """Return the function whose half-open range holds `address`, or None."""
        index = bisect_right(self._function_starts, address) - 1
        if index >= 0 and address < self.functions[index].end:
            return self.functions[index]
        return None

    def object_at(self, address: int) -> Symbol | None:
        """Return the variable or constant whose half-open range holds `address`, or None."""
        found = [symbol for symbol in self.symbols if symbol.kind == "object"]
        return next((symbol for symbol in found if symbol.address <= address < symbol.end), None)

    def find_symbol(self, name: str) -> Symbol | None:
        """Return the symbol of this name, or None. A C++ name needs no parameters where only one function has it."""
        for symbol in self.symbols:
            if name in (symbol.name, symbol.raw_name) or name in symbol.aliases:
                return symbol
        named = [symbol for symbol in self.symbols if symbol.name.partition("(")[0] == name]
        return named[0] if len(named) == 1 else None
