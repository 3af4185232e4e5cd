# SPDX-License-Identifier: Apache-2.0
"""From an ELF symbol table to functions and objects that a report can name.

What the linker leaves is not yet that: mapping symbols, several names for one address, assembly without sizes or types,
labels inside functions, statics that share a name. The rules, in the order in which they are applied:

- Mapping symbols ($t code, $d data), section and file symbols, and `.L` labels are no symbols of the program.
- Names at one address are one symbol: a typed one names it before a label, global before weak before local, then the
  shortest name. The others become aliases.
- An untyped label in code is a function, one in data an object. A *local* label within the code after another function
  is a place in that function, and so is any label inside a function that has a size.
- Where two typed functions overlap (libgcc falls from `__subdf3` into `__adddf3`) the first ends where the second
  starts, if the second reaches the end of the first; otherwise the second is an inner label.
- A missing size reaches to the next symbol or to the end of the section.
- Functions never overlap. Where two overlay sections share run addresses, the functions of the first one stay.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from mcusim.errors import McusimError
from mcusim.image.headers import RawSection, Tables, string_at
from mcusim.image.model import Symbol
from mcusim.image.names import demangle

NOTYPE, OBJECT, FUNC, FILE, COMMON, IFUNC = 0, 1, 2, 4, 5, 10
LOCAL, GLOBAL = 0, 1
SYMBOL_BYTES = 16
MAX_NAMES_BYTES = 64 << 20  # all names together; damaged tables can make each name the rest of the table
_MAPPING = re.compile(r"\$[adtx](\..*)?")
_BIND_ORDER = {1: 0, 2: 1, 0: 2}  # global, weak, local


class RawSymbol(NamedTuple):
    """A row of the symbol table. `file` is the STT_FILE that a local symbol follows."""

    name: str
    value: int
    size_bytes: int
    type: int
    bind: int
    section: int
    file: str | None


def read_symbols(tables: Tables) -> list[RawSymbol]:
    """Return the rows of `.symtab`, or none for a stripped file."""
    section = next((s for s in tables.sections if s.type == "SHT_SYMTAB"), None)
    if section is None:
        return []
    content = tables.content(section)
    if len(content) % SYMBOL_BYTES or section.link >= len(tables.sections):
        raise McusimError(f"{tables.where}: damaged ELF file: its symbol table has {len(content)} bytes")
    names = tables.content(tables.sections[section.link])
    symbols = []
    file: str | None = None
    total = 0
    for name_at, value, size, info, _, index in struct.iter_unpack("<IIIBBH", content):
        name = string_at(tables.where, names, name_at)
        total += len(name)
        if total > MAX_NAMES_BYTES:
            raise McusimError(f"{tables.where}: damaged ELF file: more than {MAX_NAMES_BYTES} bytes of symbol names")
        kind, bind = info & 15, info >> 4
        if kind == FILE:
            file = name or None
        symbols.append(RawSymbol(name, value, size, kind, bind, index, file if bind == LOCAL else None))
    return symbols


def build_symbols(raw: Sequence[RawSymbol], sections: Sequence[RawSection]) -> tuple[Symbol, ...]:
    """Return the functions and objects of the image, sorted by address, by the rules above."""
    groups = _group(raw, sections)
    symbols: list[Symbol] = []
    for section in sections:
        symbols += _section_symbols(section, groups.get(section.index, []))
    symbols.sort(key=lambda s: (s.address, s.kind))
    return tuple(_name_apart(_without_overlays(symbols)))


@dataclass
class _Group:
    """The names at one address of a section, by what they can be."""

    address: int
    functions: list[RawSymbol]
    objects: list[RawSymbol]
    labels: list[RawSymbol]
    in_code: bool  # code lies here, by the section and its mapping symbols


def _group(raw: Iterable[RawSymbol], sections: Sequence[RawSection]) -> dict[int, list[_Group]]:
    """Group the symbols that count by section and address, in order of address."""
    allocated = [section for section in sections if section.allocated]
    homes = {section.index: section for section in allocated}
    mapping = _Mapping(raw)
    groups: dict[tuple[int, int], _Group] = {}
    for symbol in raw:
        if symbol.type not in (NOTYPE, OBJECT, FUNC, COMMON, IFUNC) or not symbol.section or not symbol.name:
            continue
        if symbol.name.startswith(".L") or _MAPPING.fullmatch(symbol.name):
            continue
        thumb = symbol.value & 1
        is_function = symbol.type in (FUNC, IFUNC)
        # Data may start at an odd address; a label in code with the lowest bit set is a Thumb address.
        home = homes.get(symbol.section)
        address = (
            symbol.value & ~1 if is_function or (symbol.type == NOTYPE and home and home.executable) else symbol.value
        )
        if home is None:
            home = _section_at(allocated, address)
        if home is None or not home.address <= address < home.address + home.size_bytes:
            continue  # a linker script's constant, or the end of a section
        in_code = home.executable and mapping.is_code(home.index, address, bool(thumb))
        key = (home.index, address)
        group = groups.setdefault(key, _Group(address, [], [], [], in_code))
        row = group.functions if is_function else group.labels if symbol.type == NOTYPE else group.objects
        row.append(symbol)
    by_section: dict[int, list[_Group]] = {}
    for (index, _), group in sorted(groups.items()):
        by_section.setdefault(index, []).append(group)
    return by_section


def _section_at(allocated: Iterable[RawSection], address: int) -> RawSection | None:
    return next((s for s in allocated if s.address <= address < s.address + s.size_bytes), None)


class _Mapping:
    """The mapping symbols: from each on, a section holds code ($t) or data ($d)."""

    def __init__(self, raw: Iterable[RawSymbol]) -> None:
        marks: dict[int, list[tuple[int, bool]]] = {}
        for symbol in raw:
            if symbol.type == NOTYPE and symbol.section and _MAPPING.fullmatch(symbol.name):
                marks.setdefault(symbol.section, []).append((symbol.value & ~1, symbol.name[1] != "d"))
        self._marks = {index: sorted(rows) for index, rows in marks.items()}

    def is_code(self, section: int, address: int, thumb: bool) -> bool:
        """Return whether code lies at an address; without mapping symbols, the Thumb bit of the symbol decides."""
        marks = self._marks.get(section)
        if not marks:
            return thumb
        index = bisect_right(marks, (address, True)) - 1
        return marks[index][1] if index >= 0 else thumb


@dataclass
class _Draft:
    """A symbol on its way: the names at its address, `size_bytes` 0 while unknown."""

    address: int
    kind: str
    names: list[RawSymbol]
    size_bytes: int

    @property
    def primary(self) -> RawSymbol:
        """The name that stands for all."""
        return min(self.names, key=lambda s: (s.type == NOTYPE, _BIND_ORDER.get(s.bind, 3), len(s.name), s.name))


def _section_symbols(section: RawSection, groups: Sequence[_Group]) -> list[Symbol]:
    """Return the symbols of one section."""
    drafts: list[_Draft] = []
    function: _Draft | None = None  # the function whose code the walk is in
    data_end = 0  # end of the last object that has a size
    for group in groups:
        if group.functions:
            draft = _Draft(group.address, "function", group.functions + group.labels, _size(group.functions))
            if _is_inner(draft, function):
                continue
            if function is not None and function.size_bytes:
                _cut(function, draft)
            function = draft
            drafts.append(draft)
        if group.objects:
            labels = [] if group.functions else group.labels
            drafts.append(_Draft(group.address, "object", group.objects + labels, _size(group.objects)))
            data_end = max(data_end, group.address + drafts[-1].size_bytes)
            if function is not None and not function.size_bytes and not group.functions:
                function = None
        if group.functions or group.objects or not group.labels:
            continue
        label = _label(group, section, function, data_end)
        if label is not None:
            drafts.append(label)
            function = label if label.kind == "function" else function if _covers(function, group.address) else None
    return _finish(section, drafts)


def _size(symbols: Iterable[RawSymbol]) -> int:
    return max(symbol.size_bytes for symbol in symbols)


def _covers(function: _Draft | None, address: int) -> bool:
    """Return whether a function with a size reaches beyond an address."""
    return function is not None and address < function.address + function.size_bytes


def _is_inner(draft: _Draft, function: _Draft | None) -> bool:
    """Return whether a typed function symbol is but an inner label of the function before it."""
    if function is None or not _covers(function, draft.address):
        return False
    if draft.size_bytes:
        return draft.address + draft.size_bytes < function.address + function.size_bytes
    return draft.primary.bind == LOCAL


def _cut(function: _Draft, following: _Draft) -> None:
    """End a function with a size where the next one starts, which then has the rest if it has no size of its own."""
    end = function.address + function.size_bytes
    if following.address < end:
        function.size_bytes = following.address - function.address
        following.size_bytes = following.size_bytes or end - following.address


def _label(group: _Group, section: RawSection, function: _Draft | None, data_end: int) -> _Draft | None:
    """Return the draft for a label without a type, or None where it is a place inside something or the linker's."""
    if _covers(function, group.address) or group.address < data_end:
        return None
    strong = any(symbol.bind != LOCAL for symbol in group.labels)
    in_open_function = function is not None and not function.size_bytes
    if section.executable:
        if in_open_function and not strong:
            return None
        return _Draft(group.address, "function" if group.in_code else "object", group.labels, _size(group.labels))
    if not section.stored and not _size(group.labels):
        return None  # __bss_start__, __HeapBase: the link script's marks, not variables
    return _Draft(group.address, "object", group.labels, _size(group.labels))


