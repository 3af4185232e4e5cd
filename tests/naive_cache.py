# SPDX-License-Identifier: Apache-2.0
"""The plain twin of `mcusim.engine.caches`: the same caches and store buffer, with dictionaries and lists."""

from __future__ import annotations

from dataclasses import dataclass, field

LINE, BEAT = 32, 8
BEATS = LINE // BEAT


@dataclass(frozen=True)
class Memory:
    """A piece of the memory map, and how it answers, in cycles of the core."""

    start: int
    end: int
    cached: bool
    through: bool
    write_allocate: bool
    first: int
    beat: int
    read_beats: int
    again: int
    write: int

    def after(self, beats: int) -> int:
        """Return when a beat comes, counted from a line's first."""
        return beats * self.beat + beats // self.read_beats * self.again


@dataclass
class NaiveCache:
    """Lines by set; each way is None or [line, dirty, through]."""

    sets: int
    ways: int
    on: bool = True
    random: int = 1
    content: list[list[list[int] | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.content = [[None] * self.ways for _ in range(self.sets)]

    def find(self, line: int) -> list[int] | None:
        """Return the way that has a line."""
        if not self.on:
            return None
        return next((way for way in self.content[line % self.sets] if way and way[0] == line), None)

    def place(self, line: int, dirty: bool, through: bool) -> int | None:
        """Put a line in; return the dirty line that it replaces."""
        ways = self.content[line % self.sets]
        if None in ways:
            number = ways.index(None)
        else:
            self.random = (self.random * 1103515245 + 12345) % (1 << 31)
            number = (self.random >> 16) % self.ways
        old = ways[number]
        ways[number] = [line, int(dirty), int(through)]
        return old[0] if old and old[1] else None

    def lines(self) -> list[tuple[int, int, int] | None]:
        """Return (line, dirty, through) of every slot, in order."""
        return [(way[0], way[1], way[2]) if way else None for ways in self.content for way in ways]


@dataclass
class Fill:
    """A line on its way."""

    line: int
    first_beat: int
    there: int
    memory: Memory
    by_store: bool
    written: set[int] = field(default_factory=set)

    @property
    def end(self) -> int:
        """When all of it is there."""
        return self.there + self.memory.after(BEATS - 1)


class NaiveCaches:
    """A core's data cache, instruction cache and store buffer."""

    def __init__(self, data: NaiveCache, code: NaiveCache, memories: list[Memory], store_entries: int) -> None:
        self.data, self.code, self.memories = data, code, memories
        self.read_free = self.write_free = self.evict_free = self.fetch_free = -1000
        self.fill: Fill | None = None
        self.store_ends = [0] * store_entries  # oldest first
        self.chunk = -1
        self.full_fills = 0
        self.streaming = False
        self.stream_line: int | None = None
        self.stream_written: set[int] = set()
        self.burst = (-1, 0)  # end of the last uncached read, and by which instruction

    def memory_at(self, address: int) -> Memory:
        """Return the piece that an address is in."""
        return next(memory for memory in self.memories if memory.start <= address < memory.end)

    def _begin_fill(self, memory: Memory, address: int, now: int, by_store: bool) -> None:
        if self.fill and self.fill.by_store and len(self.fill.written) < LINE:
            self.full_fills = 0
        replaced = self.data.place(address // LINE, by_store, memory.through)
        if replaced is not None:
            now = max(now, self.evict_free)
            behind = self.memory_at(replaced * LINE)
            self.write_free = max(now, self.write_free) + behind.write + (BEATS - 1) * behind.beat
            self.evict_free = self.write_free
        there = max(now + memory.first, self.read_free + memory.beat)
        self.fill = Fill(address // LINE, address // BEAT, there, memory, by_store)
        self.read_free = self.fill.end

    def read(self, address: int, size: int, pc: int, now: int) -> int:
        """Load; return the wait."""
        memory = self.memory_at(address)
        if not memory.cached or not self.data.on:
            first = memory.first
            if self.burst == (address, pc) and address % LINE:
                first = memory.beat if address % BEAT == 0 else 0
            self.burst = (address + size, pc)
            self.read_free = max(now + first, self.read_free)
            return self.read_free - now
        line = address // LINE
        if self.data.find(line):
            if self.fill is None or self.fill.line != line:
                return 0
            beats = (address // BEAT - self.fill.first_beat) % BEATS
            return max(self.fill.there + self.fill.memory.after(beats) - now, 0)
        if self.streaming and line == self.stream_line:
            self.streaming = False
        self._begin_fill(memory, address, now, False)
        assert self.fill is not None
        return self.fill.there - now

    def _room(self, now: int) -> int:
        return max(self.store_ends[0] - now, 0)

    def _enter(self, end: int) -> None:
        self.store_ends = [*self.store_ends[1:], end]

    def _to_memory(self, address: int, now: int, cycles: int) -> int:
        if address // BEAT == self.chunk and self.store_ends[-1] > now:
            return 0
        stall = self._room(now)
        self.write_free = max(self.write_free, now + stall) + cycles
        self._enter(self.write_free)
        self.chunk = address // BEAT
        return stall

    def _streams(self, address: int, size: int) -> bool:
        line = address // LINE
        if line != self.stream_line:
            if self.stream_line is not None and len(self.stream_written) < LINE:
                self.streaming, self.full_fills, self.stream_line = False, 0, None
                return False
            self.stream_line, self.stream_written = line, set()
        self.stream_written |= set(range(address, address + size))
        return True

    def write(self, address: int, size: int, now: int) -> int:
        """Store; return the wait."""
        memory, line, fill = self.memory_at(address), address // LINE, self.fill
        if memory.cached:
            way = self.data.find(line)
            if way:
                if fill and fill.line == line and fill.by_store and now < fill.end and len(fill.written) < LINE:
                    fill.written |= set(range(address, address + size))
                    if len(fill.written) == LINE:
                        self.full_fills += 1
                        if self.full_fills >= 3 and not self.streaming:
                            self.streaming, self.stream_line = True, None
                if way[2]:
                    return self._to_memory(address, now, memory.write)
                way[1] = 1
                return 0
            if self.data.on and memory.write_allocate and not (self.streaming and self._streams(address, size)):
                stall = self._room(now)
                self._begin_fill(memory, address, now + stall, True)
                assert self.fill is not None
                self.fill.written = set(range(address, address + size))
                self._enter(self.fill.end)
                return stall
        burst = self.streaming and address % LINE and address // BEAT == self.chunk + 1
        return self._to_memory(address, now, memory.beat if burst else memory.write)

    def fetch(self, line: int, need: int, request: int) -> int:
        """Fetch a line of instructions; return the wait."""
        memory = self.memory_at(line * LINE)
        if memory.cached and self.code.find(line):
            return 0
        there = max(request + memory.first, self.fetch_free + memory.beat)
        self.fetch_free = there + memory.after(BEATS - 1)
        if memory.cached and self.code.on:
            self.code.place(line, False, False)
        return max(there - need, 0)
