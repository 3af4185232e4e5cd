# SPDX-License-Identifier: Apache-2.0
"""What a function's arguments are as it begins; where they are is the procedure call standard's (`place_arguments`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mcusim.image import Array, Base, Location, Member, Parameter, Pointer, Signature, Struct, Type, place_arguments

SP = 13

ReadRegister = Callable[[int], int]
ReadMemory = Callable[[int, int], bytes | None]


@dataclass(frozen=True)
class View:
    """A value in the guest: its type, and `read(offset, size)` for its bytes (None outside memory)."""

    type: Type
    read: ReadMemory
    memory: ReadMemory

    @property
    def number(self) -> int | None:
        """An integer, or a pointer's address; None for anything else and where the bytes cannot be read."""
        kind = self.type
        if not isinstance(kind, (Base, Pointer)) or (isinstance(kind, Base) and kind.floating):
            return None
        data = self.read(0, kind.size_bytes) if 0 < kind.size_bytes <= 8 else None
        if data is None:
            return None
        return int.from_bytes(data, "little", signed=isinstance(kind, Base) and kind.signed)

    @property
    def target(self) -> View | None:
        """What a pointer points to; None for no pointer, a null pointer, and void."""
        if not isinstance(self.type, Pointer) or self.type.target is None:
            return None
        address = self.number
        return view_at(address, self.type.target, self.memory) if address else None

    def of(self, member: Member) -> View:
        """Return a member of a structure."""
        return View(member.type, lambda offset, size: self.read(member.offset + offset, size), self.memory)

    def get(self, name: str) -> View | None:
        """Return the member of this name, through a pointer too; None where there is none."""
        holder = self.target if isinstance(self.type, Pointer) else self
        if holder is None or not isinstance(holder.type, Struct):
            return None
        member = next((each for each in holder.type.members if each.name == name), None)
        return holder.of(member) if member is not None else None

    def element(self, index: int) -> View | None:
        """Return an element of an array, or of what a pointer points to as an array."""
        if isinstance(self.type, Array):
            size = self.type.element.size_bytes
            return View(self.type.element, lambda offset, count: self.read(index * size + offset, count), self.memory)
        address, target = self.number, self.type.target if isinstance(self.type, Pointer) else None
        if not address or target is None:
            return None
        return view_at(address + index * target.size_bytes, target, self.memory)


def view_at(address: int, kind: Type, memory: ReadMemory) -> View:
    """Return the value of a type at an address."""
    return View(kind, lambda offset, size: memory((address + offset) & 0xFFFFFFFF, size), memory)


def read_arguments(
    signature: Signature, hard_float: bool, trusted: bool, register: ReadRegister, memory: ReadMemory
) -> list[tuple[str, View]]:
    """Return the arguments of a call that is about to execute its function's first instruction, by name, in order.

    Where debug information says where an argument is, that holds. For others the calling convention does, unless the
    function is not `trusted` to follow it (a clone that GCC made without some of the parameters): those are left out,
    as are arguments in floating-point registers.
    """
    known: list[tuple[Parameter, Type]] = []
    for parameter in signature.parameters:
        if parameter.type is None:
            break  # of unknown size: where the ones after it are is unknown as well
        known.append((parameter, parameter.type))
    locations = place_arguments([kind for _, kind in known], signature.result, hard_float)
    found = []
    for (parameter, kind), location in zip(known, locations, strict=True):
        view = _argument(parameter, kind, location, trusted, register, memory)
        if view is not None:
            found.append((parameter.name, view))
    return found


def _argument(
    parameter: Parameter, kind: Type, location: Location, trusted: bool, register: ReadRegister, memory: ReadMemory
) -> View | None:
    place = parameter.place
    if place is not None and kind.size_bytes <= 4:
        if place.kind == "constant":
            data = (place.value & 0xFFFFFFFF).to_bytes(4, "little")
            return View(kind, lambda offset, size: data[offset : offset + size], memory)
        location = Location((place.value,)) if place.kind == "register" else Location((), place.value, 4)
    elif not trusted:
        return None
    if location.in_float_registers:
        return None
    if isinstance(kind, Struct) and kind.by_reference:
        kind_of_copy, kind = kind, Pointer(lambda: kind_of_copy)
    view = View(kind, _reader(location, register, memory), memory)
    return view.target if isinstance(parameter.type, Struct) and parameter.type.by_reference else view


def _reader(location: Location, register: ReadRegister, memory: ReadMemory) -> ReadMemory:
    """Return a reader of an argument's bytes: those in registers, then those on the stack."""

    def read(offset: int, size: int) -> bytes | None:
        data = b"".join((register(each) & 0xFFFFFFFF).to_bytes(4, "little") for each in location.registers)
        if offset + size > len(data) and location.stack_bytes:
            start = max(0, offset - len(data))
            end = min(location.stack_bytes, offset + size - len(data))
            more = memory((register(SP) + location.stack_offset + start) & 0xFFFFFFFF, end - start)
            if more is None:
                return None
            data = data + bytes(start) + more  # what lies before `start` is not looked at
        piece = data[offset : offset + size]
        return piece if len(piece) == size else None

    return read
