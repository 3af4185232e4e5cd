# SPDX-License-Identifier: Apache-2.0
"""ctypes as descriptions of guest types: sizes and layout by the Arm ABI, not by this computer's.

Pointers have four bytes, structures are laid out anew from their fields (AAPCS32 5.1, 5.3.1). On most computers
`c_long` and `c_size_t` are but other names of the 64-bit types, and they mean those here: for a `long` or `size_t` of
the target say `c_int32` or `c_uint32`. Bit fields, unions and big-endian structures raise McusimError.
"""

from __future__ import annotations

import ctypes
from typing import Any

from mcusim.errors import McusimError
from mcusim.image import Array, Base, Member, Pointer, Struct, Type
from mcusim.image.debugtypes import alignment_bytes

# By the letter that ctypes gives a type (`_SimpleCData._type_`): name in C, size on the target, signed, floating.
_SIMPLE = {
    "b": Base("signed char", 1, True), "B": Base("unsigned char", 1), "c": Base("char", 1), "?": Base("_Bool", 1),
    "h": Base("short", 2, True), "H": Base("unsigned short", 2), "i": Base("int", 4, True),
    "I": Base("unsigned int", 4), "l": Base("long", 4, True), "L": Base("unsigned long", 4),
    "q": Base("long long", 8, True), "Q": Base("unsigned long long", 8), "f": Base("float", 4, True, True),
    "d": Base("double", 8, True, True), "g": Base("long double", 8, True, True), "u": Base("wchar_t", 4),
}  # fmt: skip
_POINTERS = "PzZO"
_FUNCTION: type = ctypes.CFUNCTYPE(None).__mro__[1]  # what all function pointers are made from
_REFERENCES = (ctypes._Pointer, _FUNCTION)
_CLASSES = (ctypes._SimpleCData, ctypes.Structure, ctypes.Union, ctypes.Array)


def is_ctypes(kind: Any) -> bool:
    """Return whether something is a ctypes type."""
    return isinstance(kind, type) and issubclass(kind, (*_CLASSES, *_REFERENCES))


def type_of(kind: Any) -> Type:
    """Return the guest type that a ctypes type stands for."""
    if issubclass(kind, ctypes._SimpleCData):
        letter = str(kind._type_)
        if letter in "lL" and ctypes.sizeof(kind) == 8:
            return _SIMPLE["q" if letter == "l" else "Q"]
        return Pointer() if letter in _POINTERS else _SIMPLE[letter]
    if issubclass(kind, _REFERENCES):
        target = getattr(kind, "_type_", None)
        return Pointer(lambda: type_of(target) if is_ctypes(target) else None)
    if issubclass(kind, ctypes.Array):
        return Array(type_of(kind._type_), kind._length_)
    if issubclass(kind, ctypes.Structure):
        return _structure(kind)
    raise McusimError(f"{kind.__name__}: not a type that can be passed to firmware: take a Structure or a simple type")


def fields_of(kind: type[ctypes.Structure]) -> list[tuple[str, Any]]:
    """Return the fields of a structure in order, those of its base classes first."""
    rows: list[tuple[str, Any]] = []
    for base in reversed(kind.__mro__):
        for row in base.__dict__.get("_fields_", ()):
            if len(row) > 2:
                raise McusimError(f"{kind.__name__}.{row[0]}: bit fields are not supported: take the whole word")
            rows.append((row[0], row[1]))
    return rows


def _structure(kind: type[ctypes.Structure]) -> Struct:
    if hasattr(kind, "_swappedbytes_"):
        raise McusimError(f"{kind.__name__}: Cortex-M firmware is little-endian")
    pack = int(getattr(kind, "_pack_", 0)) or 8
    members, offset, align = [], 0, 1
    for name, inner in fields_of(kind):
        member = type_of(inner)
        step = min(alignment_bytes(member), pack)
        offset = (offset + step - 1) & -step
        members.append(Member(name, offset, member))
        offset, align = offset + member.size_bytes, max(align, step)
    found = tuple(members)
    return Struct(kind.__name__, (offset + align - 1) & -align, False, lambda: found)
