# SPDX-License-Identifier: Apache-2.0
"""The heap as the firmware uses it: every call of an allocator, by name, with its arguments and what it returned.

Allocators call each other (malloc, _malloc_r, operator new): the outermost call counts. What an allocator writes into
its own blocks (sizes, links) is not the firmware's use of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mcusim.engine.engine import Engine
from mcusim.engine.tables import Tables
from mcusim.image.model import Image
from mcusim.layer_trace import HeapBlock, HeapTrace
from mcusim.machine.calls import Calls, OnReturn
from mcusim.profile_memory import ZONES

HEAP_ZONE = ZONES.index("heap")
FAILED = (0, 0xFFFF_FFFF)


class Tracker(Protocol):
    """What the heap tells the tracking of memory accesses."""

    def set_zone(self, start: int, end: int, zone: int) -> None:
        """What the bytes of a range are reserved for."""

    def note_levels(self, stack_bytes: int, heap_bytes: int) -> None:
        """How much of stack and heap the current stretch has used at most."""

    def mark_fresh(self, start: int, end: int) -> None:
        """The bytes of a range hold nothing any more."""

    def mark_freed(self, start: int, end: int) -> None:
        """The bytes of a range belong to nobody."""


@dataclass(frozen=True)
class Allocator:
    """A function of an allocator: what it does, and which arguments (by register) are its block and its size.

    The size is the product of the registers in `sizes`.
    """

    does: str  # allocate, free, resize, reserve
    sizes: tuple[int, ...] = ()
    block: int = 0


_ALLOCATE, _FREE = Allocator("allocate", (0,)), Allocator("free")
# Names as in ISO C 7.22.3; newlib's reentrant ones (newlib/libc/stdlib/malloc.c) have a first argument more. C++ ones
# are mangled by the Itanium ABI (5.1.3). FreeRTOS: portable.h; Zephyr: kernel.h.
ALLOCATORS: dict[str, Allocator] = {
    "malloc": _ALLOCATE,
    "_malloc_r": Allocator("allocate", (1,)),
    "calloc": Allocator("allocate", (0, 1)),
    "_calloc_r": Allocator("allocate", (1, 2)),
    "realloc": Allocator("resize", (1,), 0),
    "_realloc_r": Allocator("resize", (2,), 1),
    "memalign": Allocator("allocate", (1,)),
    "_memalign_r": Allocator("allocate", (2,)),
    "aligned_alloc": Allocator("allocate", (1,)),
    "free": _FREE,
    "_free_r": Allocator("free", (), 1),
    "_Znwj": _ALLOCATE,
    "_Znaj": _ALLOCATE,
    "_ZnwjRKSt9nothrow_t": _ALLOCATE,
    "_ZnajRKSt9nothrow_t": _ALLOCATE,
    "_ZdlPv": _FREE,
    "_ZdaPv": _FREE,
    "_ZdlPvj": _FREE,
    "_ZdaPvj": _FREE,
    "pvPortMalloc": _ALLOCATE,
    "vPortFree": _FREE,
    "k_malloc": _ALLOCATE,
    "k_calloc": Allocator("allocate", (0, 1)),
    "k_free": _FREE,
    "_sbrk": Allocator("reserve", (0,)),
    "_sbrk_r": Allocator("reserve", (1,)),
}


class HeapModel:
    """Follows allocations while the firmware runs. Without an allocator in the image it does nothing."""

    def __init__(self, image: Image, engine: Engine, tables: Tables, calls: Calls, tracker: Tracker) -> None:
        self._engine, self._tables, self._tracker = engine, tables, tracker
        self._live: dict[int, HeapBlock] = {}
        self._blocks: list[HeapBlock] = []
        self._calls = calls
        self._running: set[int] = set()  # roots of the call tree below which an allocator runs
        self.bytes_now = 0
        self._peak = (0, 0)
        self._reserved: list[tuple[int, int]] = []
        self._counts = {"allocate": 0, "free": 0, "failed": 0}
        self._bad_frees: list[tuple[int, int, int, str]] = []
        self.present = False
        for symbol in image.functions:
            for name in sorted({symbol.raw_name.partition(".")[0], *symbol.aliases} & ALLOCATORS.keys()):
                self._watch(calls, symbol.address, ALLOCATORS[name])

    def _watch(self, calls: Calls, address: int, allocator: Allocator) -> None:
        self.present = True
        told: Callable[[], OnReturn | None] = {
            "allocate": lambda: self._allocating(allocator, None),
            "resize": lambda: self._allocating(allocator, allocator.block),
            "free": lambda: self._freeing(allocator),
            "reserve": lambda: self._reserving(allocator),
        }[allocator.does]
        calls.watch(address, told)

    @property
    def _busy(self) -> bool:
        """Whether an allocator runs: what it calls is its own affair. Not that of handlers and other tasks."""
        return self._calls.root in self._running

    @_busy.setter
    def _busy(self, busy: bool) -> None:
        (self._running.add if busy else self._running.discard)(self._calls.root)

    def _register(self, number: int) -> int:
        return self._engine.read_register(f"r{number}")

    @property
    def _now(self) -> int:
        return int(self._tables.m["clock_cycles"])

    def _allocating(self, allocator: Allocator, block_register: int | None) -> OnReturn | None:
        if self._busy:
            return None
        self._busy = True
        size = 1
        for number in allocator.sizes:
            size *= self._register(number)
        old = self._register(block_register) if block_register is not None else 0
        node = int(self._tables.m["node"])

        def allocated(returned: bool) -> None:
            self._busy = False
            if not returned:  # it threw, or jumped out of it
                self._counts["failed"] += 1
                return
            address = self._register(0)
            if address in FAILED:
                self._counts["failed"] += size > 0
                if old and not size:
                    self._release(old)  # realloc(p, 0) frees
                return
            if old:
                self._release(old, moved_to=address)
            self._counts["allocate"] += 1
            block = HeapBlock(address, size, node, self._now)
            self._blocks.append(block)
            self._live[address] = block
            self.bytes_now += size
            if self.bytes_now > self._peak[0]:
                self._peak = (self.bytes_now, self._now)
            self._tracker.set_zone(address, address + size, HEAP_ZONE)
            self._tracker.note_levels(0, self.bytes_now)
            if not old:
                self._tracker.mark_fresh(address, address + size)

        return allocated

    def _freeing(self, allocator: Allocator) -> OnReturn | None:
        if self._busy:
            return None
        address, node, now = self._register(allocator.block), int(self._tables.m["node"]), self._now
        self._busy = True

        def freed(returned: bool) -> None:
            self._busy = False
            if address == 0 or not returned:
                return
            if address not in self._live:
                before = [block for block in self._blocks if block.address == address]
                what = "freed twice" if before else "freed, but never allocated"
                self._bad_frees.append((address, node, now, what))
                return
            self._release(address)

        return freed

    def _release(self, address: int, moved_to: int | None = None) -> None:
        block = self._live.pop(address, None)
        if block is None:
            return
        self._counts["free"] += 1
        block.end_cycles = self._now
        self.bytes_now -= block.size_bytes
        if moved_to != address:
            self._tracker.mark_freed(address, address + block.size_bytes)

    def _reserving(self, allocator: Allocator) -> OnReturn:
        size = self._register(allocator.sizes[0])
        size -= (size & 0x8000_0000) << 1

        def reserved(returned: bool) -> None:
            start = self._register(0)
            if returned and start not in FAILED and size > 0:
                self._reserved.append((start, start + size))
                self._tracker.set_zone(start, start + size, HEAP_ZONE)

        return reserved

    def finish(self) -> HeapTrace | None:
        """The run has ended; return what was allocated, None where the image has no allocator."""
        if not self.present:
            return None
        # _sbrk within _sbrk_r answers for both
        start = min((start for start, _ in self._reserved), default=0)
        end = max((end for _, end in self._reserved), default=0)
        return HeapTrace(
            self._blocks, *self._peak, start, end, self._counts["allocate"], self._counts["free"],
            self._counts["failed"], self._bad_frees,
        )  # fmt: skip
