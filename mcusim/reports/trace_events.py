# SPDX-License-Identifier: Apache-2.0
"""The Trace Event Format as Perfetto and chrome://tracing read it: tracks, slices, counters, instants.

Times are microseconds since reset with three decimals, since readers keep whole nanoseconds. They are rounded down from
cycles, start and end each for itself, so that slices nest after rounding as they did before. A *track* is what the
format calls a thread; all are in one process, since readers show the tracks of a single one at once.
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
PROCESS = 1
NO_TIME = "the profile does not say when events were"


class Timebase:
    """Nanoseconds since reset at a cycle count, exact but for the last rounding."""

    def __init__(self, phases: Iterable[ClockPhase]) -> None:
        self._starts: list[int] = []
        self._lines: list[tuple[int, int, int]] = []  # ns = (a + b * (cycles since the phase's start)) // c
        elapsed, last = Fraction(0), ClockPhase(0, 1)
        for phase in phases:
            if phase.core_hz <= 0 or phase.start_cycles < last.start_cycles:
                raise McusimError(f"{NO_TIME}: its clock is {phase.core_hz} Hz from cycle {phase.start_cycles:,} on")
            elapsed += Fraction((phase.start_cycles - last.start_cycles) * NS_PER_S, last.core_hz)
            self._starts.append(phase.start_cycles)
            hz = phase.core_hz
            self._lines.append((elapsed.numerator * hz, NS_PER_S * elapsed.denominator, elapsed.denominator * hz))
            last = phase

    def ns(self, cycles: int) -> int:
        """Return the nanoseconds since reset, rounded down. Raises McusimError where the profile has no clock then."""
        at = bisect_right(self._starts, cycles) - 1
        if at < 0:
            if cycles:
                raise McusimError(f"{NO_TIME}: it has no clock at cycle {cycles:,}")
            return 0
        a, b, c = self._lines[at]
        return (a + b * (cycles - self._starts[at])) // c


def microseconds(ns: int) -> str:
    """1234567 -> 1234.567."""
    return f"{ns // 1000}.{ns % 1000:03d}"


class TraceEvents:
    """Collects events; `text` is the file. Tracks are numbered in the order in which they are to stand."""

    def __init__(self, title: str, clock: Iterable[ClockPhase]) -> None:
        self._time = Timebase(clock)
        self._events: list[str] = []
        self._names: dict[str, str] = {}  # as JSON
        self._tracks = 0
        self._describe(0, "process_name", "name", title)

    def track(self, title: str) -> int:
        """Begin a track of slices; return its number."""
        self._tracks += 1
        number = PROCESS + self._tracks  # readers take one of the process's own number for its main thread
        self._describe(number, "thread_name", "name", title)
        self._describe(number, "thread_sort_index", "sort_index", self._tracks)
        return number

    def _describe(self, track: int, kind: str, key: str, value: object) -> None:
        event = {"ph": "M", "pid": PROCESS, "tid": track, "name": kind, "args": {key: value}}
        self._events.append(as_json(event))

    def slice(self, track: int, name: str, start_cycles: int, end_cycles: int, args: str) -> None:
        """Add a slice; `args` are a JSON object. Of slices that begin together the outer one comes first."""
        start_ns = self._time.ns(start_cycles)
        duration = microseconds(self._time.ns(end_cycles) - start_ns)
        self._events.append(
            f'{{"ph":"X","pid":{PROCESS},"tid":{track},"ts":{microseconds(start_ns)},"dur":{duration},'
            f'"name":{self._json(name)},"args":{args}}}'
        )

    def counter(self, title: str, unit: str, points: Iterable[tuple[int, float]]) -> None:
        """Add a counter: (cycles, value), each of which holds until the next. What changes nothing is left out."""
        last: float | None = None
        for cycles, value in points:
            if value == last:
                continue
            last = value
            self._events.append(
                f'{{"ph":"C","pid":{PROCESS},"ts":{microseconds(self._time.ns(cycles))},'
                f'"name":{self._json(title)},"args":{{{self._json(unit)}:{json.dumps(value)}}}}}'
            )

    def instant(self, track: int, name: str, cycles: int, args: Args) -> None:
        """Add a mark at a time."""
        self._events.append(
            f'{{"ph":"i","s":"t","pid":{PROCESS},"tid":{track},"ts":{microseconds(self._time.ns(cycles))},'
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
