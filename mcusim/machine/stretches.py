# SPDX-License-Identifier: Apache-2.0
"""The cut of a run into stretches: at ticks, at layers' boundaries, and coarser when there are too many.

A tick is at every multiple of `tick_cycles`. When more than `MAX_TICKS` stretches began at one, the tick is doubled and
stretches are merged. The native code counts live bytes at all coarser cuts beside this one (`access_tables`, *level*),
so that what is left is to the byte what the coarser cut would have given from the start: live bytes, bytes live across
a boundary, and intervals. Boundaries of layers are kept. When no coarser cut is left, only later ticks are longer; when
there are `MAX_STRETCHES`, a boundary begins no stretch any more, and is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.engine.access_tables import LEVELS, MAX_STRETCHES, ONES, AccessTables
from mcusim.engine.intervals import renumber

FIRST_TICK_CYCLES = 16_384
MAX_TICKS = 4096
STRETCH_ROW = np.dtype(
    [
        ("start_cycles", np.int64),
        ("activation", np.int64),
        ("stack_bytes", np.int64),
        ("heap_bytes", np.int64),
        ("kept", np.bool_),
    ]
)


class Stretches:
    """Owns the cut. `by_stretch` are the arrays by byte that hold stretches, to be renumbered."""

    def __init__(
        self,
        tables: AccessTables,
        by_stretch: list[npt.NDArray[np.uint16]],
        tick_cycles: int = FIRST_TICK_CYCLES,
        max_ticks: int = MAX_TICKS,
    ) -> None:
        self._tables, self._by_stretch, self._max_ticks = tables, by_stretch, max_ticks
        self.tick_cycles = tick_cycles
        self.next_tick_cycles = tick_cycles
        self.before_merging: Callable[[], None] = lambda: None
        self.on_renumber: Callable[[npt.NDArray[Any]], None] = lambda numbers: None
        self.left_out = 0
        self.count = 0
        self._ticks = 0  # stretches that begin at one
        self._rows = np.zeros(MAX_STRETCHES + 1, STRETCH_ROW)  # by number, from 1
        self._level_counts = [0] * LEVELS
        self._level_starts = [0] * LEVELS  # in cycles
        self._traffic_bytes = 0  # when the current stretch began at a boundary
        self._append(0, -1, kept=True)

    @property
    def current(self) -> Any:
        """The row of the current stretch."""
        return self._rows[self.count]

    def rows(self) -> npt.NDArray[Any]:
        """Return a row for each stretch, the first one at index 0."""
        return self._rows[1 : self.count + 1]

    def begin(self, cycles: int, activation: int, *, kept: bool) -> None:
        """Begin a stretch. At a tick it begins only if the tick has come."""
        self.next_tick_cycles = (cycles // self.tick_cycles + 1) * self.tick_cycles
        current = self.current
        kept |= activation != int(current["activation"])
        if kept and current["kept"] and cycles == int(current["start_cycles"]) and self._nothing_happened():
            current["activation"] = activation
            return
        if not kept and not self._tick_has_come(cycles):
            return
        if self._ticks >= self._max_ticks or self.count == MAX_STRETCHES:
            self._coarsen(cycles)
            if not kept and not self._tick_has_come(cycles):
                return
        if self.count == MAX_STRETCHES:
            self.left_out += kept
            return
        self._append(cycles, activation, kept=kept)

    def _nothing_happened(self) -> bool:
        return self._traffic_bytes == int(self._tables.traffic.sum())

    def _tick_has_come(self, cycles: int) -> bool:
        """Return whether there is a tick between the start of the current stretch and this cycle, or at it."""
        return cycles // self.tick_cycles != self._level_starts[0] // self.tick_cycles

    def _append(self, cycles: int, activation: int, *, kept: bool) -> None:
        number = self.count = self.count + 1
        self._ticks += not kept
        self._rows[number] = (cycles, activation, 0, 0, kept)
        tick_cycles = self.tick_cycles
        for level, start_cycles in enumerate(self._level_starts):
            if level and not kept and cycles // tick_cycles == start_cycles // tick_cycles:
                break  # where no tick has come, none has come with longer ticks
            self._level_counts[level] += 1
            self._level_starts[level] = cycles
            tick_cycles *= 2
        self._tables.maps[:, number] = self._level_counts
        self._set_current()
        self._traffic_bytes = int(self._tables.traffic.sum()) if kept else -1

    def _set_current(self) -> None:
        row = self._tables.row
        row["stretch"], row["stretch4"] = self.count, self.count * ONES

    def _coarsen(self, cycles: int) -> None:
        """Double the tick, and merge what began at ticks that are none any more."""
        self.tick_cycles *= 2
        self.next_tick_cycles = (cycles // self.tick_cycles + 1) * self.tick_cycles
        levels = int(self._tables.row["levels"])
        if levels == 1:
            self._ticks = 0
            return
        self.before_merging()
        t, count = self._tables, self.count
        numbers = t.maps[1, : count + 1].copy()
        firsts = np.flatnonzero(np.diff(numbers, prepend=0))  # the first stretch of each new one
        self._merge_rows(firsts)
        for array in self._by_stretch:
            renumber(array, numbers)
        across = np.cumsum(t.cross[: count + 1])[np.append(firsts[1:] - 1, count)]
        t.cross[:] = 0
        t.cross[1 : len(firsts) + 1] = np.diff(across, prepend=0)
        t.maps[:-1, 1 : len(firsts) + 1] = t.maps[1:, firsts]
        t.live[:-1] = t.live[1:]
        t.live[-1] = 0
        self._level_counts[:-1] = self._level_counts[1:]
        self._level_starts[:-1] = self._level_starts[1:]
        t.row["levels"] = levels - 1
        rows = t.log[: int(t.row["log_count"])].copy()
        for name in ("writer", "reader"):
            rows[name] = numbers[rows[name]]
        t.put_log(rows[rows["writer"] < rows["reader"]], len(t.log))
        self.on_renumber(numbers)
        self._set_current()

    def _merge_rows(self, firsts: npt.NDArray[np.int64]) -> None:
        old = self._rows[1 : self.count + 1].copy()
        merged = old[firsts - 1]
        for name in ("stack_bytes", "heap_bytes"):
            merged[name] = np.maximum.reduceat(old[name], firsts - 1)
        self.count = len(firsts)
        self._rows[1 : self.count + 1] = merged
        self._ticks = int((~merged["kept"]).sum())

    # what the counts say

    def live(self) -> npt.NDArray[np.int64]:
        """Return the live bytes of each zone and stretch."""
        return np.cumsum(self._tables.live[0].astype(np.int64), axis=1)[:, 1 : self.count + 1]

    def end_live(self) -> npt.NDArray[np.int64]:
        """Return the bytes that were live across the end of each stretch."""
        return np.cumsum(self._tables.cross)[1 : self.count + 1]

    def parties(self) -> npt.NDArray[np.int64]:
        """Return for each number what is at work then: the activation, or a number below zero for a time outside."""
        rows = self._rows[: self.count + 1]
        return np.where(rows["activation"] >= 0, rows["activation"], -1 - np.cumsum(rows["kept"]))
