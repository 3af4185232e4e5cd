# SPDX-License-Identifier: Apache-2.0
"""Parameters of functions with their types, from DWARF 2 to 5, by pyelftools.

Only the compilation unit that holds a function is read, and of it only what is at its top; both are kept. Damaged
debug information means no facts, never an error.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from elftools.dwarf.locationlists import LocationExpr, LocationParser

from mcusim.image.debugtypes import Parameter, Place, Signature
from mcusim.image.typereader import TypeReader, follow, text_of

MAX_ENTRIES = 500_000  # at the top of one unit; more is damage
MAX_NAMESPACES = 8  # nested
MAX_UNITS = 20_000
_REGISTER_0, _FRAME_OFFSET, _CALL_FRAME = 0x50, 0x91, 0x9C
_LITERAL_0, _STACK_VALUE = 0x30, 0x9F
_CORE_REGISTERS = 16


class Signatures:
    """The signatures of one image's functions. Nothing is read before the first question."""

    def __init__(self, open_dwarf: Callable[[], Any]) -> None:
        self._open = open_dwarf
        self._functions: dict[int, dict[int, Any]] = {}  # of the units read so far, by the unit's offset
        self._known: dict[int, Signature | None] = {}

    def at(self, address: int) -> Signature | None:
        """Return the signature of the function that begins at an address, or None where nothing tells it."""
        if address not in self._known:
            try:
                self._known[address] = self._read(address)
            except Exception:  # whatever the library trips over in debug sections only costs the facts
                self._known[address] = None
        return self._known[address]

    @cached_property
    def _dwarf(self) -> Any:
        return self._open()

    @cached_property
    def _types(self) -> TypeReader:
        return TypeReader()

    def _read(self, address: int) -> Signature | None:
        if self._dwarf is None:
            return None
        for offset in self._units_at(address):
            if offset not in self._functions:
                self._functions[offset] = _functions_of(self._dwarf, self._dwarf.get_CU_at(offset))
            entry = self._functions[offset].get(address)
            if entry is not None:
                return self._signature(entry, address)
        return None

    @cached_property
    def _ranges(self) -> tuple[list[int], list[tuple[int, int]]]:
        """Starts of address ranges, ascending, and for each its end and the offset of its unit."""
        table = self._dwarf.get_aranges()
        entries = table.entries if table else []
        rows = [(row.begin_addr, row.begin_addr + row.length, row.info_offset) for row in entries]
        covered = {row[2] for row in rows}
        for count, unit in enumerate(self._dwarf.iter_CUs()):
            if count >= MAX_UNITS:
                break
            if unit.cu_offset not in covered:  # Clang writes no .debug_aranges
                rows += [(start, end, unit.cu_offset) for start, end in _unit_ranges(self._dwarf, unit)]
        rows.sort()
        return [row[0] for row in rows], [(row[1], row[2]) for row in rows]

    def _units_at(self, address: int) -> Iterator[int]:
        """Yield the offsets of the units whose ranges hold an address, nearest start first."""
        starts, rows = self._ranges
        index = bisect_right(starts, address) - 1
        for back in range(index, max(-1, index - 64), -1):
            end, offset = rows[back]
            if address < end:
                yield offset

    def _signature(self, entry: Any, address: int) -> Signature:
        origin = follow(entry, "DW_AT_abstract_origin")
        places = {}
        for child in _parameters(entry):
            key = follow(child, "DW_AT_abstract_origin").offset
            places[key] = _place(self._dwarf, entry, child, address)
        parameters = []
        for child in _parameters(origin):
            described = follow(child, "DW_AT_abstract_origin", "DW_AT_specification")
            name = text_of(described, "DW_AT_name") or text_of(child, "DW_AT_name")
            parameters.append(Parameter(name, self._types.of(described), places.get(child.offset)))
        declared = origin if "DW_AT_type" in origin.attributes else follow(origin, "DW_AT_specification")
        return Signature(tuple(parameters), self._types.of(declared))


def _parameters(entry: Any) -> list[Any]:
    return [child for child in entry.iter_children() if child.tag == "DW_TAG_formal_parameter"]


def _functions_of(dwarf: Any, unit: Any) -> dict[int, Any]:
    """Return the functions of a unit by address. Those of namespaces may stand within them."""
    found: dict[int, Any] = {}
    work = [(unit.get_top_DIE(), 0)]
    count = 0
    while work:
        parent, depth = work.pop()
        for child in parent.iter_children():
            count += 1
            if count > MAX_ENTRIES:
                return found
            if child.tag == "DW_TAG_subprogram":
                address = _entry_address(dwarf, unit, child)
                if address is not None:
                    found.setdefault(address & ~1, child)
            elif child.tag == "DW_TAG_namespace" and depth < MAX_NAMESPACES:
                work.append((child, depth + 1))
    return found


