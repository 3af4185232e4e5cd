# SPDX-License-Identifier: Apache-2.0
"""Types from DWARF entries of pyelftools: see `debugtypes` for what comes out."""

from __future__ import annotations

from typing import Any

from mcusim.image.debugtypes import Array, Base, Member, Pointer, Struct, Type

MAX_LINKS = 32  # typedefs of typedefs; origins of origins
MAX_MEMBERS = 1024
_NAMES_FOR_THE_SAME = (
    "DW_TAG_typedef",
    "DW_TAG_const_type",
    "DW_TAG_volatile_type",
    "DW_TAG_restrict_type",
    "DW_TAG_atomic_type",
)
_POINTERS = ("DW_TAG_pointer_type", "DW_TAG_reference_type", "DW_TAG_rvalue_reference_type")
_STRUCTURES = ("DW_TAG_structure_type", "DW_TAG_class_type", "DW_TAG_union_type")
_SIGNED, _SIGNED_CHARACTER, _FLOATING = 5, 6, (3, 4)  # DW_ATE_*
_PLUS_CONSTANT = 0x23
_PASS_BY_REFERENCE = 4  # DW_CC_pass_by_reference


def follow(entry: Any, *names: str) -> Any:
    """Return the entry at the end of a chain of references by any of the attributes `names`."""
    for _ in range(MAX_LINKS):
        name = next((name for name in names if name in entry.attributes), None)
        if name is None:
            break
        entry = entry.get_DIE_from_attribute(name)
    return entry


def text_of(entry: Any, name: str) -> str:
    """Return a string attribute, '' where there is none."""
    attribute = entry.attributes.get(name)
    if attribute is None or not isinstance(attribute.value, bytes):
        return ""
    return attribute.value.decode("utf-8", errors="replace")


def _number(entry: Any, name: str, otherwise: int) -> int:
    attribute = entry.attributes.get(name)
    return attribute.value if attribute is not None and isinstance(attribute.value, int) else otherwise


class TypeReader:
    """Reads types and keeps them: parameters of many functions have the same ones."""

    def __init__(self) -> None:
        self._known: dict[int, Type | None] = {}

    def of(self, entry: Any) -> Type | None:
        """Return the type that DW_AT_type of an entry names, None for none (void) and for what is not understood."""
        if "DW_AT_type" not in entry.attributes:
            return None
        named = entry.get_DIE_from_attribute("DW_AT_type")
        for _ in range(MAX_LINKS):
            if named.tag not in _NAMES_FOR_THE_SAME:
                break
            if "DW_AT_type" not in named.attributes:
                return None
            named = named.get_DIE_from_attribute("DW_AT_type")
        if named.offset not in self._known:
            self._known[named.offset] = self._read(named)
        return self._known[named.offset]

    def _read(self, entry: Any) -> Type | None:
        if entry.tag in _POINTERS:
            return Pointer(lambda: self._guarded(entry))
        size = _number(entry, "DW_AT_byte_size", 0)
        name = text_of(entry, "DW_AT_name")
        if entry.tag == "DW_TAG_base_type":
            encoding = _number(entry, "DW_AT_encoding", 0)
            return Base(name, size, encoding in (_SIGNED, _SIGNED_CHARACTER), encoding in _FLOATING)
        if entry.tag == "DW_TAG_enumeration_type":
            under = self.of(entry)  # the integer that it is made of, where the compiler says it
            return Base(name, size or 4, isinstance(under, Base) and under.signed)
        if entry.tag in _STRUCTURES:
            by_reference = _number(entry, "DW_AT_calling_convention", 0) == _PASS_BY_REFERENCE
            return Struct(name, size, by_reference, lambda: self._members(entry))
        if entry.tag == "DW_TAG_array_type":
            return self._array(entry)
        return None

    def _guarded(self, entry: Any) -> Type | None:
        """Return what a pointer points to; asked for late, when nobody else catches what the library raises."""
        try:
            return self.of(entry)
        except Exception:
            return None

    def _members(self, entry: Any) -> tuple[Member, ...]:
        found: list[Member] = []
        try:
            for child in entry.iter_children():
                if len(found) >= MAX_MEMBERS:
                    break
                if child.tag not in ("DW_TAG_member", "DW_TAG_inheritance") or "DW_AT_external" in child.attributes:
                    continue
                if "DW_AT_bit_size" in child.attributes or "DW_AT_declaration" in child.attributes:
                    continue
                offset, kind = _offset(child), self.of(child)
                if offset is None or kind is None:
                    continue
                if child.tag == "DW_TAG_inheritance" and isinstance(kind, Struct):
                    found += [Member(each.name, each.offset + offset, each.type) for each in kind.members]
                elif child.tag == "DW_TAG_member":
                    found.append(Member(text_of(child, "DW_AT_name"), offset, kind))
        except Exception:  # damaged: the members before it still help
            pass
        return tuple(found)

    def _array(self, entry: Any) -> Type | None:
        element = self.of(entry)
        if element is None:
            return None
        for child in reversed([each for each in entry.iter_children() if each.tag == "DW_TAG_subrange_type"]):
            count = _number(child, "DW_AT_count", -1)
            if count < 0:
                count = _number(child, "DW_AT_upper_bound", -1) + 1
            element = Array(element, max(0, count))
        return element


def _offset(entry: Any) -> int | None:
    """Return a member's offset: a number, or in DWARF 2 an expression that adds one."""
    attribute = entry.attributes.get("DW_AT_data_member_location")
    if attribute is None:
        return 0  # of a union
    if isinstance(attribute.value, int):
        return attribute.value
    expression = list(attribute.value)
    if not expression or expression[0] != _PLUS_CONSTANT:
        return None
    value = 0
    for position, byte in enumerate(expression[1:]):
        value |= (byte & 0x7F) << 7 * position
    return value
