# SPDX-License-Identifier: Apache-2.0
"""Access tracking byte by byte in plain Python: what the native hook and its tables must give.

Addresses are a region's own. A coarser cut is given from the start; the tracker gets there by merging.
"""

from __future__ import annotations

from collections import defaultdict


class NaiveMemory:
    """Keeps for each byte the intervals [written, read last] of its values, by stretches numbered from 0."""

    def __init__(self, tick_cycles: int, zone_of: dict[int, int] | None = None) -> None:
        self.tick_cycles = tick_cycles
        self.zone_of = zone_of or {}
        self.stretches: list[tuple[int, int]] = [(0, -1)]  # start in cycles, activation
        self.kept = [True]
        self.quiet = True  # nothing has happened in the stretch
        self.value: dict[int, tuple[int | None, int | None]] = {}  # byte -> stretch written, stretch read last
        self.intervals: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self.readers: dict[int, set[int]] = defaultdict(set)  # byte of flash -> layers
        self.layer = 0
        self.read_bytes = self.written_bytes = 0

    @property
    def now(self) -> int:
        """The current stretch."""
        return len(self.stretches) - 1

    def begin(self, cycles: int, activation: int, kept: bool) -> None:
        """Begin a stretch: at a boundary, or where a multiple of the tick has gone by since the last one began."""
        start, current = self.stretches[-1]
        kept |= activation != current
        if not kept and cycles // self.tick_cycles == start // self.tick_cycles:
            return
        if self.quiet and cycles == start and self.kept[-1]:
            self.stretches[-1] = (start, activation)
            return
        self.stretches.append((cycles, activation))
        self.kept.append(kept)
        self.quiet = True

    def read(self, address: int, size_bytes: int) -> None:
        """Read SRAM."""
        self.quiet = False
        for byte in range(address, address + size_bytes):
            written, _ = self.value.get(byte, (None, None))
            self.value[byte] = (written, self.now)

    def write(self, address: int, size_bytes: int) -> None:
        """Write SRAM."""
        self.quiet = False
        for byte in range(address, address + size_bytes):
            self.end(byte)
            self.value[byte] = (self.now, None)

    def read_flash(self, address: int, size_bytes: int) -> None:
        """Read flash."""
        self.quiet = False
        for byte in range(address, address + size_bytes):
            self.readers[byte].add(self.layer)

    def end(self, byte: int) -> None:
        """The value of a byte ends."""
        written, read = self.value.pop(byte, (None, None))
        if written is not None and read is not None:
            self.intervals[byte].append((written, read))

    def finish(self) -> None:
        """The run ends."""
        for byte in list(self.value):
            self.end(byte)

    def live(self, zone: int, stretch: int) -> int:
        """Return the distinct bytes of a zone that are live at some time within a stretch."""
        return sum(
            any(written <= stretch <= read for written, read in intervals)
            for byte, intervals in self.intervals.items()
            if self.zone_of.get(byte, 4) == zone
        )

    def end_live(self, stretch: int) -> int:
        """Return the bytes that are live across the end of a stretch."""
        return sum(written <= stretch < read for spans in self.intervals.values() for written, read in spans)

    def party(self, stretch: int) -> tuple[str, int]:
        """Return what is at work in a stretch: an activation, or one of the times outside."""
        activation = self.stretches[stretch][1]
        return ("layer", activation) if activation >= 0 else ("outside", sum(self.kept[: stretch + 1]))