def _entry_address(dwarf: Any, unit: Any, entry: Any) -> int | None:
    """Return where a function begins: one with a cold part has ranges and no low_pc, and the first is the entry."""
    for name in ("DW_AT_low_pc", "DW_AT_entry_pc"):
        attribute = entry.attributes.get(name)
        if attribute is not None and isinstance(attribute.value, int):
            return int(attribute.value)
    if "DW_AT_ranges" in entry.attributes:
        ranges = _ranges_of(dwarf, unit, entry)
        return ranges[0][0] if ranges else None
    return None


def _unit_ranges(dwarf: Any, unit: Any) -> list[tuple[int, int]]:
    """Return the address ranges of a unit, [] where it cannot be read."""
    try:
        top = unit.get_top_DIE()
        if "DW_AT_ranges" in top.attributes:
            return _ranges_of(dwarf, unit, top)
        low, high = top.attributes.get("DW_AT_low_pc"), top.attributes.get("DW_AT_high_pc")
        if low is None or high is None:
            return []
        end = high.value if high.form == "DW_FORM_addr" else low.value + high.value
        return [(low.value, end)]
    except Exception:  # one damaged unit does not cost the others
        return []


def _ranges_of(dwarf: Any, unit: Any, entry: Any) -> list[tuple[int, int]]:
    """Return the ranges of DW_AT_ranges as absolute addresses."""
    lists = dwarf.range_lists()
    low = unit.get_top_DIE().attributes.get("DW_AT_low_pc")
    base = low.value if low is not None else 0
    ranges = []
    for row in lists.get_range_list_at_offset(entry.attributes["DW_AT_ranges"].value, unit):
        if hasattr(row, "base_address"):
            base = row.base_address
            continue
        shift = 0 if getattr(row, "is_absolute", False) else base
        ranges.append((row.begin_offset + shift, row.end_offset + shift))
    return ranges


def _place(dwarf: Any, function: Any, parameter: Any, address: int) -> Place | None:
    """Return where a parameter is as its function begins, by its location or constant value."""
    constant = parameter.attributes.get("DW_AT_const_value")
    if constant is not None:
        return Place("constant", constant.value) if isinstance(constant.value, int) else None
    attribute = parameter.attributes.get("DW_AT_location")
    if attribute is None:
        return None
    try:
        expression = _expression_at(dwarf, function, parameter, attribute, address)
        return _place_of(expression, function) if expression else None
    except Exception:  # a damaged list of locations: the calling convention still says where the argument is
        return None


def _expression_at(dwarf: Any, function: Any, parameter: Any, attribute: Any, address: int) -> list[int]:
    """Return the location expression that holds at an address, [] for none."""
    unit = parameter.cu
    parser = LocationParser(dwarf.location_lists())
    located: Any = parser.parse_from_attribute(attribute, unit.header["version"], parameter)
    if isinstance(located, LocationExpr):
        return list(located.loc_expr)
    low = unit.get_top_DIE().attributes.get("DW_AT_low_pc")
    base = low.value if low is not None else 0
    for row in located:
        if hasattr(row, "base_address"):
            base = row.base_address
            continue
        shift = 0 if row.is_absolute else base
        if row.begin_offset + shift <= address < row.end_offset + shift:
            return list(row.loc_expr)
    return []


def _place_of(expression: list[int], function: Any) -> Place | None:
    """Return the place that a simple location expression means, None for any other."""
    first = expression[0]
    if len(expression) == 1 and _REGISTER_0 <= first < _REGISTER_0 + _CORE_REGISTERS:
        return Place("register", first - _REGISTER_0)
    if first == _FRAME_OFFSET:
        base = function.attributes.get("DW_AT_frame_base")
        offset = _sleb(expression[1:])
        if base is not None and list(base.value) == [_CALL_FRAME] and offset is not None and offset >= 0:
            return Place("stack", offset)  # below: where the function will have put it, later
    if len(expression) == 2 and expression[1] == _STACK_VALUE and _LITERAL_0 <= first < _LITERAL_0 + 32:
        return Place("constant", first - _LITERAL_0)
    return None


def _sleb(data: list[int]) -> int | None:
    """Return the signed LEB128 number that is all of `data`, or None."""
    value = shift = 0
    for position, byte in enumerate(data):
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            if position != len(data) - 1:
                return None
            return value - (1 << shift) if byte & 0x40 else value
    return None
