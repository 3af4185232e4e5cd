# SPDX-License-Identifier: Apache-2.0
"""Which stack is in use, how deep it has been, and whether it has left its bounds.

Native code compares SP at every call, less what the callee's first block takes from it, with the lowest seen so far
(`calltree.follow`); it gives control to `Stacks.look` when SP leaves the stack that it believes to be current. Frames
of exceptions are counted where they are stacked.

Bounds come from what the file says: an object or section that holds the stack, an RTOS's own record, or else whatever
variable lies next below it. Where nothing says, depth is followed and an overflow cannot be noticed.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from mcusim.board import Board
from mcusim.engine.tables import Tables
from mcusim.image.model import Image

FRESH_BYTES, ROOM_BYTES = 64, 1024
REACH_BYTES = 0x1_0000  # an SP this far below a stack has been set to something else
HEAP_SECTIONS = ("heap", "stack")  # in a section's name: reserves room, holds no variables


@dataclass
class Stack:
    """A stack: [limit, top) where known (limit 0: not), the lowest SP seen, and where it left its bounds first."""

    name: str
    limit: int
    top: int
    low: int
    sure: bool = True  # it is a stack by what the file or an operating system says, not just an object that SP was in
    overflow_sp: int | None = None
    overflow_place: str = ""
    overflow_cycles: int = 0
    low_node: int = -1  # of the call tree: who took SP to its lowest
    since: int = 0xFFFF_FFFF  # the lowest SP since the last `Stacks.take`


@dataclass(frozen=True)
class Bounds:
    """Where a stack may lie, and what says so."""

    limit: int
    top: int
    name: str


class Stacks:
    """All stacks met, and the current one, whose bounds native code holds."""

    def __init__(self, image: Image, board: Board, tables: Tables) -> None:
        self._tables = tables
        self._objects = sorted(
            (s.address, s.end, s.name) for s in image.symbols if s.kind == "object" and s.size_bytes >= 64
        )
        self._starts = [start for start, _, _ in self._objects]
        top = image.vectors.initial_sp
        self.main = Stack("main", main_stack_limit(image, board), top, top)
        self.all: list[Stack] = [self.main]
        self.current = self.main
        self._in_pieces = False  # how deep a stack was since the last `take` is of interest
        self._install(self.main)

    def _install(self, stack: Stack) -> None:
        m = self._tables.m
        m["stack_low"] = stack.since if self._in_pieces else stack.low
        m["stack_limit"], m["stack_top"] = stack.limit, stack.top
        m["stack_low_node"] = -1

    def flush(self) -> None:
        """Take over from native code how deep the current stack has been."""
        m, stack = self._tables.m, self.current
        self._lower(stack, int(m["stack_low"]), int(m["stack_low_node"]))

    def _lower(self, stack: Stack, sp: int, node: int) -> None:
        stack.since = min(stack.since, sp)
        if sp < stack.low:
            stack.low, stack.low_node = sp, node if node >= 0 else int(self._tables.m["node"])

    def take(self, sp: int) -> int:
        """Return the lowest SP of the current stack since the last call of this; SP is where it is now."""
        self._in_pieces = True
        self.flush()
        stack = self.current
        low = min(stack.since, stack.top)
        stack.since = sp if stack.limit <= sp <= stack.top else stack.top  # SP may be elsewhere already: see `look`
        self._install(stack)
        return low

    def activate(self, stack: Stack) -> None:
        """From now on SP is in this stack."""
        if stack is self.current:
            return
        self.flush()
        self.current = stack
        self._install(stack)

    def add(self, name: str, limit: int, top: int, sure: bool) -> Stack:
        """Return the stack with these bounds, made if it is new."""
        for stack in self.all:
            if stack.limit == limit and (stack.top == top or limit):
                stack.top = max(stack.top, top)
                stack.sure |= sure
                return stack
        stack = Stack(name, limit, top, top, sure)
        self.all.append(stack)
        return stack

    def holding(self, sp: int) -> Bounds | None:
        """Return the object that holds a stack pointer, as statically allocated stacks are (its end counts)."""
        index = bisect_right(self._starts, sp - 1) - 1
        if index >= 0:
            start, end, name = self._objects[index]
            if start < sp <= end:
                return Bounds(start, end, name)
        return None

    def switch_to(self, sp: int, name: str) -> None:
        """SP is in a stack that the firmware chose; find out which, or take it as a new one."""
        for stack in self.all:
            if stack.limit and stack.limit < sp <= stack.top:
                self.activate(stack)
                return
        bounds = self.holding(sp)
        if bounds is not None:
            self.activate(self.add(bounds.name, bounds.limit, bounds.top, is_stack(bounds)))
        else:
            self.activate(self.add(name, 0, sp, sure=False))

    def look(self, sp: int, low: int, place: str, cycles: int) -> None:
        """SP is outside the current stack, or `low`, the lowest it will be in the callee's first block, is."""
        stack = self.current
        self.flush()
        left = sp > stack.top or (sp < stack.limit and self._elsewhere(sp))
        if left:
            self.switch_to(sp, "stack")
            stack = self.current
            if sp > stack.top:
                stack.top = sp
        self._lower(stack, low, -1)
        if stack.sure and stack.limit and low < stack.limit:
            if stack.overflow_sp is None:
                stack.overflow_sp, stack.overflow_place, stack.overflow_cycles = low, place, cycles
            else:
                stack.overflow_sp = min(stack.overflow_sp, low)
        self._install(stack)
        if low < stack.limit:
            self._tables.m["stack_limit"] = low  # told once; further down again

    def _elsewhere(self, sp: int) -> bool:
        """Return whether an SP below the current stack has been set to another one, rather than having run over."""
        if not self.current.sure or sp < self.current.limit - REACH_BYTES:
            return True
        bounds = self.holding(sp)
        roomy = self.current.low > self.current.limit + ROOM_BYTES  # it has not been near its end
        if bounds is not None and (is_stack(bounds) or (roomy and bounds.top - sp <= FRESH_BYTES)):
            return True  # an object that is a stack by its name, or whose end SP has just been set to
        return any(stack is not self.current and stack.limit and stack.limit < sp <= stack.top for stack in self.all)

    def lower(self, sp: int, place: str, cycles: int) -> None:
        """An exception has stacked a frame down to `sp`."""
        self.flush()
        stack = self.current
        if sp < stack.limit or sp > stack.top:
            self.look(sp, sp, place, cycles)
        elif sp < (stack.since if self._in_pieces else stack.low):
            self._lower(stack, sp, -1)
            self._install(stack)


def is_stack(bounds: Bounds) -> bool:
    """Return whether an object is a stack by its name."""
    return "stack" in bounds.name.lower()


def main_stack_limit(image: Image, board: Board) -> int:
    """Return the lowest address of the reset stack: the end of what the program has below it in the same memory."""
    top = image.vectors.initial_sp
    limit = top
    for low, high in sorted((span for region in board.region for span in region.ranges), reverse=True):
        if low < limit <= high:
            limit = low  # memories that follow each other without a gap are one
    limit = limit if limit < top else 0
    for section in image.sections:
        start, end = section.run_address, section.run_address + section.size_bytes
        if start < limit or start >= top or not section.size_bytes:
            continue
        holds_stack = end >= top or any(word in section.name.lower() for word in HEAP_SECTIONS)
        limit = max(limit, start if holds_stack else end)
    for symbol in image.symbols:
        if symbol.kind == "object" and symbol.address >= limit and symbol.address < top <= symbol.end:
            limit = symbol.address
    return limit
