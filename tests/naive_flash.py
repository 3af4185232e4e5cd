# SPDX-License-Identifier: Apache-2.0
"""A plain twin of `mcusim/engine/flash.py`: lists instead of tables, written from the manuals' words."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class NaiveCache:
    """Sets of (tag, lines it has), the least recently used first."""

    sets: int
    ways: int
    sectors: int
    on: bool
    content: dict[int, list[tuple[int, set[int]]]] = field(default_factory=dict)

    def find(self, line: int) -> set[int] | None:
        """Return the lines that stand beside this one, if it is there."""
        tag = line // self.sectors
        for have, lines in self.content.get(tag % self.sets, []):
            if have == tag:
                return lines
        return None

    def has(self, line: int) -> bool:
        lines = self.find(line)
        return self.on and lines is not None and line in lines

    def use(self, line: int) -> None:
        """Make its entry the one that was used last."""
        tag = line // self.sectors
        entries = self.content[tag % self.sets]
        entries.sort(key=lambda entry: entry[0] == tag)

    def fill(self, line: int) -> None:
        if not self.on:
            return
        tag = line // self.sectors
        entries = self.content.setdefault(tag % self.sets, [])
        lines = self.find(line)
        if lines is None:
            if len(entries) == self.ways:
                entries.pop(0)
            entries.append((tag, {line}))
        else:
            lines.add(line)
        self.use(line)


@dataclass
class NaiveFlash:
    """One array that reads one line at a time, buffers, a line read ahead, caches."""

    wait_states: int
    prefetch: bool
    data_buffer: bool
    caches: list[NaiveCache]  # of instructions, of data
    current: int | None = None
    ahead: int | None = None
    ahead_cycle: int = -1000
    free_cycle: int = -1000
    data_line: int | None = None

    def read(self, start: int) -> int:
        """Read a line, from the first cycle that the array is free; return when it is there."""
        self.free_cycle = max(start, self.free_cycle) + self.wait_states + 1
        return self.free_cycle

    def fetch(self, line: int, need: int, request: int) -> int:
        if line == self.current:
            return 0
        if self.caches[0].has(line):
            self.caches[0].use(line)
            there, stall = request, 0
        else:
            there = self.ahead_cycle if line == self.ahead else self.read(request)
            stall = max(0, there - need)
            if there > request + 1:
                self.caches[0].fill(line)
        self.current = line
        if self.prefetch and self.ahead != line + 1 and not self.caches[0].has(line + 1):
            self.ahead, self.ahead_cycle = line + 1, self.read(max(there, request))
        return stall

    def read_data(self, line: int, now: int, cache: NaiveCache) -> int:
        if line == self.data_line:
            return 0
        if self.data_buffer:
            self.data_line = line
        if cache.has(line):
            cache.use(line)
            return 0
        there = self.read(now)
        cache.fill(line)
        return there - now - 1
