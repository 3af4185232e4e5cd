# SPDX-License-Identifier: Apache-2.0
"""Slices of calls as one would keep them with all the memory there is: the slow twin of `mcusim.engine.slices`.

Everything is kept, in the order in which it ended; `kept` and `left_out` then split it by the ticks that fell into it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class NaiveSlice:
    """One activation of a node, or (`run`) a piece of time in which a track had the core."""

    node: int
    track: int
    start: int
    end: int = -1
    own: int = 0
    total: int = 0
    run: bool = False
    root: bool = False
    cut: bool = False

    def row(self) -> tuple[int, int, int, int, int, int, int]:
        """Return it as native code writes it: the fields of `SLICE`."""
        return self.start, self.end, self.own, self.total, self.node, self.track, self.run + 2 * self.cut


@dataclass
class NaiveSlices:
    """`stacks` are the open slices of each track that waits or runs; the last one of `running` has the core."""

    now: int = 0
    over: list[NaiveSlice] = field(default_factory=list)
    stacks: dict[int, list[NaiveSlice]] = field(default_factory=dict)
    track: int = 0
    since: int = 0

    @property
    def stack(self) -> list[NaiveSlice]:
        """The open slices of what runs."""
        return self.stacks[self.track]

    def spend(self, cycles: int) -> None:
        """Let what runs spend time."""
        self.now += cycles
        self.stack[-1].own += cycles

    def call(self, node: int) -> None:
        """What runs calls a node, or is the root of a track."""
        self.stack.append(NaiveSlice(node, self.track, self.now, root=not self.stack))

    def back(self, count: int) -> None:
        """So many calls are over."""
        for _ in range(count):
            self._end(cut=False)

    def _end(self, *, cut: bool) -> None:
        ended = self.stack.pop()
        ended.end, ended.cut = self.now, cut
        ended.total += ended.own
        if self.stack:
            self.stack[-1].total += ended.total
        self.over.append(ended)

    def switch(self, track: int, *, ends: bool) -> None:
        """Another track has the core from now on; the one that has it is over, or waits."""
        if self.now > self.since:
            spent = self.now - self.since
            node = self.stack[-1].node
            self.over.append(NaiveSlice(node, self.track, self.since, self.now, spent, spent, run=True))
        if ends:
            self.back(len(self.stack))
        self.track, self.since = track, self.now
        self.stacks.setdefault(track, [])

    def finish(self, order: list[int]) -> None:
        """The run ends; tracks are cut in this order, the first one has the core."""
        self.switch(order[0], ends=False)
        for track in order:
            self.track = track
            while self.stack:
                self._end(cut=True)

    def kept(self, call_ticks: int, root_ticks: int) -> list[tuple[int, int, int, int, int, int, int]]:
        """Return what a tick fell into, as rows."""
        return [each.row() for each in self.over if self._has_tick(each, call_ticks, root_ticks)]

    def left_out(self, call_ticks: int, root_ticks: int) -> tuple[Counter[int], Counter[int], int]:
        """Return what did not: calls by node, their own cycles by node, pieces of time."""
        calls: Counter[int] = Counter()
        cycles: Counter[int] = Counter()
        pieces = 0
        for each in self.over:
            if self._has_tick(each, call_ticks, root_ticks):
                continue
            pieces += each.run
            if not each.run:
                calls[each.node] += 1
                cycles[each.node] += each.own
        return calls, cycles, pieces

    @staticmethod
    def _has_tick(each: NaiveSlice, call_ticks: int, root_ticks: int) -> bool:
        tick = root_ticks if each.run or each.root else call_ticks
        return tick == 0 or any(cycle % tick == 0 for cycle in range(each.start + 1, each.end + 1))
