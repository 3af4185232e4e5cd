# SPDX-License-Identifier: Apache-2.0
"""A binding held against what debug information says of the function: number and kinds of its arguments.

A pointer wants an array, a structure, or a number written in the binding (an address, 0 for none); a number wants a
number. Elements of arrays have as many bytes as what the pointer points to. Members of a structure that
are called as the firmware's go where the firmware has them, whatever their order and size in the binding; else they are
labels, in the firmware's order, where a number must be at a number's place and a pointer at a pointer's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mcusim.calling.prototype import spelled, type_name
from mcusim.errors import McusimError
from mcusim.image import Array, Base, Member, Pointer, Signature, Struct, Type


def fit(
    function: str,
    signature: Signature | None,
    specs: Sequence[Any],
    values: Sequence[Any],
    kinds: Sequence[Type],
    *,
    by_name: bool = True,
) -> list[Type]:
    """Return the types of a call's arguments: numbers as the function has them, where debug information says that.

    `kinds` are the types that the values have by themselves; with `by_name` structures are the firmware's.
    Raises McusimError where they do not fit the function.
    """
    if signature is None:
        return list(kinds)
    wanted = signature.parameters
    if len(values) != len(wanted):
        count = f"{len(values)} argument{'s' if len(values) != 1 else ''}"
        raise McusimError(
            f"{function}: the binding passes {count}, it takes {len(wanted)}: {spelled(function, signature)}"
        )
    found: list[Type] = []
    for number, (spec, value, kind, parameter) in enumerate(zip(specs, values, kinds, wanted, strict=True)):
        if parameter.type is not None:
            problem = _problem(spec, value, kind, parameter.type, by_name)
            if problem:
                raise McusimError(
                    f"{function}, argument {number} ('{parameter.name}', {type_name(parameter.type)}): {problem}: "
                    "change the binding's arguments"
                )
        as_there = isinstance(parameter.type, Base) and isinstance(kind, Base)
        as_there |= by_name and isinstance(value, dict) and _all_named(value, parameter.type)
        found.append(parameter.type if as_there and parameter.type is not None else kind)
    return found


def _problem(spec: Any, value: Any, kind: Type, wanted: Type, by_name: bool) -> str:
    """Return what is wrong with a value for a parameter; "" where it fits."""
    if isinstance(wanted, Base):
        if not isinstance(kind, Base):
            return f"{_shown(spec)} is {_what(value)}, not a number"
        whole = not wanted.floating and kind.floating
        return f"{_shown(spec)} is a float, not an integer" if whole else ""
    if not isinstance(wanted, Pointer):
        return f"{_shown(spec)} is {_what(value)}, not a structure by value" if isinstance(kind, Base) else ""
    if isinstance(kind, Base):
        return "" if isinstance(spec, int) else f"{_shown(spec)} is a number, not an array or a structure"
    target = wanted.target
    while isinstance(target, Array):
        target = target.element
    if isinstance(value, dict):
        if isinstance(target, Base):
            return "a structure is passed"
        if not isinstance(target, Struct):
            return ""
        own = kind.target if isinstance(kind, Pointer) else None
        if by_name and _all_named(value, target):
            return _named(spec, value, target)
        if isinstance(own, Struct) and own.size_bytes != target.size_bytes:
            return f"the binding's structure has {own.size_bytes} bytes, the firmware's {target.size_bytes}"
        return _in_order(own, target) if isinstance(own, Struct) else ""
    if isinstance(value, np.ndarray) and isinstance(target, Base):
        if isinstance(spec, str) and spec.endswith("scratch"):
            return ""  # memory without a type
        same = value.itemsize == target.size_bytes and (value.dtype.kind == "f") == target.floating
        return "" if same else f"{_shown(spec)} has elements of {value.dtype}"
    return f"{_shown(spec)} is no structure" if isinstance(target, Struct) else ""


def _members(kind: Type | None) -> Sequence[Member]:
    """Return the members of a structure, or of one that a pointer points to; none where they are not known."""
    kind = kind.target if isinstance(kind, Pointer) else kind
    return kind.members if isinstance(kind, Struct) else ()


def _all_named(value: Mapping[str, Any], kind: Type | None) -> bool:
    """Return whether members, and those of structures in them, are just the firmware's, in any order."""
    members = {member.name: member.type for member in _members(kind)}
    return set(value) == set(members) and all(
        _all_named(inner, members[name]) for name, inner in value.items() if isinstance(inner, dict)
    )


def _named(spec: Any, value: Mapping[str, Any], target: Struct) -> str:
    """Return what is wrong with members that go to the firmware's of the same name; "" where they fit."""
    members = {member.name: member.type for member in target.members}
    for name, wanted in members.items():
        given, words = value[name], spec[name] if isinstance(spec, Mapping) else name
        if wanted is None:
            continue
        if isinstance(given, dict) and _members(wanted):
            target_of = wanted.target if isinstance(wanted, Pointer) else wanted
            assert isinstance(target_of, Struct)
            problem = _named(words, given, target_of)
        elif isinstance(wanted, Base):
            problem = "" if _is_number(given) else f"{_shown(words)} is {_what(given)}, not a number"
            if not problem and not wanted.floating and isinstance(given, (float, np.floating)):
                problem = f"{_shown(words)} is a float, not an integer"
        elif isinstance(wanted, Pointer):
            number = _is_number(given) and not isinstance(words, int)
            problem = f"{_shown(words)} is a number, not an array or a structure" if number else ""
        else:
            problem = f"{_shown(words)} is {_what(given)}, not a structure" if not isinstance(given, dict) else ""
        if problem:
            return f"member '{name}': {problem}"
    return ""


def _in_order(own: Struct, target: Struct) -> str:
    """Return which member is a pointer where the firmware has a number, or the reverse, or has another one's name."""
    there = {member.offset: member for member in target.members}
    names = {member.name for member in target.members}
    for member in own.members:
        other = there.get(member.offset)
        if other is not None and other.name != member.name and member.name in names:
            return f"member '{member.name}' is where the firmware has '{other.name}': give all members its names"
        if other is None or isinstance(member.type, Struct) or isinstance(other.type, Struct):
            continue
        if isinstance(member.type, Pointer) is not isinstance(other.type, Pointer):
            kinds = ("a pointer", "a number") if isinstance(member.type, Pointer) else ("a number", "a pointer")
            return f"member '{member.name}' is {kinds[0]}, the firmware's '{other.name}' at its place {kinds[1]}"
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number))


def _shown(spec: Any) -> str:
    return f"'{spec}'" if isinstance(spec, (str, int)) else "a structure"


def _what(value: Any) -> str:
    return "a structure" if isinstance(value, dict) else "a number" if _is_number(value) else "an array"
