# SPDX-License-Identifier: Apache-2.0
"""The Trace Event Format as Perfetto and chrome://tracing read it: groups, tracks, slices, counters, instants.

Times are microseconds since reset with three decimals, since readers keep whole nanoseconds. They are rounded down from
cycles, start and end each for itself, so that slices nest after rounding as they did before. A *group* is what the
format calls a process, a *track* a thread.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from fractions import Fraction

from mcusim.errors import McusimError
from mcusim.profile import ClockPhase

Args = Mapping[str, object]
NS_PER_S = 10**9


class Timebase:
    """Nanoseconds since reset at a cycle count, exact but for the last rounding. Raises McusimError without a clock."""

    def __init__(self, phases: Iterable[ClockPhase]) -> None:
        self._starts: list[int] = []
        self._lines: list[tuple[int, int, int]] = []  # ns = (a + b * (cycles since the phase's start)) // c
        elapsed, last = Fraction(0), None
        for phase in phases:
            if phase.core_hz <= 0:
                raise McusimError("the profile does not say how fast the core ran: there is no time to put events at")
            if last is not None:
                elapsed += Fraction((phase.start_cycles - last.start_cycles) * NS_PER_S, last.core_hz)
            base, hz = elapsed, phase.core_hz
            self._starts.append(phase.start_cycles)
            self._lines.append((base.numerator * hz, NS_PER_S * base.denominator, base.denominator * hz))
            last = phase
        if last is None:
            raise McusimError("the profile does not say how fast the core ran: there is no time to put events at")

    def ns(self, cycles: int) -> int:
        """Return the nanoseconds since reset, rounded down."""
        at = bisect_right(self._starts, cycles) - 1 if len(self._starts) > 1 else 0
        a, b, c = self._lines[max(at, 0)]
        return (a + b * (cycles - self._starts[max(at, 0)])) // c


def microseconds(ns: int) -> str:
    """1234567 -> 1234.567."""
    return f"{ns // 1000}.{ns % 1000:03d}"


class TraceEvents:
    """Collects events; `text` is the file. Numbers of groups and tracks are given out in the order of the picture."""

    def __init__(self, clock: Iterable[ClockPhase]) -> None:
        self._time = Timebase(clock)
        self._events: list[str] = []
        self._names: dict[str, str] = {}  # as JSON
        self._groups = 0
        self._tracks = 0

    def group(self, title: str) -> int:
        """Begin a group; return its number."""
        self._groups += 1
        self._about(self._groups, 0, "process_name", "name", title)
        self._about(self._groups, 0, "process_sort_index", "sort_index", self._groups)
        return self._groups

    def track(self, group: int, title: str) -> int:
        """Begin a track of slices in a group; return its number. No two groups have tracks of one number."""
        self._tracks += 1
        number = 1000 * group + self._tracks  # a track with its group's number would be its first, whatever the order
        self._about(group, number, "thread_name", "name", title)
        self._about(group, number, "thread_sort_index", "sort_index", self._tracks)
        return number

    def _about(self, group: int, track: int, kind: str, key: str, value: object) -> None:
        event = {"ph": "M", "pid": group, "tid": track, "name": kind, "args": {key: value}}
        self._events.append(json.dumps(event, separators=(",", ":")))

    def slice(self, group: int, track: int, name: str, start_cycles: int, end_cycles: int, args: str) -> None:
        """Add a slice; `args` are a JSON object. Of slices that begin together the outer one comes first."""
        start_ns = self._time.ns(start_cycles)
        duration = microseconds(self._time.ns(end_cycles) - start_ns)
        self._events.append(
            f'{{"ph":"X","pid":{group},"tid":{track},"ts":{microseconds(start_ns)},"dur":{duration},'
            f'"name":{self._json(name)},"args":{args}}}'
        )

    def counter(self, group: int, title: str, points: Iterable[tuple[int, Mapping[str, float]]]) -> None:
        """Add a counter; each value holds until the next. Those that change nothing are left out."""
        last: Mapping[str, float] | None = None
        for cycles, values in points:
            if values == last:
                continue
            last = values
            self._events.append(
                f'{{"ph":"C","pid":{group},"ts":{microseconds(self._time.ns(cycles))},'
                f'"name":{self._json(title)},"args":{as_json(values)}}}'
            )

    def instant(self, group: int, track: int, name: str, cycles: int, args: Args) -> None:
        """Add a mark at a time."""
        self._events.append(
            f'{{"ph":"i","s":"t","pid":{group},"tid":{track},"ts":{microseconds(self._time.ns(cycles))},'
            f'"name":{self._json(name)},"args":{as_json(args)}}}'
        )

    def _json(self, name: str) -> str:
        text = self._names.get(name)
        if text is None:
            text = self._names[name] = json.dumps(name)
        return text

    def text(self, about: Args) -> str:
        """Return the file, one event a line. `about` is what it says of itself."""
        events = ",\n".join(self._events)
        return f'{{"displayTimeUnit":"ns",\n"otherData":{as_json(about)},\n"traceEvents":[\n{events}\n]}}\n'


def as_json(values: Args) -> str:
    """Return a JSON object on one line."""
    return json.dumps(values, separators=(",", ":"))
