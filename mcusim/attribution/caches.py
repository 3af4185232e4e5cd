# SPDX-License-Identifier: Apache-2.0
"""Hits and misses of the core's caches, from native counts to functions, layers and instructions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mcusim.attribution.costs import Costs
from mcusim.isa.decode import LOAD, STORE
from mcusim.layer_trace import Spending
from mcusim.profile_caches import CacheCounts, CacheUse, InstructionCounts
from mcusim.trace import Trace

Counts = npt.NDArray[np.int64]
FETCH_BYTES = 8
# What is counted by instruction: the fields of CacheCounts after those of fetches and plain reads and writes.
MISSES = ("read_misses", "write_misses", "uncached_reads", "uncached_writes")


def attribute_caches(
    trace: Trace, costs: Costs, position: dict[int, int], layers: Sequence[Spending]
) -> CacheUse | None:
    """Return the counts of a run on a core with caches, by function (`position`: number -> index) and layer.

    `layers` is what each layer has spent. None where the board has no caches, or all was taken to hit.
    """
    if not trace.cached:
        return None
    tally = _Tally(trace, costs)
    whole = _whole(trace)
    functions = [CacheCounts() for _ in position]
    for block, counts in tally.by_block.items():
        _add(functions[position[int(trace.blocks[block]["function"])]], counts)
    for address, row in trace.misses.items():
        block = costs.place_of(address)[0]
        _add(functions[position[int(trace.blocks[block]["function"])]], _miss_counts(row))
    return CacheUse(tally.counts(whole), functions, [tally.counts(spent) for spent in layers], tally.instructions())


def _whole(trace: Trace) -> Spending:
    """Return the run's counters, as if all of it was one layer's spending."""

    def rows(values: npt.NDArray[np.generic]) -> list[tuple[Counts, Counts]]:
        return [(np.arange(len(values)), values.astype(np.int64))]

    return Spending(
        rows={
            "outcomes": rows(trace.outcomes["count"]),
            "line_misses": rows(trace.lines["misses"]),
            "reads": rows(trace.entries["reads"]),
            "writes": rows(trace.entries["writes"]),
            **{name: rows(np.array([row[name] for row in trace.misses.values()])) for name in MISSES},
        }
    )


class _Tally:
    """Adds up counts of native tables."""

    def __init__(self, trace: Trace, costs: Costs) -> None:
        self._trace, self._costs = trace, costs
        self._words = self._fetched_words()
        self.by_block: dict[int, CacheCounts] = {}
        self._line_misses = self._misses_by_instruction()
        self._fill_blocks()

    def _fetched_words(self) -> Counts:
        """Return for each outcome the 64-bit words that its block is fetched in."""
        trace = self._trace
        start, end = (trace.blocks[key].astype(np.int64) for key in ("start", "end"))
        words = (end + FETCH_BYTES - 1) // FETCH_BYTES - start // FETCH_BYTES
        found: Counts = np.repeat(words[trace.entries["block"]], 2)
        found[trace.fetches["line_count"] <= 0] = 0
        return found if trace.icache_used else np.zeros_like(found)  # a cache that is off is asked for nothing

    def _misses_by_instruction(self) -> dict[tuple[int, int], int]:
        found: dict[tuple[int, int], int] = {}
        trace = self._trace
        for outcome in np.flatnonzero(trace.fetches["line_count"] > 0):
            fetch, block = trace.fetches[outcome], int(trace.entries[outcome // 2]["block"])
            lines = trace.lines[fetch["first_line"] :][: fetch["line_count"]]
            for line in lines[lines["misses"] > 0]:
                key = (block, int(line["op_index"]))
                found[key] = found.get(key, 0) + int(line["misses"])
        return found

    def _fill_blocks(self) -> None:
        trace = self._trace
        fetched = self._words * trace.outcomes["count"]
        for outcome in np.flatnonzero(fetched):
            self._block(int(trace.entries[outcome // 2]["block"])).fetches += int(fetched[outcome])
        for (block, _), misses in self._line_misses.items():
            self._block(block).fetch_misses += misses
        for entry in trace.entries[(trace.entries["reads"] > 0) | (trace.entries["writes"] > 0)]:
            counts = self._block(int(entry["block"]))
            counts.reads += int(entry["reads"])
            counts.writes += int(entry["writes"])

    def _block(self, block: int) -> CacheCounts:
        return self.by_block.setdefault(block, CacheCounts())

    def counts(self, spent: Spending) -> CacheCounts:
        """Return the counts of what was spent."""
        trace = self._trace
        counted = {name: int(spent.dense(name, len(trace.misses)).sum()) for name in MISSES}
        return CacheCounts(
            fetches=int(spent.dense("outcomes", len(trace.outcomes)) @ self._words),
            fetch_misses=int(spent.dense("line_misses", len(trace.lines)).sum()),
            reads=int(spent.dense("reads", len(trace.entries)).sum()),
            writes=int(spent.dense("writes", len(trace.entries)).sum()),
            **counted,
        )

    def instructions(self) -> list[InstructionCounts]:
        """Return the counts of every instruction that accessed such memory or missed when it was fetched."""
        rows: dict[int, InstructionCounts] = {}

        def row(address: int) -> InstructionCounts:
            return rows.setdefault(address, InstructionCounts(address, True, CacheCounts()))

        for block, counts in self.by_block.items():
            ops = self._trace.pricer.decoded[block].ops
            for index, reads, writes, exact in self._shares(block, counts):
                at = row(int(ops[index]["address"]))
                at.counts.reads += reads
                at.counts.writes += writes
                at.exact &= exact
        for (block, index), misses in self._line_misses.items():
            row(int(self._trace.pricer.decoded[block].ops[index]["address"])).counts.fetch_misses += misses
        for address, waited in self._trace.misses.items():
            _add(row(address).counts, _miss_counts(waited))
        return [rows[address] for address in sorted(rows)]

    def _shares(self, block: int, counts: CacheCounts) -> list[tuple[int, int, int, bool]]:
        """Share out a block's reads and writes by the words its instructions move; is that exact?"""
        ops, runs = self._trace.pricer.decoded[block].ops, self._costs.counts.get(block, 0)
        words = np.maximum(ops["registers"].astype(np.int64), 1)
        found = []
        shares = []
        exact = True
        for flag, total in ((LOAD, counts.reads), (STORE, counts.writes)):
            weights = np.where(ops["flags"] & flag, words, 0)
            exact &= int(weights.sum()) * runs == total or not total
            ends = np.cumsum(weights) * total // max(int(weights.sum()), 1)
            shares.append(np.diff(ends, prepend=0))
        for index in np.flatnonzero(shares[0] | shares[1]):
            found.append((int(index), int(shares[0][index]), int(shares[1][index]), exact))
        return found


def _miss_counts(row: npt.NDArray[np.void]) -> CacheCounts:
    return CacheCounts(**{name: int(row[name]) for name in MISSES})


def _add(total: CacheCounts, more: CacheCounts) -> None:
    for name, value in vars(more).items():
        setattr(total, name, getattr(total, name) + value)
