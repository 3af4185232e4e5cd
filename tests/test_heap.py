# SPDX-License-Identifier: Apache-2.0
"""What the heap's model tells the tracking of memory, call by call, with an allocator that is only said to run."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from mcusim.machine.heap import ALLOCATORS, HeapModel

A, B = 0x2000_1000, 0x2000_1040


class Heap:
    """A model whose calls are made by hand; `told` is what the tracker has heard."""

    def __init__(self) -> None:
        self.registers: dict[str, int] = {}
        self.told: list[tuple[Any, ...]] = []
        self._entries: dict[int, Callable[[], Callable[[bool], None] | None]] = {}
        self.row = {"node": 7, "clock_cycles": 0, "return_address": 0x0800_0105}
        names = list(ALLOCATORS)
        symbols = [SimpleNamespace(raw_name=name, aliases=(), address=i) for i, name in enumerate(names)]
        image: Any = SimpleNamespace(functions=symbols)
        calls: Any = SimpleNamespace(watch=self._entries.__setitem__, root=0)
        engine: Any = SimpleNamespace(read_register=lambda name: self.registers.get(name, 0))
        tables: Any = SimpleNamespace(m=self.row)
        self.model = HeapModel(image, engine, tables, calls, self._tracker())
        self._numbers = {name: number for number, name in enumerate(names)}

    def _tracker(self) -> Any:
        def note(what: str) -> Callable[..., None]:
            return lambda *values: self.told.append((what, *values))

        return SimpleNamespace(
            set_zone=lambda *_values: None, set_allocating=lambda _busy: None, mark_fresh=note("fresh"),
            mark_freed=note("freed"), mark_cleared=note("cleared"), note_levels=lambda *_values: None,
        )  # fmt: skip

    def call(self, name: str, *arguments: int, returns: int = 0) -> None:
        """Call a function of the allocator and return from it."""
        self.row["clock_cycles"] += 100
        self.registers = {f"r{number}": value for number, value in enumerate(arguments)}
        done = self._entries[self._numbers[name]]()
        self.registers["r0"] = returns
        if done is not None:
            done(True)


def test_fresh_memory_and_cleared_memory_are_told_apart() -> None:
    heap = Heap()
    heap.call("malloc", 16, returns=A)
    heap.call("calloc", 4, 8, returns=B)
    assert heap.told == [("fresh", A, A + 16), ("cleared", B, B + 32)]


def test_a_block_that_moves_is_freed_where_it_was() -> None:
    heap = Heap()
    heap.call("malloc", 16, returns=A)
    heap.call("realloc", A, 32, returns=B)
    assert heap.told == [("fresh", A, A + 16), ("freed", A, A + 16)]


def test_what_a_moved_block_still_holds_is_not_freed() -> None:
    heap = Heap()
    heap.call("malloc", 32, returns=A + 16)
    heap.call("realloc", A + 16, 40, returns=A)  # grows downwards, into a free block below it
    assert heap.told[1:] == [("freed", A + 40, A + 48)]
    heap.call("realloc", A, 8, returns=A)
    assert heap.told[2:] == [("freed", A + 8, A + 40)]
    heap.call("realloc", A, 8, returns=A + 4)
    assert heap.told[3:] == [("freed", A, A + 4)]


def test_blocks_know_who_gave_them_back() -> None:
    heap = Heap()
    heap.call("malloc", 16, returns=A)
    heap.row["node"] = 9
    heap.call("free", A)
    trace = heap.model.finish()
    assert trace is not None
    assert [(block.node, block.end_node, block.end_cycles) for block in trace.blocks] == [(7, 9, 200)]


def test_wrong_frees_say_what_is_wrong_and_where() -> None:
    heap = Heap()
    heap.call("malloc", 16, returns=A)
    heap.call("free", A)
    heap.call("free", A)
    heap.call("free", B)
    heap.call("free", 0)
    heap.call("malloc", 64, returns=A - 8)
    heap.call("free", A)  # inside a block now
    trace = heap.model.finish()
    assert trace is not None
    assert [(bad.address, bad.what) for bad in trace.bad_frees] == [
        (A, "freed twice"), (B, "freed, but never allocated"), (A, "freed, but never allocated"),
    ]  # fmt: skip
    assert {bad.site for bad in trace.bad_frees} == {0x0800_0102}
