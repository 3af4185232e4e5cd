# SPDX-License-Identifier: Apache-2.0
"""Which memory a block's loads and stores access, each time the block is entered.

Where a board's memories differ in time, pointers that move between them change what a block costs. Looking at every
access is slow, and it comes too late for the price. Here the registers tell when the block starts: the address of an
access is a sum of registers, or of a word in memory (usually a pointer kept on the stack) and a constant
(`mcusim.isa.pointers`). Accesses with the same registers share a *guard*; which memories the guards of a block find is
part of the key of its entry, beside the IT groups. A link to an entry is followed only while its guards hold.

What comes out of other arithmetic is taken to stay in the memory where it was when the block was met.
"""

from __future__ import annotations

from typing import Any, Protocol

from mcusim.engine import guard_tables as g
from mcusim.engine.native import core_register
from mcusim.isa.addressing import Access, constant_step
from mcusim.isa.decode import SYSTEM_SPACE, OpArray
from mcusim.isa.pointers import NO_REGISTER, Origin, Traced
from mcusim.jit import as_pointer, carray, int64, njit, uint32

# Names that compiled code reads as constants.
WINDOW, GUARD = g.WINDOW, g.GUARD
FIRST_PLACE_BIT, PLACE_BITS, MAX_GUARDS = g.FIRST_PLACE_BIT, g.PLACE_BITS, g.MAX_GUARDS
MAX_WINDOWS, NO_GUARD, PREDICATE_MASK = g.MAX_WINDOWS, g.NO_GUARD, g.PREDICATE_MASK
PERIPHERALS = 255  # the place of what is no memory


@njit
def _window_of(m: Any, address: int) -> int:
    """Return the number of the window that holds an address; 0: none does."""
    windows = carray(as_pointer(m.windows), (m.window_count,), WINDOW)
    for number in range(m.window_count):
        if uint32(address - windows[number].start) < windows[number].size_bytes:
            return number + 1
    return 0


@njit
def _word_at(m: Any, address: int) -> int:
    """Return the word of memory at an address; 0 where there is no memory."""
    number = _window_of(m, address)
    if number == 0:
        return int64(0)
    window = carray(as_pointer(m.windows), (m.window_count,), WINDOW)[number - 1]
    inside = int64(uint32(address - window.start))
    if inside + 4 > window.size_bytes:
        return int64(0)
    return int64(carray(as_pointer(window.host_address + inside), (1,), uint32)[0])


@njit
def places_now(m: Any, first_guard: int, count: int) -> int:
    """Return the part of an entry's key that says in which windows the guards of a block find its accesses."""
    guards = carray(as_pointer(m.guards), (m.guard_capacity,), GUARD)
    key = 0
    for number in range(count):
        guard = guards[first_guard + number]
        address = core_register(m, guard.base) if guard.base >= 0 else int64(0)
        if guard.loads:
            address = _word_at(m, int64(uint32(address + guard.inner_offset)))
        if guard.index >= 0:
            address += core_register(m, guard.index) << guard.shift
        key |= _window_of(m, int64(uint32(address + guard.offset))) << (FIRST_PLACE_BIT + PLACE_BITS * number)
    return key


@njit
def guards_hold(m: Any, first_guard: int) -> bool:
    """Return whether all guards of an entry find their accesses where that entry has them."""
    guards = carray(as_pointer(m.guards), (m.guard_capacity,), GUARD)
    number = int64(first_guard)
    while True:
        guard = guards[number]
        address = core_register(m, guard.base) if guard.base >= 0 else int64(0)
        if guard.loads:
            address = _word_at(m, int64(uint32(address + guard.inner_offset)))
        if guard.index >= 0:
            address += core_register(m, guard.index) << guard.shift
        if uint32(address + guard.offset - guard.start) >= guard.size_bytes:
            return False
        if guard.is_last:
            return True
        number += 1


def is_steady(ops: OpArray, guards: list[tuple[int, ...]]) -> bool:
    """Return whether a block moves the registers of its guards by no more than small constants."""
    registers = {register for guard in guards for register in guard[:2] if register != NO_REGISTER}
    if any(guard[3] for guard in guards):  # a pointer in memory
        return False
    return all(
        constant_step(op, register) is not None for op in ops for register in registers if op["writes"] >> register & 1
    )


class PlacedMemory(Protocol):
    """What `Places` asks of memory."""

    def place_of(self, address: int) -> int:
        """Return the number of the memory that an address is in."""

    def late_cycles(self, address: int) -> int:
        """Return by how many cycles the memory there answers late."""


class Places:
    """The guards of each block, and its columns for each way that they can turn out."""

    def __init__(self, memory: PlacedMemory, starts: list[int]) -> None:
        self._memory = memory
        self._starts = starts  # of the windows, in their order; none: all memories answer in the same way
        self._guard_of: dict[int, list[int]] = {}  # block -> for each instruction its guard, -1 for none
        self._known: dict[tuple[int, int], tuple[list[tuple[int, ...]], list[int]]] = {}

    def find(self, block: int, accesses: list[Access | None] | None, key: tuple[int, int]) -> list[tuple[int, ...]]:
        """Return the rows of a block's guards (GUARD up to `offset`, and how far its accesses reach beyond).

        `key` is the block's start and size: one that is met afresh, when the registers are not those of its start,
        keeps its guards.
        """
        if not self._starts:
            return []
        if accesses is not None:
            self._known[key] = self._grouped(accesses)
        rows, guard_of = self._known.get(key, ([], []))
        if rows:
            self._guard_of[block] = guard_of
        return rows

    def _grouped(self, accesses: list[Access | None]) -> tuple[list[tuple[int, ...]], list[int]]:
        groups: dict[Origin, int] = {}
        ends: list[list[int]] = []
        guard_of = [NO_GUARD] * len(accesses)
        for number, access in enumerate(accesses):
            origin = access.address.origin if access is not None and isinstance(access.address, Traced) else None
            if origin is None or (origin.base == origin.second == NO_REGISTER):
                continue
            group = origin._replace(offset=0)
            if group not in groups and len(groups) == MAX_GUARDS:
                continue
            guard = guard_of[number] = groups.setdefault(group, len(groups))
            if guard == len(ends):
                ends.append([origin.offset, origin.offset])
            ends[guard] = [min(ends[guard][0], origin.offset), max(ends[guard][1], origin.offset)]
        rows: list[tuple[int, ...]] = [
            (group.base, group.second, group.shift, int(group.loads), group.inner_offset, low, high - low)
            for group, (low, high) in zip(groups, ends, strict=True)
        ]
        return rows, guard_of

    def placed(self, block: int, ops: OpArray, key: int) -> OpArray:
        """Return a block's columns with its accesses where an entry's key says."""
        guard_of = self._guard_of.get(block)
        if guard_of is None:
            return ops
        ops = ops.copy()
        for number, guard in enumerate(guard_of):
            if guard == NO_GUARD:
                continue
            window = key >> FIRST_PLACE_BIT + PLACE_BITS * guard & MAX_WINDOWS
            start = self._starts[window - 1] if window else None
            ops[number]["place"] = self._memory.place_of(start) if start is not None else PERIPHERALS
            ops[number]["late_cycles"] = self._memory.late_cycles(start) if start is not None else 0
            if ops[number]["address"] >= SYSTEM_SPACE:
                ops[number]["beside_fetch"] = start is None or start >= SYSTEM_SPACE
        return ops
