# SPDX-License-Identifier: Apache-2.0
"""The Chrome trace: what is in it, its times, its bounds; from a profile alone and from a traced run."""

from __future__ import annotations

import gzip
import signal
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from fakes import make_profile
from fakes_memory import make_network_profile
from hypothesis import given
from hypothesis import strategies as st
from machines import prebuilt
from trace_format import read_trace

from mcusim import profile_io
from mcusim.attribution import attribute
from mcusim.attribution.events import attribute_events
from mcusim.board import load_board
from mcusim.cli.main import main
from mcusim.errors import McusimError
from mcusim.image import load
from mcusim.machine import Settings, run
from mcusim.machine.samples import Sampler
from mcusim.profile import ClockPhase, Profile
from mcusim.profile_events import Counter, Events, FunctionLeftOut, LeftOut, Slices, Track
from mcusim.reports import RenderOptions, render
from mcusim.reports.as_perfetto import left_out_words, trace_text
from mcusim.reports.trace_events import Timebase, TraceEvents, microseconds

NOTHING = LeftOut(0, 0, [], 0)
PHASES = st.lists(st.tuples(st.integers(0, 10**12), st.integers(1, 10**9)), min_size=1, max_size=5)


@given(PHASES, st.lists(st.integers(0, 10**13), min_size=2, max_size=6))
def test_times_are_exact_and_never_go_back(drawn: list[tuple[int, int]], cycles: list[int]) -> None:
    starts = sorted({start for start, _ in drawn} | {0})
    phases = [ClockPhase(start, drawn[at % len(drawn)][1]) for at, start in enumerate(starts)]
    time = Timebase(phases)
    for at in sorted(cycles):
        exact = Fraction(0)
        for phase, end in zip(phases, [*starts[1:], 10**14], strict=True):
            exact += Fraction(max(0, min(at, end) - phase.start_cycles) * 10**9, phase.core_hz)
        assert time.ns(at) == exact.numerator // exact.denominator
    assert [time.ns(at) for at in sorted(cycles)] == sorted(time.ns(at) for at in cycles)


def test_a_time_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(McusimError, match=r"its clock is 0 Hz from cycle 0 on"):
        Timebase([ClockPhase(0, 0)])
    with pytest.raises(McusimError, match="its clock is 8 Hz from cycle 4 on"):
        Timebase([ClockPhase(5, 8), ClockPhase(4, 8)])
    with pytest.raises(McusimError, match="no clock at cycle 1,000"):
        Timebase([]).ns(1000)


def test_microseconds_have_three_decimals() -> None:
    assert [microseconds(ns) for ns in (0, 7, 1000, 1_234_567)] == ["0.000", "0.007", "1.000", "1234.567"]


def test_a_counter_is_written_where_it_changes() -> None:
    out = TraceEvents("x", [ClockPhase(0, 1_000_000)])
    out.counter("heap", "bytes", [(0, 1), (1, 1), (2, 3), (3, 3), (4, 1)])
    assert read_trace(out.text({})).counters == {"heap bytes": [(0, 1), (2000, 3), (4000, 1)]}


# from a saved profile


def test_layers_memory_and_inferences_of_a_saved_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = make_network_profile(inferences=3)
    assert profile.layers is not None
    assert profile.memory is not None
    saved, out = tmp_path / "run.json", tmp_path / "trace.json.gz"
    profile_io.save(profile, saved)
    assert main(["report", str(saved), "--format", "perfetto", "-o", str(out)]) == 0
    assert out.read_bytes()[4:8] == bytes(4), "no time in it"
    found = read_trace(gzip.decompress(out.read_bytes()).decode())
    assert found == read_trace(render(profile, "perfetto"))
    assert found.process == f"{profile.image.name} on {profile.board.name}"
    assert [each.name for each in found.tracks["inferences"]] == ["inference 1", "inference 2", "inference 3"]
    layers = found.tracks["layers"]
    assert len(layers) == len(profile.layers.activations)
    for each, run_of_it in zip(layers, profile.layers.activations, strict=True):
        assert each.args["self_cycles"] == run_of_it.self_cycles
        assert (each.depth == 0) == (run_of_it.parent < 0)
    live = profile.memory.timeline.live_bytes
    assert max(value for _, value in found.counters["live SRAM bytes"]) == max(live)
    assert "stack bytes" in found.counters
    assert "clock MHz" in found.counters
    ((mark, _, _),) = found.marks
    assert "kept only by 'mcusim profile --trace FILE'" in mark
    assert "functions" in found.about
    assert "wrote" in capsys.readouterr().err


