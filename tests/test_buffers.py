# SPDX-License-Identifier: Apache-2.0
"""Who reserves a byte: pieces of ranges against a look at each byte; what SRAM is left, by the budget."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import prebuilt, run_profile

from mcusim.attribution.buffers import Owners
from mcusim.attribution.memory import _budget
from mcusim.board import load_board
from mcusim.errors import McusimError
from mcusim.image import load
from mcusim.layer_trace import HeapBlock
from mcusim.profile_memory import Budget

END = 64
NUCLEO = "nucleo-l4r5zi"


def disjoint(draw: st.DrawFn, most: int) -> list[tuple[int, int]]:
    """Return ranges that do not overlap."""
    cuts = sorted(draw(st.lists(st.integers(0, END), max_size=2 * most, unique=True)))
    return list(zip(cuts[::2], cuts[1::2], strict=False))


@st.composite
def traces(draw: st.DrawFn) -> Any:
    """Return what owners ask of a trace: variables, some of them arenas, stacks, a heap whose blocks come and go."""
    symbols = [
        SimpleNamespace(kind="object", address=start, end=end, size_bytes=end - start, name=f"v{start}")
        for start, end in disjoint(draw, 4)
    ]
    arenas = [symbol for symbol in symbols if draw(st.booleans())]
    stacks = [SimpleNamespace(limit=start, top=end, name="main") for start, end in disjoint(draw, 1) if start]
    blocks = []
    for first in (0, 10, 20):  # three times at which what is allocated is something else
        for start, end in disjoint(draw, 3):
            blocks.append(HeapBlock(start, end - start, 0, first, draw(st.sampled_from([first + 5, first + 9]))))
    low, high = sorted(draw(st.tuples(st.integers(0, END), st.integers(0, END))))
    heap = SimpleNamespace(blocks=blocks, reserved_start=low, reserved_end=high)
    return SimpleNamespace(
        arenas=arenas, stacks=stacks, image=SimpleNamespace(symbols=symbols), heap=draw(st.sampled_from([heap, None]))
    )


def owner(trace: Any, address: int, cycles: int) -> tuple[str, str]:
    """Return zone and owner of one byte: an allocation before a stack before a variable before what _sbrk gave."""
    blocks = trace.heap.blocks if trace.heap is not None else []
    for block in blocks:
        lives = block.start_cycles <= cycles and (block.end_cycles < 0 or cycles <= block.end_cycles)
        if lives and block.address <= address < block.address + block.size_bytes:
            return "heap", f"{block.size_bytes} bytes at 0x{block.address:08x}"
    for use in trace.stacks:
        if use.limit <= address < use.top:
            return "stack", use.name
    for symbol in trace.image.symbols:
        on_stack = any(use.limit < symbol.end and symbol.address < use.top for use in trace.stacks)
        if symbol.address <= address < symbol.end and not on_stack:
            return ("arena" if symbol in trace.arenas else "statics"), symbol.name
    if trace.heap is not None and trace.heap.reserved_start <= address < trace.heap.reserved_end:
        return "heap", ""
    return "other", ""


@given(traces(), st.integers(0, END), st.integers(0, END), st.integers(0, 30))
def test_pieces_are_what_each_byte_says(trace: Any, low: int, high: int, cycles: int) -> None:
    start, end = min(low, high), max(low, high)
    pieces = list(Owners(trace).pieces(start, end, cycles))
    assert [first for first, *_ in pieces] == [start, *(last for _, last, *_ in pieces[:-1])][: len(pieces)]
    assert all(first < last for first, last, *_ in pieces)
    assert [what for first, last, *what in pieces for _ in range(last - first)] == [
        list(owner(trace, address, cycles)) for address in range(start, end)
    ]


# The budget

SRAM = 0x2000_0000


def budget(**parts: Any) -> Budget:
    """Return the budget of a trace on a board with one memory of SRAM."""
    section = SimpleNamespace(kind="bss", run_address=SRAM, size_bytes=1000, sram_bytes=1000, name=".bss")
    trace: Any = SimpleNamespace(board=load_board("mps2-an386"), image=SimpleNamespace(sections=[section]),
                                 stacks=[], heap=None)  # fmt: skip
    trace.__dict__.update(parts)
    return _budget(trace)


def stack(low: int, top: int, limit: int = 0) -> Any:
    """Return a stack that has been used from `low` to `top`."""
    return SimpleNamespace(limit=limit, top=top, low=low, name="stack")


def heap(start: int, size_bytes: int, reserved: tuple[int, int] = (0, 0)) -> Any:
    """Return a heap with one block."""
    return SimpleNamespace(blocks=[HeapBlock(start, size_bytes, 0, 0)], peak_bytes=size_bytes,
                           reserved_start=reserved[0], reserved_end=reserved[1])  # fmt: skip


def test_what_is_left_of_sram() -> None:
    found = budget(stacks=[stack(SRAM + 0x1F00, SRAM + 0x2000)], heap=heap(SRAM + 2000, 40, (SRAM + 1992, SRAM + 2092)))
    assert (found.statics_bytes, found.stack_bytes, found.heap_bytes) == (1000, 0x100, 100)
    assert found.left_bytes == found.sram_bytes - 1000 - 0x100 - 100


def test_stacks_and_heaps_that_are_variables_are_statics() -> None:
    found = budget(stacks=[stack(SRAM + 500, SRAM + 600, SRAM + 400)], heap=heap(SRAM + 100, 40))
    assert (found.stack_bytes, found.heap_bytes) == (0, 0)
    inside = budget(heap=heap(SRAM + 100, 40, (SRAM + 96, SRAM + 196)))
    assert inside.heap_bytes == 0


def test_a_stack_that_was_not_used_takes_nothing() -> None:
    assert budget(stacks=[stack(SRAM + 0x2000, SRAM + 0x2000)]).stack_bytes == 0


def test_a_stack_that_has_run_over_into_statics_is_still_a_stack() -> None:
    found = budget(stacks=[stack(SRAM + 900, SRAM + 1200, SRAM + 1000)])
    assert found.stack_bytes == 300


def test_a_heap_without_sbrk_takes_what_it_had_at_most() -> None:
    assert budget(heap=heap(SRAM + 2000, 40)).heap_bytes == 40


def test_no_allocation_needs_no_heap() -> None:
    nothing = SimpleNamespace(blocks=[], peak_bytes=0, reserved_start=0, reserved_end=0)
    assert budget(heap=nothing).heap_bytes == 0


# Arenas by name


def test_an_arena_that_is_no_variable_is_an_error_that_names_one() -> None:
    image = load(prebuilt("memory_plan_bad", NUCLEO))
    with pytest.raises(McusimError, match=r"arenna"):
        run_profile(image, NUCLEO, arenas=("arenna",), memory_tracking=True)


def test_two_arenas_have_their_own_peaks() -> None:
    image = load(prebuilt("patches", NUCLEO))
    names = [symbol.name for symbol in image.symbols if symbol.kind == "object" and symbol.address >= SRAM]
    names = [name for name in names if (symbol := image.find_symbol(name)) is not None and symbol.size_bytes >= 64][:2]
    found = run_profile(image, NUCLEO, arenas=tuple(names), memory_tracking=True)
    assert found.memory is not None
    assert {arena.name for arena in found.memory.arenas} == set(names)
    assert sum(arena.live_peak_bytes for arena in found.memory.arenas) >= max(
        found.memory.timeline.live_by_zone["arena"]
    )
    for arena in found.memory.arenas:
        assert 0 <= arena.live_peak_bytes <= arena.used_bytes <= arena.size_bytes
