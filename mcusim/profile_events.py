# SPDX-License-Identifier: Apache-2.0
"""Calls and counters over time, beside a profile: what a traced run adds to it. Plain data, like `mcusim.profile`.

A *slice* is one activation of a node of the call tree, from its entry to its end, whatever interrupts it. A *track* is
a stack of slices: a thread's, a task's, an exception's. Slices of one track never overlap without nesting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Track:
    """Where slices stand: `kind` is thread (that of reset), task, exception or interrupt (an external one)."""

    title: str
    kind: str


@dataclass
class Slices:
    """Columns, one row a slice, by start; of equal starts the outer one comes first.

    `node` is an index into `Profile.tree`, `track` into `Events.tracks`. `total_cycles` is what it spent with what it
    called, without what interrupted it. `cut`: the run ended within it.
    """

    start_cycles: list[int] = field(default_factory=list)
    end_cycles: list[int] = field(default_factory=list)
    self_cycles: list[int] = field(default_factory=list)
    total_cycles: list[int] = field(default_factory=list)
    node: list[int] = field(default_factory=list)
    track: list[int] = field(default_factory=list)
    cut: list[bool] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.node)

    def rows(self) -> Iterator[tuple[int, int, int, int, int, int, bool]]:
        """Yield the rows, in the order of the columns."""
        yield from zip(
            self.start_cycles, self.end_cycles, self.self_cycles, self.total_cycles, self.node, self.track, self.cut,
            strict=True,
        )  # fmt: skip


@dataclass
class FunctionLeftOut:
    """Calls of one function that no slice shows: `function` is an index into `Profile.functions`."""

    function: int
    calls: int
    self_cycles: int


@dataclass
class LeftOut:
    """What no slice shows: calls into which no multiple of `tick_cycles` fell, whole handlers of `handler_tick_cycles`.

    So all of at least that length have a slice, and of shorter ones a sample; 0: all have. `pieces` are stretches of a
    track with the core that were left out, too.
    """

    tick_cycles: int
    handler_tick_cycles: int
    functions: list[FunctionLeftOut]  # the most cycles first
    pieces: int

    @property
    def calls(self) -> int:
        """Calls that were left out, handlers among them."""
        return sum(each.calls for each in self.functions)

    @property
    def self_cycles(self) -> int:
        """Cycles that they spent themselves."""
        return sum(each.self_cycles for each in self.functions)


@dataclass
class Counter:
    """A value over time: `values[i]` holds from `cycles[i]` on."""

    title: str
    unit: str
    cycles: list[int]
    values: list[float]


@dataclass
class Events:
    """All of it. `running` are slices that say which track has the core: they never overlap."""

    tracks: list[Track]
    slices: Slices
    running: Slices
    counters: list[Counter]
    left_out: LeftOut
