# SPDX-License-Identifier: Apache-2.0
"""Counters over time: looked at whenever a tick has come, at most so often that a run of any length has a few thousand.

When there are too many, every second sample is dropped and ticks are twice as long from then on.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mcusim.engine.records import NO_KEY
from mcusim.engine.tables import Tables
from mcusim.slice_trace import Samples

FIRST_TICK_CYCLES = 16_384
MAX_SAMPLES = 4096


class Sampler:
    """Looks at native counters. `instructions` says how many were issued so far."""

    def __init__(
        self,
        tables: Tables,
        instructions: Callable[[], int],
        tick_cycles: int = FIRST_TICK_CYCLES,
        max_samples: int = MAX_SAMPLES,
    ) -> None:
        self._tables, self._instructions = tables, instructions
        self._tick_cycles, self._max_samples = tick_cycles, max_samples
        self.next_tick_cycles = tick_cycles
        self._rows: list[tuple[int, dict[str, int]]] = [(0, self._counters())]

    def look(self, cycles: int) -> None:
        """Take a sample if a tick has come. The engine stands between two blocks."""
        if cycles < self.next_tick_cycles:
            return
        self._rows.append((cycles, self._counters()))
        if len(self._rows) > self._max_samples:
            self._tick_cycles *= 2
            self._rows = self._rows[::2]
        self.next_tick_cycles = (cycles // self._tick_cycles + 1) * self._tick_cycles

    def _counters(self) -> dict[str, int]:
        """Return what is counted by now, of what the machine has at all."""
        tables, m = self._tables, self._tables.m
        lines = tables.arrays["lines"][: tables.line_count]
        counters = {"instructions": self._instructions()}
        if m["caches"]:
            misses = tables.arrays["misses"][: int(m["miss_count"])]
            counters["icache_misses"] = int(lines["misses"].sum())
            counters["dcache_misses"] = int(misses["read_misses"].sum() + misses["write_misses"].sum())
        elif m["flash"]:
            waited = tables.arrays["stall_index"]
            counters["flash_wait_cycles"] = int(
                lines["stall_cycles"].sum() + waited["id"][waited["key"] != NO_KEY].sum()
            )
        if m["btac_entries"]:
            branches = tables.arrays["branches"][: tables.branch_count]
            counters["mispredictions"] = int(branches["mispredictions"].sum())
        return counters

    def finish(self, cycles: int) -> Samples:
        """The run ends at `cycles`; return all samples. What was not there from the start was zero then."""
        if self._rows[-1][0] < cycles:
            self._rows.append((cycles, self._counters()))
        names = sorted({name for _, counters in self._rows for name in counters})
        last = dict.fromkeys(names, 0)
        columns: dict[str, list[int]] = {name: [] for name in names}
        for _, counters in self._rows:
            last |= counters  # flash without wait states counts nothing more
            for name in names:
                columns[name].append(last[name])
        return Samples(
            np.array([cycles for cycles, _ in self._rows], np.int64),
            {name: np.array(values, np.int64) for name, values in columns.items()},
        )
