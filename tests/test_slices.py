# SPDX-License-Identifier: Apache-2.0
"""Calls over time: native slices against their slow twin, and against the profiles of whole runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from conftest import LONG
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import prebuilt
from naive_slices import NaiveSlices

from mcusim.attribution import attribute
from mcusim.attribution.events import attribute_events
from mcusim.board import load_board
from mcusim.engine import calltree
from mcusim.engine import records as rec
from mcusim.engine.tables import Tables
from mcusim.image import load
from mcusim.machine import Settings, run
from mcusim.machine.handlers import Handlers
from mcusim.machine.samples import Sampler
from mcusim.machine.slices import SliceLog
from mcusim.profile import Profile
from mcusim.profile_events import Events, Slices
from mcusim.profile_io import dumps

PLENTY = 100_000
FUNCTIONS = 3
DEPTH = 4


class Native:
    """The native log, driven by hand: a call tree of every node that there can be, and no engine."""

    def __init__(self, capacity: int) -> None:
        self.tables = Tables()
        self.children: dict[tuple[int, int], int] = {}
        self.roots = {track: self.tables.new_root(0, rec.KIND_THREAD) for track in (0, 1, 2, -1)}
        self.log = SliceLog(self.tables)
        self.tables.m["node"] = self.roots[0]
        self.log.start(capacity)
        self.waiting: dict[int, tuple[int, int]] = {}  # track -> node, open slice

    @property
    def m(self) -> Any:
        """The machine's record."""
        return self.tables.m

    def spend(self, cycles: int) -> None:
        """Let time pass."""
        self.m["clock_cycles"] += cycles

    def child(self, function: int) -> int:
        """Return the node of a function below the current one."""
        key = (int(self.m["node"]), function)
        if key not in self.children:
            self.children[key] = number = self.tables.new_root(function, rec.KIND_CALL)
            self.tables.arrays["nodes"][number]["parent"] = key[0]
        return self.children[key]

    def move(self, node: int) -> None:
        """Go to a node, and do what is asked for then."""
        calltree.move_to(self.tables.machine, node)
        if self.m["call_events"] & rec.TRACE_FULL:
            self.m["call_events"] = 0
            self.tables.grow_open_slices()

    def switch(self, track: int, *, ends: bool) -> None:
        """Another track goes on, or begins."""
        if not ends:
            self.waiting[int(self.m["track"])] = int(self.m["node"]), int(self.m["slice"])
        self.log.leave(ends=ends)
        node, number = self.waiting.pop(track, (self.roots[track], -1))
        self.m["slice"], self.m["track"] = number, track
        self.move(node)

    def finish(self, interrupted: list[int]) -> Any:
        """End the run, with these tracks interrupted, innermost last."""
        self.log.new_track(self.roots[-1])
        contexts = [SimpleNamespace(fields={"slice": self.waiting[track][1], "track": track}) for track in interrupted]
        handlers = cast(Handlers, SimpleNamespace(contexts=contexts, waiting=()))
        return self.log.finish(handlers, Sampler(self.tables, lambda: 0))


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["call", "call", "back", "enter", "leave", "task"]), st.integers(0, 5), st.integers(0, 40)
    ),
    max_size=60,
)


