# SPDX-License-Identifier: Apache-2.0
"""The native memory hook, called directly, against its naive twin and by hand."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_memory import NaiveMemory

from mcusim.access_trace import AccessTrace
from mcusim.board import Region
from mcusim.engine import access
from mcusim.engine import access_tables as tables
from mcusim.engine.tables import Tables
from mcusim.jit import address_of
from mcusim.machine.tracking import AccessTracker
from mcusim.profile_memory import ZONES

RAM, TCM, FLASH, ALIAS, PERIPHERAL = 0x2000_0000, 0x2000_0800, 0x0800_0000, 0x1000_0000, 0x4000_0000
RAM_BYTES, TCM_BYTES, FLASH_BYTES = 0x800, 0x400, 0x400
BOARD = SimpleNamespace(
    region=(
        Region(name="flash", kind="flash", start=FLASH, size_bytes=FLASH_BYTES, source="", aliases=(0,)),
        Region(name="sram", kind="sram", start=RAM, size_bytes=RAM_BYTES, source="", aliases=(ALIAS,)),
        Region(name="tcm", kind="tcm", start=TCM, size_bytes=TCM_BYTES, source=""),
    )
)
READ, WRITE = 16, 17  # the engine's kinds


class Watched:
    """A tracker whose hooks are called by hand."""

    def __init__(self, *, sanitize: bool = False, log_rows: int = 0, loaded: tuple[Any, ...] = (), **cut: int) -> None:
        memory: Any = SimpleNamespace(loaded=loaded, port=SimpleNamespace(listener=None))
        engine: Any = SimpleNamespace(track_accesses=lambda *_args, **_named: None)
        board: Any = BOARD
        machine = Tables()
        machine.m["uc"] = 0
        self.machine = machine
        self.tracker = AccessTracker(engine, machine, memory, board, sanitize=sanitize, **cut)
        self.tracker.start()
        self.tables = self.tracker._tables
        if log_rows:
            self.tables.put_log(np.zeros(0, tables.INTERVAL), log_rows)
        self._user = ctypes.c_void_p(address_of(self.tables.record))

    def read(self, address: int, size_bytes: int = 4) -> None:
        """Read as the core does."""
        access.on_read.ctypes(None, READ, address, size_bytes, 0, self._user)

    def write(self, address: int, size_bytes: int = 4) -> None:
        """Write as the core does."""
        access.on_write.ctypes(None, WRITE, address, size_bytes, 0, self._user)

    def do(self, kind: str, address: int, size_bytes: int) -> None:
        """Read or write, as the core does if it has accesses of that size, else as the host does."""
        whose = self if size_bytes in (1, 2, 4, 8) else self.tracker
        getattr(whose, kind if whose is self else f"host_{kind}")(address, size_bytes)

    def begin(self, cycles: int, activation: int = -1, *, kept: bool = True) -> None:
        """Begin a stretch."""
        self.tracker.begin_stretch(cycles, activation, kept=kept)

    def finish(self, cycles: int = 10_000_000) -> AccessTrace:
        """End the run."""
        return self.tracker.finish(cycles)


def rows(trace: AccessTrace) -> list[tuple[int, ...]]:
    """Return the intervals as tuples, addresses from the start of the SRAM."""
    return [(int(r["start"]) - RAM, int(r["end"]) - RAM, int(r["writer"]), int(r["reader"])) for r in trace.intervals]


def test_zones_are_those_of_the_profile() -> None:
    assert len(ZONES) == tables.ZONES
    assert ZONES[tables.OTHER_ZONE] == "other"


def test_a_value_is_live_from_its_write_to_its_last_read() -> None:
    w = Watched()
    w.write(RAM + 1, 4)
    w.begin(100, 0)
    w.begin(200, 1)
    w.read(RAM + 1, 4)
    w.begin(300, 2)
    w.read(RAM + 2, 1)
    w.begin(400, 3)
    trace = w.finish()
    assert trace.live.sum(axis=0).tolist() == [4, 4, 4, 1, 0]
    assert trace.end_live.tolist() == [4, 4, 1, 0, 0]
    assert rows(trace) == [(1, 2, 0, 2), (3, 5, 0, 2), (2, 3, 0, 3)]
    assert trace.stretches["activation"].tolist() == [-1, 0, 1, 2, 3]
    assert trace.traffic[:-1].tolist() == [[0, 0], [5, 4], [0, 0]]


def test_what_nobody_reads_is_not_live() -> None:
    w = Watched()
    for _ in range(3):
        w.write(RAM, 4)
        w.begin(w.tracker.next_tick_cycles)
    trace = w.finish()
    assert not trace.live.any()
    assert not len(trace.intervals)
    assert trace.touched_bytes == [None, 4, 0]


def test_a_read_of_what_nobody_wrote_is_not_live() -> None:
    w = Watched()
    w.read(RAM, 4)
    w.begin(100)
    w.read(RAM, 2)
    w.write(RAM, 4)
    trace = w.finish()
    assert not trace.live.any()
    assert trace.touched_bytes == [None, 4, 0]


def test_what_the_image_put_there_is_written_at_the_start() -> None:
    w = Watched(loaded=((RAM + 8, 4), (FLASH, 16)))
    w.begin(100)
    w.read(RAM + 8, 4)
    trace = w.finish()
    assert trace.live.sum(axis=0).tolist() == [4, 4]


def test_temporaries_count_once_in_each_stretch() -> None:
    w = Watched()
    for stretch in range(3):
        for _ in range(5):
            w.write(RAM + 16, 4)
            w.read(RAM + 16, 4)
            w.write(RAM + 21, 1)
            w.read(RAM + 21, 1)
            w.write(RAM + 30, 2)
            w.read(RAM + 30, 2)
        w.begin(100 * (stretch + 1))
    trace = w.finish()
    assert trace.live.sum(axis=0).tolist() == [7, 7, 7, 0]
    assert not trace.end_live.any()


def test_accesses_across_regions_and_out_of_them_count_by_byte() -> None:
    w = Watched()
    w.write(TCM - 2, 4)
    w.read(TCM - 1, 4)
    w.write(TCM + TCM_BYTES - 3, 8)
    w.read(TCM + TCM_BYTES - 3, 8)
    w.read(FLASH + FLASH_BYTES - 1, 4)
    w.read(RAM - 3, 4)
    w.read(0xFFFF_FFFE, 4)
    w.write(PERIPHERAL, 4)
    w.write(FLASH, 4)  # faults
    trace = w.finish()
    assert trace.traffic[:-1].tolist() == [[1 + 2, 0], [1 + 1, 2], [3 + 3, 2 + 3]]
    assert trace.live.sum(axis=0).tolist() == [3 + 3]


def test_aliases_are_the_same_bytes() -> None:
    w = Watched()
    w.write(ALIAS + 4, 4)
    w.begin(100)
    w.read(RAM + 4, 4)
    w.tracker.set_layer(3)
    w.read(0, 2)
    trace = w.finish()
    assert rows(trace) == [(4, 8, 0, 1)]
    sets = trace.flash_sets[0]
    assert sets is not None
    assert [trace.layer_sets[number] for number in sets[:3]] == [frozenset({3}), frozenset({3}), frozenset()]


def test_readers_of_flash_are_exact_sets() -> None:
    w = Watched()
    for layer, address, size_bytes in ((0, 0, 4), (2, 2, 4), (0, 2, 4), (2, 0, 1), (7, 3, 1), (2, 8, 2), (2, 2, 4)):
        w.tracker.set_layer(layer)
        w.read(FLASH + address, size_bytes)
    trace = w.finish()
    sets = trace.flash_sets[0]
    assert sets is not None
    found = [set(trace.layer_sets[number]) for number in sets[:10]]
    assert found == [{0, 2}, {0}, {0, 2}, {0, 2, 7}, {0, 2}, {0, 2}, set(), set(), {2}, {2}]
    assert trace.crowded_flash_bytes == 0


def test_more_readers_than_there_are_sets_for_are_counted() -> None:
    w = Watched()
    for layer in range(1, 200):
        w.tracker.set_layer(layer)
        for byte in range(8):
            if layer % (byte + 2) == 0:
                w.read(FLASH + byte, 1)
        w.read(FLASH + 100, 1)
    trace = w.finish()
    assert trace.crowded_flash_bytes == 0
    for layer in range(1, 1100):
        w.tracker.set_layer(layer)
        w.read(FLASH + layer % 50 + 200, 1)
        w.read(FLASH + 300, 1)
    assert w.finish().crowded_flash_bytes > 0


def test_allocation_ends_values() -> None:
    w = Watched()
    w.write(RAM, 8)
    w.read(RAM, 4)
    w.begin(100)
    w.tracker.mark_freed(RAM, RAM + 8)
    w.begin(200)
    w.tracker.mark_fresh(RAM, RAM + 8)
    w.read(RAM, 8)
    trace = w.finish()
    assert trace.live.sum(axis=0).tolist() == [4, 0, 0]
    assert trace.touched_bytes == [None, 8, 0]


def test_zones_split_what_is_live() -> None:
    w = Watched()
    w.tracker.set_zone(RAM, RAM + 2, 0)
    w.tracker.set_zone(ALIAS + 2, ALIAS + 3, 3)
    w.write(RAM, 4)
    w.read(RAM, 4)
    trace = w.finish()
    assert trace.live[:, 0].tolist() == [2, 0, 0, 1, 1]


def test_accesses_of_the_host_follow_the_same_rules() -> None:
    w = Watched()
    w.tracker.host_write(RAM, 100)
    w.begin(100)
    w.tracker.host_read(RAM + 50, 100)
    trace = w.finish()
    assert trace.end_live.tolist() == [50, 0]
    assert trace.traffic[1].tolist() == [100, 100]


def test_levels_keep_their_maximum() -> None:
    w = Watched()
    w.tracker.note_levels(10, 5)
    w.tracker.note_levels(4, 8)
    w.begin(100)
    w.tracker.levels = lambda: (7, 6)
    w.begin(200)
    trace = w.finish()
    assert trace.stretches["stack_bytes"].tolist() == [10, 7, 0]
    assert trace.stretches["heap_bytes"].tolist() == [8, 6, 0]


def test_neighbours_of_one_activation_are_one_interval() -> None:
    w = Watched(tick_cycles=10)
    for index in range(8):  # written by activation 0, forwards, over four ticks
        w.begin(10 * (index // 2), 0, kept=False)
        w.write(RAM + index, 1)
    for index in range(8):
        w.begin(100 + 10 * index, 1, kept=False)
        w.read(RAM + 7 - index, 1)
    trace = w.finish()
    assert [(start, end) for start, end, _, _ in rows(trace)] == [(0, 8)]


def test_times_outside_layers_stay_apart() -> None:
    w = Watched(tick_cycles=10)
    for time in range(4):
        w.begin(100 * time, kept=False)
        w.write(RAM, 4)
        w.begin(100 * time + 30, kept=False)
        w.read(RAM, 4)
    assert [row[:2] for row in rows(w.finish())] == [(0, 4)] * 4


def test_a_full_log_says_what_it_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcusim.machine.tracking.MAX_LOG_ROWS", 8)
    w = Watched(log_rows=8)
    for index in range(20):
        w.write(RAM + 4 * index, 2)
    w.begin(100)
    for index in range(20):
        w.read(RAM + 4 * index, 2)
    trace = w.finish()
    assert len(trace.intervals) == 8
    assert trace.interval_bytes_left_out == 2 * 12
    assert trace.end_live.tolist() == [40, 0]


def test_a_log_that_fills_stops_the_engine() -> None:
    w = Watched(log_rows=8)
    w.machine.m["due_cycles"] = 1000
    for index in range(20):
        w.write(RAM + 4 * index, 1)
    w.begin(100)
    for index in range(5):
        w.read(RAM + 4 * index, 1)
        w.write(RAM + 4 * index, 1)
    assert int(w.machine.m["due_cycles"]) == 0
    w.tracker.look(100)
    assert int(w.tables.row["log_capacity"]) == 16
    assert len(w.finish().intervals) == 5


def test_boundaries_beyond_the_limit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcusim.machine.stretches.MAX_STRETCHES", 10)
    w = Watched()
    for index in range(20):
        w.begin(10 * index + 10, index)
        w.write(RAM, 4)
        w.read(RAM, 4)
    trace = w.finish()
    assert len(trace.stretches) == 10
    assert trace.boundaries_left_out == 11
    assert trace.live.sum(axis=0).tolist() == [0] + [4] * 9


def test_ticks_go_on_when_no_coarser_cut_is_left() -> None:
    w = Watched(tick_cycles=10, max_ticks=2)
    cycles = 0
    for _ in range(40):
        cycles = w.tracker.next_tick_cycles
        w.write(RAM, 4)
        w.read(RAM, 4)
        w.begin(cycles, kept=False)
    trace = w.finish(cycles)
    assert trace.tick_cycles > 10 << tables.LEVELS
    assert set(trace.live.sum(axis=0).tolist()[:-1]) == {4}


# Against the twin

SIZES = st.sampled_from((1, 1, 2, 4, 4, 8, 3, 17))  # the last two: the host's
ADDRESSES = st.one_of(st.integers(RAM, RAM + 24), st.integers(TCM - 9, TCM + 12))
FLASH_ADDRESSES = st.integers(FLASH, FLASH + 12)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), ADDRESSES, SIZES),
        st.tuples(st.just("read"), ADDRESSES, SIZES),
        st.tuples(st.just("update"), ADDRESSES, SIZES),
        st.tuples(st.just("flash"), FLASH_ADDRESSES, SIZES),
        st.tuples(st.just("layer"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("time"), st.integers(0, 35), st.integers(-1, 2)),
        st.tuples(st.just("time"), st.integers(1, 12), st.none()),
    ),
    max_size=120,
)
ZONE_OF = {RAM + offset: offset // 5 % 5 for offset in range(25)}


def both(operations: list[tuple[str, int, int | None]], naive: NaiveMemory, watched: Watched) -> None:
    """Do the same to both. Times that are no boundary come when the tracker asks for them, as in a run."""
    cycles, activation = 0, -1
    for what, value, more in operations:
        if what == "time":
            cycles += value
            kept = more is not None
            if more is not None:
                activation = more
            if kept or cycles >= watched.tracker.next_tick_cycles:
                watched.begin(cycles, activation, kept=kept)
            naive.begin(cycles, activation, kept)
        elif what == "layer":
            naive.layer = value
            watched.tracker.set_layer(value)
        elif what == "flash":
            naive.read_flash(value, int(more or 0))
            watched.do("read", value, int(more or 0))
        else:
            for kind in ("read", "write") if what == "update" else (what,):
                getattr(naive, kind)(value, more)
                watched.do(kind, value, int(more or 0))
        watched.tracker.look(cycles) if watched.tracker.next_tick_cycles > cycles else None
    naive.finish()


@settings(max_examples=120, deadline=None)
@given(OPERATIONS, st.sampled_from((2, 5, 1000)))
def test_the_hook_gives_what_its_twin_gives(operations: list[tuple[str, int, int | None]], max_ticks: int) -> None:
    watched = Watched(log_rows=64, tick_cycles=8, max_ticks=max_ticks)
    for address, zone in ZONE_OF.items():
        watched.tracker.set_zone(address, address + 1, zone)
    probe = Watched(tick_cycles=8, max_ticks=max_ticks)
    both(operations, NaiveMemory(1, ZONE_OF), probe)  # which cut will it be in the end?
    naive = NaiveMemory(probe.finish().tick_cycles, ZONE_OF)
    both(operations, naive, watched)
    trace = watched.finish()
    assert list(zip(trace.stretches["start_cycles"], trace.stretches["activation"], strict=True)) == naive.stretches
    stretches = range(len(naive.stretches))
    assert trace.live.tolist() == [[naive.live(zone, stretch) for stretch in stretches] for zone in range(5)]
    assert trace.end_live.tolist() == [naive.end_live(stretch) for stretch in stretches]
    assert trace.interval_bytes_left_out == 0
    check_intervals(trace, naive)
    sets = trace.flash_sets[0]
    assert sets is not None
    for byte in range(24):
        assert trace.layer_sets[sets[byte]] == naive.readers.get(FLASH + byte, set())


def check_intervals(trace: AccessTrace, naive: NaiveMemory) -> None:
    """Every value is in an interval of the same two parties, and in each byte of an interval there is such a value."""
    wanted: dict[tuple[Any, ...], list[tuple[int, int]]] = {}
    for byte, spans in naive.intervals.items():
        for written, read in spans:
            if written < read:
                wanted.setdefault((byte, naive.party(written), naive.party(read)), []).append((written, read))
    found: dict[tuple[Any, ...], list[tuple[int, int]]] = {}
    for row in trace.intervals:
        span = (int(row["writer"]), int(row["reader"]))
        for byte in range(int(row["start"]), int(row["end"])):
            found.setdefault((byte, naive.party(span[0]), naive.party(span[1])), []).append(span)
    assert set(found) == set(wanted)
    for key, spans in wanted.items():
        for written, read in spans:
            assert any(first <= written and read <= last for first, last in found[key])
        for first, last in found[key]:
            assert any(first <= written and read <= last for written, read in spans)
