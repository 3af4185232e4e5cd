# SPDX-License-Identifier: Apache-2.0
"""Where a function's arguments are as it begins, by the procedure call standard, and what they are.

Source: AAPCS32 (ARM IHI 0042, 2023Q3), 6.4 "Parameter Passing" with its stages A to C, 6.1.2 "VFP register usage", and
6.5 "Result Return"; rule names (C.3) are those of that text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from mcusim.image import Array, Base, Member, Parameter, Pointer, Signature, Struct, Type
from mcusim.image.debugtypes import alignment_bytes

CORE_REGISTERS = 4  # r0 to r3 carry arguments
FLOAT_REGISTERS = 16  # s0 to s15 do
MAX_AGGREGATE = 4  # floats in a structure that floating-point registers carry
SP = 13

ReadRegister = Callable[[int], int]
ReadMemory = Callable[[int, int], bytes | None]


@dataclass(frozen=True)
class Location:
    """Where an argument is: core registers first (by number), then `stack_bytes` from SP + `stack_offset` on.

    `in_float_registers` is true for what floating-point registers carry; nothing else is set then.
    """

    registers: tuple[int, ...] = ()
    stack_offset: int = 0
    stack_bytes: int = 0
    in_float_registers: bool = False


def place_arguments(kinds: Sequence[Type], result: Type | None, hard_float: bool) -> list[Location]:
    """Return where arguments of these types are as a function begins, in order."""
    placing = _Placing(hard_float)
    if _returned_in_memory(result, hard_float):
        placing.next_core = 1  # A.4: r0 holds the address of the result
    return [placing.place(kind) for kind in kinds]


def _returned_in_memory(result: Type | None, hard_float: bool) -> bool:
    if not isinstance(result, Struct):
        return False
    if result.by_reference:
        return True
    return result.size_bytes > 4 and not (hard_float and _float_registers(result))


class _Placing:
    """Stage C, argument by argument."""

    def __init__(self, hard_float: bool) -> None:
        self.hard_float = hard_float
        self.next_core = 0
        self.next_stack = 0
        self.free = [True] * FLOAT_REGISTERS

    def place(self, kind: Type) -> Location:
        if isinstance(kind, Struct) and kind.by_reference:
            kind = Pointer()
        if self.hard_float:
            wanted = _float_registers(kind)
            if wanted:
                return self._place_float(kind, *wanted)
        words = (kind.size_bytes + 3) // 4
        aligned = min(max(alignment_bytes(kind), 4), 8)
        if words == 0:
            return Location()
        if aligned == 8:
            self.next_core = min((self.next_core + 1) & ~1, CORE_REGISTERS)  # C.3
        left = CORE_REGISTERS - self.next_core
        if words <= left:  # C.4
            first, self.next_core = self.next_core, self.next_core + words
            return Location(tuple(range(first, self.next_core)))
        if left and self.next_stack == 0:  # C.5: split
            first, self.next_core = self.next_core, CORE_REGISTERS
            self.next_stack = 4 * (words - left)
            return Location(tuple(range(first, CORE_REGISTERS)), 0, self.next_stack)
        self.next_core = CORE_REGISTERS  # C.6
        return self._on_stack(words, aligned)

    def _on_stack(self, words: int, aligned: int) -> Location:
        start = (self.next_stack + aligned - 1) & -aligned  # C.7, C.8
        self.next_stack = start + 4 * words
        return Location((), start, 4 * words)

    def _place_float(self, kind: Type, count: int, singles: int) -> Location:
        """Place `count` floating-point values of `singles` single registers each: C.1.vfp, C.2.vfp."""
        needed = count * singles
        for first in range(0, FLOAT_REGISTERS - needed + 1, singles):
            if all(self.free[first : first + needed]):
                self.free[first : first + needed] = [False] * needed
                return Location(in_float_registers=True)
        self.free = [False] * FLOAT_REGISTERS
        return self._on_stack((kind.size_bytes + 3) // 4, min(max(alignment_bytes(kind), 4), 8))


def _float_registers(kind: Type) -> tuple[int, int] | None:
    """Return of how many floats, of how many single registers each, a type consists; None where it is no such type.

    These are floating-point numbers, and structures and arrays of one to four of one size (6.1.2.1).
    """
    leaves = list(islice(_leaves(kind, 0), MAX_AGGREGATE + 1))
    if not 1 <= len(leaves) <= MAX_AGGREGATE or len(set(leaves)) != 1 or leaves[0] not in (2, 4, 8):
        return None
    if isinstance(kind, (Struct, Array)) and kind.size_bytes != leaves[0] * len(leaves):
        return None
    return len(leaves), 2 if leaves[0] == 8 else 1


def _leaves(kind: Type, depth: int) -> Iterator[int]:
    """Yield the sizes of the floating-point numbers a type consists of; 0 for anything else in it."""
    if isinstance(kind, Base):
        yield kind.size_bytes if kind.floating else 0
    elif isinstance(kind, Array) and depth < MAX_AGGREGATE and kind.count <= MAX_AGGREGATE:
        for _ in range(kind.count):
            yield from _leaves(kind.element, depth + 1)
    elif isinstance(kind, Struct) and depth < MAX_AGGREGATE and kind.members:
        for member in kind.members:
            yield from _leaves(member.type, depth + 1)
    else:
        yield 0


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