def _finish(section: RawSection, drafts: Sequence[_Draft]) -> list[Symbol]:
    """Fill in missing sizes, keep all within the section, and make the symbols."""
    end = section.address + section.size_bytes
    starts = sorted({draft.address for draft in drafts})
    symbols = []
    for draft in drafts:
        size = draft.size_bytes
        following = bisect_right(starts, draft.address)
        if not size:
            size = (starts[following] if following < len(starts) else end) - draft.address
        size = min(size, end - draft.address)
        primary = draft.primary
        aliases = sorted({symbol.name for symbol in draft.names} - {primary.name})
        symbols.append(
            Symbol(
                demangle(primary.name),
                primary.name,
                draft.address,
                size,
                draft.kind,
                primary.file,
                tuple(aliases),
                not draft.size_bytes,
            )
        )
    return symbols


def _without_overlays(symbols: Iterable[Symbol]) -> list[Symbol]:
    """Leave out symbols at the address of an earlier one of their kind, and functions that overlap an earlier one."""
    kept: list[Symbol] = []
    end = 0
    last: dict[str, int] = {}
    for symbol in symbols:
        if last.get(symbol.kind) == symbol.address or (symbol.kind == "function" and symbol.address < end):
            continue
        last[symbol.kind] = symbol.address
        if symbol.kind == "function":
            end = symbol.end
        kept.append(symbol)
    return kept


def _name_apart(symbols: Sequence[Symbol]) -> list[Symbol]:
    """Add the file to statics that share a name with another symbol, and the address where that is not enough."""
    by_name = Counter(symbol.name for symbol in symbols)
    named = [replace(s, name=f"{s.name} ({s.file})") if by_name[s.name] > 1 and s.file else s for s in symbols]
    by_name = Counter(symbol.name for symbol in named)
    return [replace(s, name=f"{s.name} at 0x{s.address:08x}") if by_name[s.name] > 1 else s for s in named]
