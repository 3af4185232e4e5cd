# SPDX-License-Identifier: Apache-2.0
"""The native model of a core's caches against its plain twin, and what it does by the manual."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_cache import LINE, Memory, NaiveCache, NaiveCaches

from mcusim.engine import cache_tables as c
from mcusim.engine import caches as native
from mcusim.jit import as_pointer, carray, int64, njit

RANGE = c.RANGE
PIECE_BYTES = 16 * LINE
READ, WRITE, FETCH = range(3)
Access = tuple[int, int, int, int, int]  # kind, address, size, instruction, cycles since the one before


@njit
def run_trace(record: Any, trace: Any, stalls: Any) -> None:
    """Let the native model answer a trace; time goes on with the stalls."""
    caches = record[0]
    clock = int64(0)
    for index in range(len(trace)):
        kind, address, size, pc, after = trace[index]
        clock += after
        memory = carray(as_pointer(caches.ranges), (caches.range_count,), RANGE)[native.range_at(caches, address)]
        stall = int64(0)
        if kind == 0:
            stall = native.read(caches, memory, address, size, pc, clock)
        elif kind == 1:
            stall = native.write(caches, memory, address, size, clock)
        elif memory.fetch_cache < 0 or native.find(caches.caches[memory.fetch_cache], address >> 5) < 0:
            stall = native.fetch(caches, memory, address >> 5, clock, clock - pc)
        stalls[index] = stall
        clock += stall


@st.composite
def systems(draw: st.DrawFn) -> tuple[NaiveCaches, c.CacheRecord]:
    """The same caches and memory twice."""
    entries = draw(st.integers(1, 5))
    record = c.CacheRecord(0, entries)
    plain = []
    for number in (c.INSTRUCTIONS, c.DATA):
        sets, ways, on = draw(st.sampled_from([1, 2, 4])), draw(st.sampled_from([1, 2, 4])), draw(st.booleans())
        record.shape(number, sets * ways * LINE, ways)
        record.set_on(number, on)
        plain.append(NaiveCache(sets, ways, on))
    memories, rows = [], []
    for number in range(draw(st.integers(1, 3))):
        policy = draw(st.sampled_from([c.UNCACHED, c.WRITE_THROUGH, c.WRITE_BACK]))
        allocate = policy == c.WRITE_BACK and draw(st.booleans())
        first, beat, write = draw(st.integers(0, 20)), draw(st.integers(0, 3)), draw(st.integers(0, 9))
        read_beats, again = draw(st.sampled_from([(4, 0), (4, 5), (2, 5)]))
        start, end = number * PIECE_BYTES, (number + 1) * PIECE_BYTES
        cached = policy != c.UNCACHED
        held = (c.INSTRUCTIONS, c.DATA) if cached else (c.NO_CACHE, c.NO_CACHE)
        rows.append((start, end, policy, allocate, *held, first, beat, read_beats, again, write))
        memories.append(
            Memory(start, end, cached, policy == c.WRITE_THROUGH, allocate, first, beat, read_beats, again, write)
        )
    record.set_ranges(rows)
    return NaiveCaches(plain[1], plain[0], memories, entries), record


@st.composite
def traces(draw: st.DrawFn, memory_bytes: int) -> list[Access]:
    """Accesses at random, and runs through memory as loops make them."""
    found: list[Access] = []
    for _ in range(draw(st.integers(1, 12))):
        kind, size = draw(st.sampled_from([READ, WRITE, FETCH])), draw(st.sampled_from([1, 2, 4, 8]))
        pc, after = draw(st.integers(1, 3)), draw(st.integers(1, 12))
        address = draw(st.integers(0, memory_bytes // size - 1)) * size
        for step in range(draw(st.sampled_from([1, 1, 3, 40]))):
            found.append((kind, (address + step * size) % memory_bytes, size, pc, after))
    return found


@settings(max_examples=150, deadline=None)
@given(systems(), st.data())
def test_the_native_model_is_the_plain_one(system: tuple[NaiveCaches, c.CacheRecord], data: st.DataObject) -> None:
    plain, record = system
    trace = data.draw(traces(plain.memories[-1].end))
    stalls = np.zeros(len(trace), np.int64)
    run_trace(record.record, np.array(trace, np.int64), stalls)
    clock, expected = 0, []
    for kind, address, size, pc, after in trace:
        clock += after
        if kind == READ:
            stall = plain.read(address, size, pc, clock)
        elif kind == WRITE:
            stall = plain.write(address, size, clock)
        else:
            stall = plain.fetch(address // LINE, clock, clock - pc)
        expected.append(stall)
        clock += stall
    assert stalls.tolist() == expected
    for number, cache in ((c.INSTRUCTIONS, plain.code), (c.DATA, plain.data)):
        tags, flags = record.contents(number)
        held = [
            None if tag == c.NO_LINE else (tag, flag & c.DIRTY, flag >> 1 & 1)
            for tag, flag in zip(tags.tolist(), flags.tolist(), strict=True)
        ]
        assert held == cache.lines()


def test_forgetting_empties_the_caches_and_what_was_found_in_them() -> None:
    record = c.CacheRecord(0, 4)
    record.shape(c.DATA, 4096, 4)
    epoch = int(record.row["epoch"])
    record._tags[c.DATA][5], record._flags[c.DATA][5] = 1, c.DIRTY
    record.row["recent"][1] = record.row["fill"]["line"] = 1
    record.forget()
    lines, flags = record.contents(c.DATA)
    assert (lines == c.NO_LINE).all()
    assert not flags.any()
    assert record.row["recent"][1] == record.row["fill"]["line"] == c.NO_LINE
    assert record.row["epoch"] > epoch