def test_layers_that_run_at_the_same_time_have_tracks_of_their_own() -> None:
    profile = make_network_profile(inferences=1)
    assert profile.layers is not None
    first = profile.layers.activations[0]
    inside = replace(first, start_cycles=first.start_cycles + 1, end_cycles=first.end_cycles - 1)
    profile.layers.activations.insert(1, inside)
    for each in profile.layers.activations[2:]:
        each.parent += each.parent >= 1
    found = read_trace(render(profile, "perfetto"))
    assert [each.start_ns for each in found.tracks["layers (2)"]] == [found.tracks["layers"][0].start_ns + 50]
    assert found.tracks["layers (2)"][0].depth == 0


def test_it_is_always_the_whole_profile() -> None:
    with pytest.raises(McusimError, match="perfetto is always the whole profile: drop --show"):
        render(make_profile(), "perfetto", options=RenderOptions(tree=True))


# from events


def events_of(profile: Profile, **columns: list[int]) -> Events:
    """Return events of one track: `start`, `end`, `own`, `total`, `node`."""
    count = len(columns["node"])
    slices = Slices(
        columns["start"],
        columns["end"],
        columns["own"],
        columns["total"],
        columns["node"],
        [0] * count,
        [False] * count,
    )
    return Events([Track("reset", "thread")], slices, Slices(), [Counter("instructions", "per cycle", [0, 9], [1, 2])],
                  NOTHING)  # fmt: skip


def test_arguments_say_what_a_slice_spent() -> None:
    profile = make_profile()
    child = next(at for at, node in enumerate(profile.tree) if node.parent == 0)
    events = events_of(profile, start=[0, 10, 40], end=[100, 30, 40], own=[50, 20, 0], total=[90, 20, 0],
                       node=[0, child, child])  # fmt: skip
    events.left_out = LeftOut(16, 8, [FunctionLeftOut(2, 3, 20)], 1)
    found = read_trace(trace_text(profile, events))
    outer, inner, nothing = found.tracks["reset thread"]
    assert outer.args == {"cycles": 90, "self_cycles": 50, "interrupted_cycles": 10, "left_out_cycles": 20}
    assert inner.args == {"cycles": 20, "self_cycles": 20}
    assert (nothing.start_ns, nothing.end_ns, nothing.depth) == (2000, 2000, 1)
    assert found.counters["instructions per cycle"] == [(0, 1), (450, 2)]
    assert found.about["left_out"] == {
        "calls": 3, "self_cycles": 20, "tick_cycles": 16, "interrupt_tick_cycles": 8,
        "pieces_of_tracks": 1, "further_functions": 0,
        "functions": [{"function": profile.functions[2].name, "calls": 3, "self_cycles": 20}],
    }  # fmt: skip


def test_what_was_left_out_in_words() -> None:
    assert left_out_words(NOTHING, 100) == "every call is in it"
    some = LeftOut(1024, 0, [FunctionLeftOut(0, 1200, 500)], 0)
    words = left_out_words(some, 10_000)
    assert words == "left out: 1,200 calls shorter than 1,024 cycles, 5.0% of all cycles; of those it has a sample"
    words = left_out_words(replace(some, handler_tick_cycles=64), 10_000)
    assert "1,200 calls shorter than 1,024, interrupts shorter than 64 cycles, 5.0%" in words


