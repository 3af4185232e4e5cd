# SPDX-License-Identifier: Apache-2.0
"""The sanitizer's native hooks against their naive twin; what is made of their rows, by hand."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_sanitizer import NaiveSanitizer

from mcusim.access_trace import INTERVAL, STRETCH
from mcusim.attribution.findings import merged
from mcusim.attribution.overlaps import find_overlaps
from mcusim.attribution.references import References
from mcusim.board import Region
from mcusim.engine import access_tables as tables
from mcusim.engine import sanitizing
from mcusim.engine.engine import Engine
from mcusim.engine.tables import Tables
from mcusim.jit import address_of
from mcusim.machine.tracking import AccessTracker
from mcusim.profile_memory import ZONES, Finding

RAM, RAM_BYTES, SP = 0x2000_0000, 0x800, 0x2000_0400
STACK_START = SP - 256
BOARD: Any = SimpleNamespace(region=(Region(name="sram", kind="sram", start=RAM, size_bytes=RAM_BYTES, source=""),))
LAYOUT = [(0, 12, tables.ARENA), (12, 20, tables.STATICS), (20, 32, tables.HEAP), (32, 40, tables.OTHER_ZONE)]


class Native:
    """A tracker whose sanitizing hooks are called by hand, on an engine that stands still."""

    def __init__(self) -> None:
        self.machine, self.content = Tables(), np.zeros(RAM_BYTES, np.uint8)
        self.engine = Engine("cortex-m4", self.machine)
        self.engine.write_register("sp", SP)
        quiet: Any = SimpleNamespace(track_accesses=lambda *_args, **_named: None)
        memory: Any = SimpleNamespace(
            loaded=(), port=SimpleNamespace(listener=None), windows=lambda: [(RAM, self.content, True)]
        )
        self.tracker = AccessTracker(quiet, self.machine, memory, BOARD, sanitize=True)
        self.tracker.start()
        for start, end, zone in LAYOUT:
            self.tracker.set_zone(RAM + start, RAM + end, zone)
        self.tracker.set_zone(STACK_START, SP, tables.STACK)
        self._user = ctypes.c_void_p(address_of(self.tracker._tables.record))

    def stand(self, pc: int, node: int, activation: int) -> None:
        """Say who runs."""
        self.engine.write_register("pc", pc)
        self.machine.m["node"], self.machine.m["activation"] = node, activation

    def access(self, writes: bool, address: int, size: int, value: int) -> None:
        """Read or write as the core does; the memory changes after the hook."""
        hook = sanitizing.on_write_sanitized if writes else sanitizing.on_read_sanitized
        hook.ctypes(None, 17 if writes else 16, address, size, 0, self._user)
        if writes:
            self.content[address - RAM : address - RAM + size] = value


PLACES = st.one_of(st.integers(RAM, RAM + 38), st.integers(STACK_START, SP - 9))
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(("read", "write", "write")), PLACES, st.sampled_from((1, 2, 4)), st.integers(0, 3)),
        st.tuples(st.just("stand"), st.sampled_from((0x100, 0x102, 0x200)), st.integers(0, 1), st.integers(-1, 2)),
        st.tuples(st.sampled_from(("fresh", "freed", "cleared", "host")), PLACES, st.integers(1, 9), st.just(0)),
        st.tuples(st.just("allocating"), st.integers(0, 1), st.just(0), st.just(0)),
    ),
    max_size=100,
)


def both(operations: list[tuple[str, int, int, int]], native: Native, naive: NaiveSanitizer) -> None:
    """Do the same to both."""
    marks = {"fresh": "never", "freed": "freed", "cleared": "written"}
    for what, one, two, three in operations:
        if what in ("read", "write"):
            native.access(what == "write", one, two, three)
            naive.access(what == "write", one, two, three)
        elif what == "stand":
            native.stand(one, two, three)
            naive.pc, naive.node, naive.activation = one, two, three
        elif what == "allocating":
            native.tracker.set_allocating(bool(one))
            naive.allocating = bool(one)
        elif what == "host":
            native.tracker.host_write(one, two)
            naive.host_write(one, one + two)
        else:
            getattr(native.tracker, f"mark_{what}")(one, one + two)
            naive.forget(one, one + two, marks[what])


@settings(max_examples=80, deadline=None)
@given(OPERATIONS)
def test_the_hooks_give_what_their_twin_gives(operations: list[tuple[str, int, int, int]]) -> None:
    native, naive = Native(), NaiveSanitizer(SP)
    for start, end, zone in [*LAYOUT, (STACK_START - RAM, SP - RAM, tables.STACK)]:
        for place in range(RAM + start, RAM + end):
            naive.at(place).zone = zone
    start: list[tuple[str, int, int, int]] = [("stand", 0x100, 0, -1)]
    both(start + operations, native, naive)
    trace = native.tracker.finish(1000)
    found = {
        (int(e["kind"]), int(e["pc"]), int(e["node"])): [
            int(e[name]) for name in ("address", "size_bytes", "activation", "count")
        ]
        for e in trace.events
    }
    assert found == naive.events
    assert trace.events_left_out == trace.lost_left_out == 0
    assert lost_bytes(trace.lost) == {
        key: ({place for place, _ in rows}, min(v for _, v in rows), max(v for _, v in rows))
        for key, rows in naive.lost.items()
    }


def lost_bytes(lost: Any) -> dict[tuple[int, int], tuple[set[int], int, int]]:
    """Return the bytes, the smallest and the largest value that one activation lost to another one."""
    found: dict[tuple[int, int], tuple[set[int], int, int]] = {}
    for row in lost:
        key = (int(row["writer"]), int(row["activation"]))
        places, low, high = found.get(key, (set(), 255, 0))
        places |= set(range(int(row["start"]), int(row["end"])))
        found[key] = (places, min(low, int(row["low"])), max(high, int(row["high"])))
    return found


def test_zones_have_the_profile_s_names() -> None:
    names = [ZONES[zone] for zone in (tables.ARENA, tables.STATICS, tables.HEAP, tables.STACK, tables.OTHER_ZONE)]
    assert names == list(ZONES)


# Overlaps: A = activation 0 writes [0, 8), B = 1 overwrites [4, 8), C = 2 reads [0, 8). Stretches are activations.


def overlaps(*, low: int = 1, high: int = 9, below_pc: int = 0x100, reader: int = 2, left_reader: int = 2,
             parents: tuple[int, ...] = (-1, -1, -1)) -> list[tuple[int, ...]]:  # fmt: skip
    """Return the parties of the overlaps: writer, overwriter, reader."""
    stretches = np.array([(10 * n, n, 0, 0) for n in range(3)], STRETCH)
    intervals = np.array([(RAM, RAM + 4, 0, left_reader), (RAM + 4, RAM + 8, 1, reader)], INTERVAL)
    lost = np.zeros(1, tables.LOST)
    lost[0] = (RAM + 4, RAM + 8, 0, 0x100, 1, 0x200, 5, 15, below_pc, 0, low, high)
    trace: Any = SimpleNamespace(stretches=stretches, intervals=intervals, lost=lost)
    functions = {0x100: "make", 0x104: "make", 0x180: "other", 0x200: "over"}
    found = find_overlaps(trace, parents, functions.__getitem__)
    return [(each.writer, each.activation, each.reader) for each in found]


def test_an_overlap_is_one_where_a_third_layer_takes_one_for_the_other() -> None:
    assert overlaps() == [(0, 1, 2)]
    assert overlaps(below_pc=0x104) == [(0, 1, 2)]


@pytest.mark.parametrize(
    "what",
    [
        {"low": 7, "high": 7},  # initialised
        {"below_pc": 0},  # nothing of the writer's is beside it
        {"below_pc": 0x180},  # what is beside it is another value
        {"left_reader": 1},  # the overwriting layer reads it: in place
        {"reader": 1},  # nobody takes what is there for anything
        {"parents": (-1, 0, -1)},  # one holds the other
    ],
)
def test_what_is_no_overlap(what: dict[str, Any]) -> None:
    assert overlaps(**what) == []


# References


def test_functions_know_what_their_literals_and_moves_name() -> None:
    # movw r0, #0x0010; movt r0, #0x2000; bx lr; nop; .word 0x20000104
    code = bytes.fromhex("40f21000 c2f20000 7047 00bf 04010020")
    symbol = SimpleNamespace(address=0x100, end=0x100 + len(code))
    segment = SimpleNamespace(load_address=0x100, run_address=0x100, data=code)
    image: Any = SimpleNamespace(segments=[segment], function_at=lambda _address: symbol)
    references = References(image)

    def knows(start: int, end: int) -> bool:
        variable: Any = SimpleNamespace(address=start, end=end)
        return references.knows([0x100], variable)

    assert knows(0x2000_0010, 0x2000_0020)
    assert knows(0x2000_0100, 0x2000_0108)
    assert not knows(0x2000_0011, 0x2000_0100)


def test_findings_of_one_place_and_layer_are_one() -> None:
    def finding(cycles: int, layer: int, pc: int = 0x100) -> Finding:
        return Finding("unwritten", "", layer, "f", None, None, pc, RAM, 4, 2, cycles, "")

    found = merged([("", finding(30, 0)), ("", finding(10, 0)), ("", finding(20, 1)), ("x", finding(40, 0))])
    assert [(each.cycles, each.layer, each.count) for each in found] == [(10, 0, 4), (20, 1, 2), (40, 0, 2)]
