# SPDX-License-Identifier: Apache-2.0
"""What was spent since the last look: the growth of every native counter, given to whoever was current.

Native code counts for the run as a whole. Layers change a few hundred times in an inference, so the difference between
two looks at the counters costs less than counting by layer in the hot path would.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mcusim.engine.cache_tables import MISS
from mcusim.engine.records import NO_KEY
from mcusim.engine.tables import Tables
from mcusim.layer_trace import Spending

Counts = npt.NDArray[np.int64]
# What grows: its name in `Spending.rows` -> native table, field.
SOURCES = {
    "outcomes": ("outcomes", "count"),
    "divisions": ("divisions", "extra_cycles"),
    "alignments": ("alignments", "extra_cycles"),
    "lines": ("lines", "stall_cycles"),
    "probes": ("probes", "extra_cycles"),
    "branches": ("branches", "extra_cycles"),
}
# And on a core with caches.
CACHE_SOURCES = {
    "line_bus": ("lines", "bus_cycles"),
    "line_misses": ("lines", "misses"),
    "reads": ("entries", "reads"),
    "writes": ("entries", "writes"),
    **{name: ("misses", name) for name in MISS.names or ()},
}
MOST_PIECES = 64  # of one activation that was interrupted so often, before they are added up


class Meter:
    """Remembers the counters as they were at the last look."""

    def __init__(self, tables: Tables, extra_cycles: dict[tuple[int, str], int]) -> None:
        self._tables, self._extra = tables, extra_cycles
        self._last: dict[str, Counts] = {}
        self._last_stalls: dict[int, int] = {}
        self._last_stall_sum = 0
        self._last_extra: dict[tuple[int, str], int] = {}
        self._last_cycles = 0
        self._last_traffic: Counts | None = None

    def give_to(self, spending: Spending, traffic: Counts | None) -> int:
        """Add what was spent since the last look; return the cycles."""
        now = int(self._tables.m["clock_cycles"])
        cycles = now - self._last_cycles
        self._last_cycles = now
        spending.cycles += cycles
        if traffic is not None:
            change = traffic if self._last_traffic is None else traffic - self._last_traffic
            spending.traffic = change if spending.traffic is None else spending.traffic + change
            self._last_traffic = traffic
        if cycles:
            sources = {**SOURCES, **CACHE_SOURCES} if self._tables.m["caches"] else SOURCES
            for name, (table, field) in sources.items():
                self._difference(spending, name, self._rows(table)[field])
            if self._tables.m["stall_count"]:
                self._stalls(spending)
        if self._extra != self._last_extra:
            for key, value in self._extra.items():
                if change_cycles := value - self._last_extra.get(key, 0):
                    spending.extra[key] = spending.extra.get(key, 0) + change_cycles
            self._last_extra = dict(self._extra)
        return cycles

    def _rows(self, name: str) -> npt.NDArray[np.void]:
        tables = self._tables
        count = {"outcomes": 2 * tables.entry_count, "divisions": tables.division_count,
                 "alignments": tables.alignment_count, "lines": tables.line_count, "branches": tables.branch_count,
                 "probes": tables.probe_count, "entries": tables.entry_count,
                 "misses": int(tables.m["miss_count"])}[name]  # fmt: skip
        array = tables.probes if name == "probes" else tables.arrays[name]
        return array[:count]

    def _difference(self, spending: Spending, name: str, values: Counts) -> None:
        if not len(values):
            return
        last = self._last.get(name)
        now = values.astype(np.int64)  # a copy
        change = now.copy()
        if last is not None:
            change[: len(last)] -= last
        self._last[name] = now
        grown = np.flatnonzero(change)
        if len(grown):
            pieces = spending.rows.setdefault(name, [])
            pieces.append((grown, change[grown]))
            if len(pieces) > MOST_PIECES:
                total = spending.dense(name, len(values))
                grown = np.flatnonzero(total)
                spending.rows[name] = [(grown, total[grown])]

    def _stalls(self, spending: Spending) -> None:
        index = self._tables.arrays["stall_index"]
        used = index[index["key"] != NO_KEY]
        total = int(used["id"].sum())
        if total == self._last_stall_sum:
            return
        self._last_stall_sum = total
        for key, value in zip(used["key"].tolist(), used["id"].tolist(), strict=True):
            if change := value - self._last_stalls.get(key, 0):
                spending.stalls[key] = spending.stalls.get(key, 0) + change
                self._last_stalls[key] = value