# from the command line


@pytest.fixture(scope="module")
def two_tasks() -> tuple[Profile, Events]:
    """The tasks' example, traced."""
    image, board = load(prebuilt("two_tasks", "nucleo-l4r5zi")), load_board("nucleo-l4r5zi")
    trace = run(image, board, Settings(trace_slices=10_000))
    profile = attribute(trace)
    events = attribute_events(trace, profile)
    assert events is not None
    return profile, events


def test_a_traced_run_as_a_file(two_tasks: tuple[Profile, Events]) -> None:
    profile, events = two_tasks
    found = read_trace(trace_text(profile, events))
    assert list(found.tracks) == [
        "what runs", "reset thread", "task filter_task", "task sort_task", "exception SVCall", "exception PendSV",
        "exception SysTick",
    ]  # fmt: skip
    assert {each.name for each in found.tracks["exception SysTick"]} == {"SysTick_Handler"}
    own: dict[str, int] = {}
    for title, slices in found.tracks.items():
        for each in slices if title != "what runs" else []:
            own[each.name] = own.get(each.name, 0) + each.args["self_cycles"]
    assert own == {function.name: function.self_cycles for function in profile.functions}
    assert found.tracks["what runs"][-1].end_ns == int(profile.totals.time_s * 1e9)
    assert [value for _, value in found.counters["clock MHz"]] == [4, 16]
    assert found.marks[0][0] == "every call is in it"


def _profile(arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    status = main(["profile", str(prebuilt("two_tasks", "nucleo-l4r5zi")), "-q", *arguments.split()])
    return status, capsys.readouterr().err


def test_profile_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str], two_tasks: tuple[Profile, Events]) -> None:
    path = tmp_path / "out.json"
    status, said = _profile(f"--trace {path}", capsys)
    assert status == 0
    assert path.read_text() == trace_text(*two_tasks), "deterministic, and the same from Python"
    assert f"wrote {path}: 170.0 kB, 1,479 calls; every call is in it" in said
    assert list(tmp_path.iterdir()) == [path], "no temporary file is left"
    status, said = _profile(f"--trace {path}", capsys)
    assert (status, "exists already" in said) == (2, True)


def test_profile_trace_with_little_room(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "out.json.gz"
    _, said = _profile(f"--trace {path} --trace-events 100", capsys)
    found = read_trace(gzip.decompress(path.read_bytes()).decode())
    left_out = found.about["left_out"]
    assert found.about["slices"] <= 100
    assert f"left out: {left_out['calls']:,} calls shorter than {left_out['tick_cycles']:,}" in said
    assert found.marks[0][0] in said


def test_profile_trace_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "out.json"
    status, said = _profile(f"--trace {path} -o {path}", capsys)
    assert (status, "is the file of -o, too: give two names" in said) == (2, True)
    status, said = _profile(f"--trace {tmp_path}/none/out.json", capsys)
    assert (status, "does not exist" in said) == (2, True)
    status, said = _profile(f"--trace {path} --trace-events 1e9", capsys)
    assert (status, "no viewer opens 1,000,000,000 events: give at most 10,000,000" in said) == (2, True)
    assert not list(tmp_path.iterdir())


def test_ctrl_c_keeps_the_trace_so_far(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    two_tasks: tuple[Profile, Events],
) -> None:
    look = Sampler.look

    def interrupt(sampler: Sampler, cycles: int) -> None:
        look(sampler, cycles)
        if cycles > 100_000:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Sampler, "look", interrupt)
    path = tmp_path / "out.json"
    status, said = _profile(f"--trace {path}", capsys)
    assert status == 130
    assert f"wrote {path}" in said
    found = read_trace(path.read_text())
    assert 100_000 < found.about["cycles"] < two_tasks[0].totals.cycles
    assert found.about["end"] == "interrupted by the user"
    assert "cut" in found.tracks["reset thread"][0].args
