# SPDX-License-Identifier: Apache-2.0
"""Allocations followed through every name of an allocator, against a naive model of the heap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcusim.layer_trace import HeapTrace
from mcusim.machine.calls import OnCall, OnReturn
from mcusim.machine.heap import ALLOCATORS, HEAP_ZONE, HeapModel

THREAD, HANDLER = 0, 1  # roots of the call tree
START = 0x2000_1000
NULL = 0


@dataclass
class Core:
    """Registers, a clock, and what the model asks to be told: its tracker, its engine and its calls in one."""

    registers: dict[str, int] = field(default_factory=dict)
    m: dict[str, int] = field(default_factory=lambda: {"node": 0, "clock_cycles": 0, "return_address": 0})
    watchers: dict[int, OnCall] = field(default_factory=dict)
    root: int = THREAD
    zones: dict[int, int] = field(default_factory=dict)

    def read_register(self, name: str) -> int:
        """Return a register; one that nobody has set holds garbage."""
        return self.registers.get(name, 0xDEAD_BEE1)

    def watch(self, address: int, told: OnCall) -> None:
        """Keep who is told of calls."""
        self.watchers[address] = told

    def set_zone(self, start: int, end: int, zone: int) -> None:
        """Keep what bytes are for."""
        self.zones.update(dict.fromkeys(range(start, end), zone))

    def __getattr__(self, name: str) -> Any:  # whatever else a tracker is told
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_arguments, **_named: None


class Heap:
    """A heap model in a firmware that has every allocator there is."""

    def __init__(self, names: Iterable[str] = tuple(ALLOCATORS), aliases: tuple[str, ...] = ()) -> None:
        self.core = Core()
        self.addresses = {name: 0x100 + 0x10 * number for number, name in enumerate(names)}
        symbols = [SimpleNamespace(raw_name=name, aliases=aliases, address=at) for name, at in self.addresses.items()]
        image: Any = SimpleNamespace(functions=symbols)
        core: Any = self.core
        tables: Any = SimpleNamespace(m=self.core.m)
        self.model = HeapModel(image, core, tables, core, core)

    def enter(self, name: str, *arguments: int, root: int = THREAD) -> OnReturn | None:
        """Enter a function."""
        self.core.root = root
        self.core.m["clock_cycles"] += 1
        self.core.registers = {f"r{number}": value for number, value in enumerate(arguments)}
        return self.core.watchers[self.addresses[name]]()

    def leave(
        self, told: OnReturn | None, value: int = 0xDEAD_BEE3, *, returned: bool = True, root: int = THREAD
    ) -> None:
        """Leave it, with r0."""
        self.core.root = root
        self.core.m["clock_cycles"] += 1
        self.core.registers = {"r0": value}
        if told is not None:
            told(returned)

    def call(self, name: str, *arguments: int, returns: int = 0xDEAD_BEE3) -> None:
        """Call a function that returns this."""
        self.leave(self.enter(name, *arguments), returns)

    def finish(self) -> HeapTrace:
        """End the run."""
        trace = self.model.finish()
        assert trace is not None
        return trace


REENT = 0x2000_0000  # of newlib: the first argument of its reentrant functions
GIVES = {
    "malloc": lambda n: (n,), "_malloc_r": lambda n: (REENT, n), "calloc": lambda n: (1, n),
    "_calloc_r": lambda n: (REENT, n, 1), "memalign": lambda n: (32, n), "_memalign_r": lambda n: (REENT, 32, n),
    "aligned_alloc": lambda n: (32, n), "_Znwj": lambda n: (n,), "_Znaj": lambda n: (n,),
    "_ZnwjRKSt9nothrow_t": lambda n: (n, REENT), "_ZnajRKSt9nothrow_t": lambda n: (n, REENT),
    "pvPortMalloc": lambda n: (n,), "k_malloc": lambda n: (n,), "k_calloc": lambda n: (n, 1),
}  # fmt: skip
TAKES = {
    "free": lambda p: (p,), "_free_r": lambda p: (REENT, p), "_ZdlPv": lambda p: (p,), "_ZdaPv": lambda p: (p,),
    "_ZdlPvj": lambda p: (p, 4), "_ZdaPvj": lambda p: (p, 4), "vPortFree": lambda p: (p,), "k_free": lambda p: (p,),
}  # fmt: skip
RESIZES = {"realloc": lambda p, n: (p, n), "_realloc_r": lambda p, n: (REENT, p, n)}


def test_every_allocator_is_tried_here() -> None:
    assert {*GIVES, *TAKES, *RESIZES, "_sbrk", "_sbrk_r"} == set(ALLOCATORS)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("give"), st.sampled_from(sorted(GIVES)), st.integers(0, 40), st.booleans()),
        st.tuples(st.just("take"), st.sampled_from(sorted(TAKES)), st.integers(0, 9), st.booleans()),
        st.tuples(st.just("resize"), st.sampled_from(sorted(RESIZES)), st.integers(0, 40), st.integers(0, 9),
                  st.sampled_from(["in place", "moved", "fails"])),
    ),
    max_size=30,
)  # fmt: skip


@given(STEPS)
def test_what_is_allocated_is_what_a_naive_heap_has(steps: list[Any]) -> None:
    heap, live = Heap(), dict[int, int]()
    fresh = iter(range(START, START + 0x10000, 64))
    allocations = frees = failed = peak = now = 0
    for what, name, number, *more in steps:
        some = sorted(live)
        if what == "give":
            address = NULL if more[0] else next(fresh)
            heap.call(name, *GIVES[name](number), returns=address)
            failed += address == NULL and number > 0
            if address:
                live[address] = number
                allocations += 1
        elif what == "take":
            address = some[number % len(some)] if some and not more[0] else NULL
            heap.call(name, *TAKES[name](address))
            frees += address in live
            live.pop(address, None)
        else:
            old = some[more[0] % len(some)] if some else NULL
            address = {"in place": old or next(fresh), "moved": next(fresh), "fails": NULL}[more[1]]
            heap.call(name, *RESIZES[name](old, number), returns=address)
            failed += address == NULL and number > 0
            if address or not number:
                frees += old in live
                live.pop(old, None)
            if address:
                live[address] = number
                allocations += 1
        now = sum(live.values())
        peak = max(peak, now)
        assert heap.model.bytes_now == now
    found = heap.finish()
    assert (found.allocations, found.frees, found.failed, found.peak_bytes) == (allocations, frees, failed, peak)
    left = {block.address: block.size_bytes for block in found.blocks if block.end_cycles < 0}
    assert left == live
    assert not found.bad_frees
    assert {heap.core.zones[at] for start, size in left.items() for at in range(start, start + size)} <= {HEAP_ZONE}


def test_the_outermost_of_allocators_that_call_each_other_counts() -> None:
    heap = Heap()
    new = heap.enter("_Znwj", 12)
    malloc = heap.enter("malloc", 12)
    inner = heap.enter("_malloc_r", REENT, 12)
    for told in (inner, malloc, new):
        heap.leave(told, START)
    delete = heap.enter("_ZdlPv", START)
    heap.leave(heap.enter("free", START))
    heap.leave(delete)
    found = heap.finish()
    assert [(block.size_bytes, block.end_cycles >= 0) for block in found.blocks] == [(12, True)]
    assert (found.allocations, found.frees) == (1, 1)


def test_an_allocator_that_is_left_by_a_jump_has_allocated_nothing_and_is_left() -> None:
    heap = Heap()
    heap.leave(heap.enter("malloc", 12), 1, returned=False)
    heap.call("malloc", 8, returns=START)
    heap.leave(heap.enter("free", START), returned=False)
    heap.call("calloc", 2, 3, returns=START + 64)
    found = heap.finish()
    assert [(block.address, block.size_bytes, block.end_cycles) for block in found.blocks] == [
        (START, 8, -1), (START + 64, 6, -1),
    ]  # fmt: skip
    assert (found.allocations, found.frees, found.failed) == (2, 0, 1)


def test_a_handler_that_allocates_within_an_allocator_allocates_for_itself() -> None:
    heap = Heap()
    outer = heap.enter("malloc", 12)
    inner = heap.enter("pvPortMalloc", 20, root=HANDLER)
    assert inner is not None
    heap.leave(inner, START, root=HANDLER)
    assert heap.enter("_malloc_r", REENT, 12) is None, "part of the thread's own"
    heap.leave(outer, START + 64)
    assert sorted(block.size_bytes for block in heap.finish().blocks) == [12, 20]


def test_two_allocators_at_one_address_are_one() -> None:
    heap = Heap(["_malloc_r"], aliases=("_malloc_r", "__wrap_malloc"))
    heap.call("_malloc_r", REENT, 12, returns=START)
    assert [block.size_bytes for block in heap.finish().blocks] == [12]


def test_names_that_a_compiler_made_of_an_allocator() -> None:
    heap = Heap(["malloc.constprop.0"])
    heap.call("malloc.constprop.0", 12, returns=START)
    assert [block.size_bytes for block in heap.finish().blocks] == [12]


def test_what_is_wrong_about_a_free_is_kept() -> None:
    heap = Heap()
    heap.call("malloc", 12, returns=START)
    for _ in range(2):
        heap.call("free", START)
    heap.call("free", START + 4)
    assert len(heap.finish().bad_frees) == 2


@pytest.mark.parametrize("name", ["_sbrk", "_sbrk_r"])
def test_what_sbrk_hands_out_is_reserved(name: str) -> None:
    heap = Heap()
    before = (REENT,) if name == "_sbrk_r" else ()
    heap.call(name, *before, 0, returns=START)
    heap.call(name, *before, 64, returns=START)
    heap.call(name, *before, 32, returns=START + 64)
    heap.call(name, *before, 0x1000_0000, returns=0xFFFF_FFFF)
    heap.call(name, *before, 0xFFFF_FFF0, returns=START + 96)  # gives 16 bytes back
    found = heap.finish()
    assert (found.reserved_start, found.reserved_end) == (START, START + 96)


def test_without_an_allocator_there_is_no_heap() -> None:
    assert Heap(["main"], aliases=()).model.finish() is None