@settings(max_examples=300 if LONG else 40)
@given(OPERATIONS, st.sampled_from([4, 7, 1000]))
def test_native_slices_are_those_of_the_naive_twin(operations: list[tuple[str, int, int]], capacity: int) -> None:
    native, naive = Native(capacity), NaiveSlices(stacks={0: []})
    naive.call(native.roots[0])
    interrupted: list[int] = []
    for what, number, cycles in operations:
        depth = len(naive.stack)
        if what == "call" and depth < DEPTH:
            node = native.child(number % FUNCTIONS)
            native.move(node)
            naive.call(node)
        elif what == "back" and depth > 1:
            naive.back(min(number, depth - 1))
            native.move(naive.stack[-1].node)
        elif what == "enter" and len(interrupted) < 2:
            interrupted.append(naive.track)
            _switch(native, naive, len(interrupted), ends=False)
        elif what == "leave" and interrupted:
            _switch(native, naive, interrupted.pop(), ends=True)
        elif what == "task" and not interrupted:
            _switch(native, naive, -1 - naive.track, ends=False)
        native.spend(cycles)
        naive.spend(cycles)
    other = {-1 - track for track in (*interrupted, naive.track) if track <= 0} & set(native.waiting)
    found = native.finish([*other, *interrupted])
    naive.finish([naive.track, *reversed(interrupted), *other])
    limits = found.call_tick_cycles, found.handler_tick_cycles
    assert found.rows.tolist() == naive.kept(*limits)
    assert len(found.rows) <= capacity
    assert limits == (0, 0) or len(naive.over) > capacity
    calls, cycles_left_out, pieces = naive.left_out(*limits)
    nodes = native.tables.arrays["nodes"][: int(native.m["node_count"])]
    assert nodes["calls_left_out"].tolist() == [calls[node] for node in range(len(nodes))]
    assert nodes["cycles_left_out"].tolist() == [cycles_left_out[node] for node in range(len(nodes))]
    assert found.runs_left_out == pieces


def _switch(native: Native, naive: NaiveSlices, track: int, *, ends: bool) -> None:
    native.switch(track, ends=ends)
    naive.switch(track, ends=ends)
    if not naive.stack:
        naive.call(native.roots[track])


def test_deep_recursion_finds_room() -> None:
    native, naive = Native(PLENTY), NaiveSlices(stacks={0: []})
    naive.call(native.roots[0])
    for _ in range(2000):
        node = native.child(1)
        native.move(node)
        naive.call(node)
        native.spend(1)
        naive.spend(1)
    naive.back(1990)
    native.move(naive.stack[-1].node)
    naive.finish([0])
    assert native.finish([]).rows.tolist() == naive.kept(0, 0)


# whole runs

RUNS = {"interrupts": "mps2-an386", "two_tasks": "nucleo-l4r5zi", "layers": "mps2-an386"}


def traced(name: str, capacity: int, **settings: Any) -> tuple[Profile, Events]:
    """Return the profile and the events of a run."""
    board = RUNS[name]
    given = Settings(trace_slices=capacity, max_cycles=1_000_000, **settings)
    trace = run(load(prebuilt(name, board)), load_board(board), given)
    profile = attribute(trace)
    events = attribute_events(trace, profile)
    assert events is not None
    return profile, events


@pytest.fixture(scope="module", params=RUNS)
def whole(request: pytest.FixtureRequest) -> tuple[str, Profile, Events]:
    """A run of which every call was kept."""
    return request.param, *traced(request.param, PLENTY)


def test_slices_add_up_to_the_profile(whole: tuple[str, Profile, Events]) -> None:
    _, profile, events = whole
    cycles: Counter[int] = Counter()
    calls: Counter[int] = Counter()
    for _, _, own, _, node, _, _ in events.slices.rows():
        cycles[profile.tree[node].function] += own
        calls[profile.tree[node].function] += 1
    assert [cycles[number] for number in range(len(profile.functions))] == [
        each.self_cycles for each in profile.functions
    ]
    assert [calls[number] for number in range(len(profile.functions))] == [each.calls for each in profile.functions]
    assert events.left_out.calls == events.left_out.pieces == 0


def test_who_has_the_core_is_known_at_every_cycle(whole: tuple[str, Profile, Events]) -> None:
    _, profile, events = whole
    now = 0
    for start, end, own, total, *_ in events.running.rows():
        assert start == now < end
        assert own == total == end - start
        now = end
    assert now == profile.totals.cycles


def test_slices_of_a_track_nest_as_their_calls_do(whole: tuple[str, Profile, Events]) -> None:
    _, profile, events = whole
    assert_nested(profile, events.slices)
    assert {track.kind for track in events.tracks} >= {"thread", "interrupt" if whole[0] != "two_tasks" else "task"}


