# SPDX-License-Identifier: Apache-2.0
"""A strict reader of the Trace Event Format, as far as we write it, which refuses what viewers only repair.

The format is that of the "Trace Event Format" document of the Chromium project: an object with `traceEvents`, each with
`ph`; times in microseconds. A viewer accepts overlapping slices, and puts them somewhere; here they are an error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

KEYS = {
    "M": {"ph", "pid", "tid", "name", "args"},
    "X": {"ph", "pid", "tid", "ts", "dur", "name", "args"},
    "C": {"ph", "pid", "ts", "name", "args"},
    "i": {"ph", "s", "pid", "tid", "ts", "name", "args"},
}


@dataclass
class TraceSlice:
    """A slice, in nanoseconds; `depth` is how many it lies in."""

    name: str
    start_ns: int
    end_ns: int
    depth: int
    args: dict[str, Any]


@dataclass
class TraceFile:
    """What a file says: slices by the title of their track, counters (name and unit) as (nanoseconds, value)."""

    process: str = ""
    about: dict[str, Any] = field(default_factory=dict)
    tracks: dict[str, list[TraceSlice]] = field(default_factory=dict)
    counters: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    marks: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)


def read_trace(text: str) -> TraceFile:
    """Return what a file says. Raises AssertionError where anything is not as it must be."""
    raw = json.loads(text, parse_float=Decimal, object_pairs_hook=_object)
    assert set(raw) == {"displayTimeUnit", "otherData", "traceEvents"}
    assert raw["displayTimeUnit"] == "ns"
    found = TraceFile(about=raw["otherData"])
    titles: dict[int, str] = {}
    positions: dict[int, int] = {}
    last: dict[Any, int] = {}
    stacks: dict[int, list[TraceSlice]] = {}
    for event in raw["traceEvents"]:
        assert set(event) == KEYS[event["ph"]], event
        assert event["pid"] == 1
        assert isinstance(event["name"], str)
        if event["ph"] == "M":
            _describe(event, found, titles, positions)
            continue
        now = _ns(event["ts"])
        if event["ph"] == "C":
            ((unit, value),) = event["args"].items()
            series = found.counters.setdefault(f"{event['name']} {unit}", [])
            assert isinstance(value, int | Decimal)
            assert not series or (now >= series[-1][0] and float(value) != series[-1][1])
            series.append((now, float(value)))
            continue
        assert event["tid"] in titles, "a track is described before it is used"
        if event["ph"] == "i":
            assert event["s"] == "t"
            found.marks.append((event["name"], now, event["args"]))
            continue
        assert now >= last.get(event["tid"], 0), "slices of a track begin in order"
        last[event["tid"]] = now
        stack = stacks.setdefault(event["tid"], [])
        end = now + _ns(event["dur"])
        while stack and stack[-1].end_ns <= now and (end > now or stack[-1].end_ns < now):
            stack.pop()
        assert not stack or end <= stack[-1].end_ns, f"{event['name']} overlaps {stack[-1].name}"
        read = TraceSlice(event["name"], now, end, len(stack), event["args"])
        stack.append(read)
        found.tracks[titles[event["tid"]]].append(read)
    assert list(positions) == sorted(positions, key=lambda track: positions[track])
    assert set(positions) == set(titles)
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({key for key, _ in pairs}) == len(pairs), "a key is there twice"
    return dict(pairs)


def _ns(microseconds: Decimal | int) -> int:
    ns = Decimal(microseconds) * 1000
    assert ns == int(ns) >= 0, "times are whole nanoseconds"
    return int(ns)


def _describe(event: dict[str, Any], found: TraceFile, titles: dict[int, str], positions: dict[int, int]) -> None:
    if event["name"] == "process_name":
        assert not found.process
        found.process = event["args"]["name"]
    elif event["name"] == "thread_name":
        assert event["args"]["name"] not in titles.values()
        titles[event["tid"]] = event["args"]["name"]
        found.tracks[event["args"]["name"]] = []
    else:
        assert event["name"] == "thread_sort_index"
        positions[event["tid"]] = event["args"]["sort_index"]
