# SPDX-License-Identifier: Apache-2.0
"""Calls over time, from a traced run's native rows to what a profile's reader can name."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.engine.slice_tables import CUT, RUN
from mcusim.machine.exceptions import FIRST_EXTERNAL, exception_name
from mcusim.profile import Profile
from mcusim.profile_events import Counter, Events, FunctionLeftOut, LeftOut, Slices, Track
from mcusim.slice_trace import Samples, SliceTrace
from mcusim.trace import Trace

Rows = npt.NDArray[Any]
PER_CYCLES = 1000  # rates of misses are for so many cycles
# Sampled counter -> title, unit, factor of its growth by cycle.
RATES = {
    "instructions": ("instructions", "per cycle", 1),
    "icache_misses": ("instruction cache misses", "per 1000 cycles", PER_CYCLES),
    "dcache_misses": ("data cache misses", "per 1000 cycles", PER_CYCLES),
    "flash_wait_cycles": ("waiting for flash", "% of cycles", 100),
    "mispredictions": ("mispredicted branches", "per 1000 cycles", PER_CYCLES),
}


def attribute_events(trace: Trace, profile: Profile) -> Events | None:
    """Return calls and counters over time; `profile` is the trace's. None where the run was not traced.

    Raises AssertionError if slices and what was left out do not add up to the profile, function by function.
    """
    found = trace.slices
    if found is None:
        return None
    tracks, track_of = _tracks(trace, found)
    depths = _depths(trace)
    running = found.rows["kind"] & RUN != 0
    events = Events(
        tracks=tracks,
        slices=_slices(found.rows[~running], track_of, depths),
        running=_slices(found.rows[running], track_of, depths),
        counters=_rates(found.samples), left_out=_left_out(trace, found, profile),
    )  # fmt: skip
    _check(events, profile)
    return events


def _tracks(trace: Trace, found: SliceTrace) -> tuple[list[Track], dict[int, int]]:
    """Return the tracks to show, and which of them each native one is on.

    A task that is created again has a native track for each time; they share one where their slices leave room.
    """
    tasks = {task.root: task.name for task in trace.tasks}
    tracks: list[Track] = []
    track_of: dict[int, int] = {}
    lanes: dict[int, list[tuple[int, int]]] = {}  # root -> (track, until when it is taken)
    for each in sorted(found.tracks, key=lambda each: (each.number > 0, abs(each.number))):
        if each.root < 0:
            track_of[each.number] = len(tracks)
            kind = "interrupt" if each.number >= FIRST_EXTERNAL else "exception"
            tracks.append(Track(exception_name(each.number), kind))
            continue
        rows = found.rows[found.rows["track"] == each.number]
        first, last = (int(rows["start_cycles"].min()), int(rows["end_cycles"].max())) if len(rows) else (0, 0)
        taken = lanes.setdefault(each.root, [])
        lane = next((at for at, (_, until) in enumerate(taken) if until <= first), len(taken))
        if lane == len(taken):
            taken.append((len(tracks), last))
            name = tasks[each.root] if each.number else "reset"
            tracks.append(Track(f"{name} ({lane + 1})" if lane else name, "task" if each.number else "thread"))
        track_of[each.number] = taken[lane][0]
        taken[lane] = (taken[lane][0], last)
    return tracks, track_of


def _depths(trace: Trace) -> npt.NDArray[np.int64]:
    """Return how deep each node of the call tree is; children come after their parents."""
    depths = np.zeros(len(trace.nodes), np.int64)
    for number, parent in enumerate(trace.nodes["parent"].tolist()):
        if parent >= 0:
            depths[number] = depths[parent] + 1
    return depths


def _slices(rows: Rows, track_of: dict[int, int], depths: npt.NDArray[np.int64]) -> Slices:
    # Rows are in the order of their ends: of calls that begin together at one depth the one that took no time is first.
    rows = rows[np.lexsort((depths[rows["node"]], rows["start_cycles"]))]
    columns = {
        name: rows[name].tolist() for name in ("start_cycles", "end_cycles", "self_cycles", "total_cycles", "node")
    }
    track = [track_of[number] for number in rows["track"].tolist()]
    return Slices(**columns, track=track, cut=(rows["kind"] & CUT != 0).tolist())


def _rates(samples: Samples) -> list[Counter]:
    """Return how fast each counter grew between two samples."""
    cycles = np.diff(samples.cycles)
    if not len(cycles):
        return []
    times = samples.cycles[:-1].tolist()
    return [
        Counter(title, unit, times, np.round(factor * np.diff(samples.columns[name]) / cycles, 3).tolist())
        for name, (title, unit, factor) in RATES.items()
        if name in samples.columns
    ]


def _left_out(trace: Trace, found: SliceTrace, profile: Profile) -> LeftOut:
    calls: dict[int, int] = {}
    cycles: dict[int, int] = {}
    for number in np.flatnonzero(trace.nodes["calls_left_out"]).tolist():
        function, row = profile.tree[number].function, trace.nodes[number]
        calls[function] = calls.get(function, 0) + int(row["calls_left_out"])
        cycles[function] = cycles.get(function, 0) + int(row["cycles_left_out"])
    functions = [FunctionLeftOut(function, calls[function], cycles[function]) for function in calls]
    functions.sort(key=lambda each: (-each.self_cycles, -each.calls, each.function))
    return LeftOut(found.call_tick_cycles, found.handler_tick_cycles, functions, found.runs_left_out)


def _check(events: Events, profile: Profile) -> None:
    """What slices show and what was left out must be all that the profile has."""
    cycles = [0] * len(profile.functions)
    for node, own in zip(events.slices.node, events.slices.self_cycles, strict=True):
        cycles[profile.tree[node].function] += own
    for each in events.left_out.functions:
        cycles[each.function] += each.self_cycles
    for own, function in zip(cycles, profile.functions, strict=True):
        assert own == function.self_cycles, f"{function.name}: {own} cycles over time, {function.self_cycles} in all"