def assert_nested(profile: Profile, slices: Slices) -> None:
    """Each slice lies in one of its caller's, on its track, and its cycles too."""
    stacks: dict[int, list[tuple[int, int, int]]] = {}
    for start, end, own, total, node, track, _ in slices.rows():
        assert start <= end
        assert 0 <= own <= total <= end - start
        stack = stacks.setdefault(track, [])
        while stack and stack[-1][0] != profile.tree[node].parent:
            stack.pop()
        assert bool(stack) == (profile.tree[node].parent >= 0)
        if stack:
            assert stack[-1][1] <= start
            assert end <= stack[-1][2]
        stack.append((node, start, end))


def test_tracing_changes_nothing_and_gives_the_same_again(whole: tuple[str, Profile, Events]) -> None:
    name, profile, events = whole
    assert traced(name, PLENTY) == (profile, events)
    plain = run(load(prebuilt(name, RUNS[name])), load_board(RUNS[name]), Settings(max_cycles=1_000_000))
    assert plain.slices is None
    assert attribute_events(plain, attribute(plain)) is None
    assert dumps(attribute(plain)) == dumps(profile)


@pytest.mark.parametrize("capacity", [8, 60])
def test_what_there_is_no_room_for_is_counted(whole: tuple[str, Profile, Events], capacity: int) -> None:
    name, all_of_it, everything = whole
    profile, events = traced(name, capacity)
    assert profile == all_of_it
    left_out = events.left_out
    assert len(events.slices) + len(events.running) <= capacity
    assert left_out.calls == len(everything.slices) - len(events.slices) > 0
    assert left_out.pieces == len(everything.running) - len(events.running)
    assert left_out.self_cycles == sum(everything.slices.self_cycles) - sum(events.slices.self_cycles)
    assert 0 <= left_out.handler_tick_cycles <= left_out.tick_cycles
    kept = [row[:5] for row in events.slices.rows()]
    for row in everything.slices.rows():
        tick = left_out.handler_tick_cycles if profile.tree[row[4]].parent < 0 else left_out.tick_cycles
        assert (row[:5] in kept) == (tick == 0 or row[0] // tick < row[1] // tick)
    assert_nested(profile, events.slices)


def test_a_run_that_is_cut_keeps_what_was_open(whole: tuple[str, Profile, Events]) -> None:
    name, _, everything = whole
    middle = everything.slices.start_cycles[len(everything.slices) // 2] + 1
    board = load_board(RUNS[name])
    trace = run(load(prebuilt(name, RUNS[name])), board, Settings(trace_slices=PLENTY, max_cycles=middle))
    profile = attribute(trace)
    events = attribute_events(trace, profile)
    assert events is not None
    open_then = [end for end, cut in zip(events.slices.end_cycles, events.slices.cut, strict=True) if cut]
    assert open_then
    assert set(open_then) == {profile.totals.cycles}
    assert_nested(profile, events.slices)


def test_a_slice_that_is_missing_is_noticed(whole: tuple[str, Profile, Events]) -> None:
    name, profile, _ = whole
    trace = run(
        load(prebuilt(name, RUNS[name])), load_board(RUNS[name]), Settings(trace_slices=PLENTY, max_cycles=10_000)
    )
    assert trace.slices is not None
    profile = attribute(trace)
    short = replace(trace, slices=replace(trace.slices, rows=trace.slices.rows[1:]))
    spent = trace.slices.rows[0]["self_cycles"] > 0 and trace.slices.rows[0]["kind"] == 0
    assert spent
    with pytest.raises(AssertionError, match="cycles over time"):
        attribute_events(short, profile)


def test_samples_are_bounded_and_cover_the_run() -> None:
    tables, issued = Tables(), [0]
    sampler = Sampler(tables, lambda: issued[0], tick_cycles=10, max_samples=8)
    for cycles in range(0, 1000, 7):
        issued[0] = cycles // 2
        sampler.look(cycles)
    issued[0] = 500
    samples = sampler.finish(1000)
    assert samples.cycles[0] == 0
    assert samples.cycles[-1] == 1000
    assert 4 <= len(samples.cycles) <= 10
    assert samples.columns["instructions"].tolist() == [*(samples.cycles[:-1] // 2).tolist(), 500]
