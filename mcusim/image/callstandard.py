# SPDX-License-Identifier: Apache-2.0
"""Where a function's arguments and its result are, by the procedure call standard.

Source: AAPCS32 (ARM IHI 0042, 2023Q3), 6.4 "Parameter Passing" with its stages A to C, 6.1.2 "VFP register usage", and
6.5 "Result Return"; rule names (C.3) are those of that text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from mcusim.image.debugtypes import Array, Base, Pointer, Struct, Type, alignment_bytes

CORE_REGISTERS = 4  # r0 to r3 carry arguments
FLOAT_REGISTERS = 16  # s0 to s15 do
MAX_AGGREGATE = 4  # floats in a structure that floating-point registers carry


@dataclass(frozen=True)
class Location:
    """Where an argument is: core registers first (by number), then `stack_bytes` from SP + `stack_offset` on.

    `float_registers` are the single-precision registers (by number) of what those carry; nothing else is set then.
    """

    registers: tuple[int, ...] = ()
    stack_offset: int = 0
    stack_bytes: int = 0
    float_registers: tuple[int, ...] = ()

    @property
    def in_float_registers(self) -> bool:
        """True for what floating-point registers carry."""
        return bool(self.float_registers)


def place_arguments(kinds: Sequence[Type], result: Type | None, hard_float: bool) -> list[Location]:
    """Return where arguments of these types are as a function begins, in order."""
    placing = _Placing(hard_float)
    if returned_in_memory(result, hard_float):
        placing.next_core = 1  # A.4: r0 holds the address of the result
    return [placing.place(kind) for kind in kinds]


def place_result(result: Type, hard_float: bool) -> Location:
    """Return where a result is as a function returns; `Location()` where the caller's memory holds it (6.5)."""
    if returned_in_memory(result, hard_float):
        return Location()
    wanted = _float_registers(result) if hard_float else None
    if wanted:
        return Location(float_registers=tuple(range(wanted[0] * wanted[1])))
    return Location(tuple(range((result.size_bytes + 3) // 4)))


def returned_in_memory(result: Type | None, hard_float: bool) -> bool:
    """Return whether a function's caller says in r0 where the result is to be put."""
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
                return Location(float_registers=tuple(range(first, first + needed)))
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
