# SPDX-License-Identifier: Apache-2.0
"""Access tracking: which bytes of SRAM are live when, who reads which flash, how many bytes move; see docs/memory.md.

The native hook (`mcusim.engine.access`) notes every access of the core. Here is what it needs: where memory is, the cut
in time, and the accesses that the engine does not see (DMA, exception frames, what semihosting and probes read).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.access_trace import EVENT, INTERVAL, STRETCH, AccessTrace
from mcusim.board import Board
from mcusim.engine import intervals
from mcusim.engine.access import note_host_access
from mcusim.engine.access_tables import (
    FREED,
    MANY,
    MAX_LOG_ROWS,
    ONES,
    OTHER_LAYERS,
    OTHER_ZONE,
    ZONES,
    AccessTables,
)
from mcusim.engine.engine import Engine
from mcusim.engine.tables import Tables
from mcusim.jit import address_of
from mcusim.machine.memory import Memory
from mcusim.machine.pairs import Pairs
from mcusim.machine.stretches import FIRST_TICK_CYCLES, MAX_TICKS, Stretches


class AccessTracker:
    """Watches all memory of a board. Nothing happens until `start`."""

    def __init__(
        self,
        engine: Engine,
        tables: Tables,
        memory: Memory,
        board: Board,
        *,
        sanitize: bool = False,
        tick_cycles: int = FIRST_TICK_CYCLES,
        max_ticks: int = MAX_TICKS,
    ) -> None:
        self._engine, self._memory, self._sanitize = engine, memory, sanitize
        spans = [(start, index) for index, region in enumerate(board.region) for start, _ in region.ranges]
        self._tables = AccessTables(address_of(tables.machine), len(board.region), len(spans))
        self._arrays = [  # by region: written, read, counted (SRAM), or sets (flash)
            [np.zeros(region.size_bytes + 8, np.uint16) for _ in range(3 if region.writable else 1)]
            for region in board.region
        ]
        self._zones = [np.full(region.size_bytes + 8, OTHER_ZONE, np.uint8) for region in board.region]
        self._touched = [np.zeros(region.size_bytes, np.bool_) if region.writable else None for region in board.region]
        self._own_spans = [0] * len(board.region)
        for number, (start, index) in enumerate(spans, 1):
            region = board.region[index]
            span = self._tables.add_span(number, start, region.size_bytes)
            span["region"], span["own_start"] = index, region.start
            names = ("written", "read", "counted") if region.writable else ("sets",)
            for name, array in zip(names, self._arrays[index], strict=True):
                span[name] = address_of(array)
            span["zones"] = address_of(self._zones[index])
            self._own_spans[index] = self._own_spans[index] or number
        by_stretch = [array for arrays in self._arrays if len(arrays) == 3 for array in arrays]
        self._pairs = Pairs()
        self._merged_rows = 0  # of the log, whose pairs are known already
        self._stretches = Stretches(self._tables, by_stretch, tick_cycles, max_ticks)
        self._stretches.before_merging = self._compact
        self._stretches.on_renumber = self._renumber
        self.levels: Callable[[], tuple[int, int]] | None = None  # asked for stack and heap bytes when a stretch ends

    def start(self) -> None:
        """Watch from now on. The engine must stand still. What the image put into SRAM counts as written now."""
        for address, size_bytes in self._memory.loaded:
            for index, offset, count in self._parts(address, address + size_bytes):
                self._arrays[index][0][offset : offset + count] = 1
        self._memory.port.listener = self.host_access
        self._engine.track_accesses(address_of(self._tables.record), sanitize=self._sanitize)

    def _parts(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield region, offset in it and number of bytes of the parts of a range that are in SRAM."""
        for span in self._tables.spans[1:]:
            low, high = max(start, int(span["start"])), min(end, int(span["start"]) + int(span["size_bytes"]))
            if low < high and span["written"]:
                yield int(span["region"]), low - int(span["start"]), high - low

    # time

    @property
    def next_tick_cycles(self) -> int:
        """When the next stretch should begin if no layer's boundary comes before. Ask before each run of the engine."""
        return self._stretches.next_tick_cycles

    def look(self, cycles: int) -> None:
        """Begin a stretch if a tick has come, and make room for intervals. The engine stands between two blocks."""
        if cycles >= self._stretches.next_tick_cycles:
            self.begin_stretch(cycles, int(self._stretches.current["activation"]), kept=False)
        self._make_room()

    def begin_stretch(self, cycles: int, activation: int, *, kept: bool) -> None:
        """End the current stretch and begin one. `kept`: at a layer's boundary, never merged with others."""
        if self.levels is not None:
            self.note_levels(*self.levels())
        self._stretches.begin(cycles, activation, kept=kept)

    def note_levels(self, stack_bytes: int, heap_bytes: int) -> None:
        """Note how deep the stack is and what is allocated; of a stretch the most is kept."""
        current = self._stretches.current
        current["stack_bytes"] = max(int(current["stack_bytes"]), stack_bytes)
        current["heap_bytes"] = max(int(current["heap_bytes"]), heap_bytes)

    # layers and owners

    def set_layer(self, layer: int) -> None:
        """Say whose reads of flash follow; 0: outside. Those from `OTHER_LAYERS` on are told apart no more."""
        row = self._tables.row
        row["layer"], row["quiet4"] = min(layer, OTHER_LAYERS), MANY * ONES

    def set_zone(self, start: int, end: int, zone: int) -> None:
        """Say what a range is (an index into `mcusim.profile_memory.ZONES`).

        A value is counted in the zone that its bytes are in when it ends.
        """
        assert 0 <= zone < ZONES
        for index, offset, count in self._parts(start, end):
            self._zones[index][offset : offset + count] = zone

    def mark_fresh(self, start: int, end: int) -> None:
        """Memory has been allocated: what it held has ended, and nothing is written there yet."""
        self._forget(start, end, 0)

    def mark_freed(self, start: int, end: int) -> None:
        """Memory has been freed: what it held has ended, and with `sanitize` nobody may access it."""
        self._forget(start, end, FREED if self._sanitize else 0)

    def _forget(self, start: int, end: int, mark: int) -> None:
        for index, offset, count in self._parts(start, end):
            touched = self._touched[index]
            assert touched is not None
            touched[offset : offset + count] |= self._used(index)[offset : offset + count]
            intervals.forget(self._tables.record, self._own_spans[index], offset, count, mark)
        self._make_room()

    def _used(self, index: int) -> npt.NDArray[np.bool_]:
        """Return which bytes of a region of SRAM hold something or have been read."""
        written, read, _ = (array[:-8] for array in self._arrays[index])
        used: npt.NDArray[np.bool_] = ((written != 0) & (written != FREED)) | (read != 0)
        return used

    # accesses that the engine does not see

    def host_access(self, address: int, size_bytes: int, writes: bool) -> None:
        """Note an access of the part that is not the core's, or of the host for the part."""
        note_host_access(self._tables.record, writes, address, size_bytes)
        self._make_room()

    def host_read(self, address: int, size_bytes: int) -> None:
        """Note a read; see `host_access`."""
        self.host_access(address, size_bytes, writes=False)

    def host_write(self, address: int, size_bytes: int) -> None:
        """Note a write; see `host_access`."""
        self.host_access(address, size_bytes, writes=True)

    def device_access(self, size_bytes: int, writes: bool) -> None:
        """Note an access of a peripheral, when the device answers it: the engine may try it twice."""
        self._tables.traffic[-1, int(writes)] += size_bytes

    # results

    def traffic(self) -> npt.NDArray[np.int64]:
        """Return bytes read and written so far, a row for each region of the board, then one for peripherals."""
        return self._tables.traffic.copy()

    def _make_room(self) -> None:
        if int(self._tables.row["log_count"]) >= int(self._tables.row["log_wanted"]):
            self._compact()

    def _compact(self) -> None:
        """Sort the intervals and merge neighbours."""
        t = self._tables
        rows, parties = t.log[: int(t.row["log_count"])], self._stretches.parties()
        new = rows[self._merged_rows :]
        self._pairs.add(new, parties[new["writer"]], parties[new["reader"]], self._zones_at(new["start"]))
        order = np.lexsort((rows["writer"], rows["start"], parties[rows["reader"]], parties[rows["writer"]]))
        rows = rows[order]
        writers, readers = parties[rows["writer"]], parties[rows["reader"]]
        rows = rows[: intervals.merge_intervals(rows, writers, readers)]
        grow = 4 * len(rows) > len(t.log) and len(t.log) < MAX_LOG_ROWS
        t.put_log(rows, 2 * len(t.log) if grow else len(t.log))
        self._merged_rows = len(rows)

    def _renumber(self, numbers: npt.NDArray[np.int64]) -> None:
        """Stretches have been merged, right after a compaction."""
        self._pairs.renumber(numbers)
        self._merged_rows = int(self._tables.row["log_count"])

    def _zones_at(self, addresses: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
        """Return the zone of each address of SRAM."""
        found = np.full(len(addresses), OTHER_ZONE, np.int64)
        for zones, number in zip(self._zones, self._own_spans, strict=True):
            start, size_bytes = (int(self._tables.spans[number][key]) for key in ("start", "size_bytes"))
            inside = (addresses >= start) & (addresses < start + size_bytes)
            found[inside] = zones[addresses[inside] - start]
        return found

    def finish(self, cycles: int) -> AccessTrace:
        """End the run at `cycles`: what has been read was live, what has not was not. Returns what was found."""
        t, stretches = self._tables, self._stretches
        for index, number in enumerate(self._own_spans):
            if len(self._arrays[index]) == 3:
                intervals.end_all_values(t.record, number)
                self._make_room()
        self._compact()
        rows = stretches.rows()
        self._pairs.changes["stretch"] -= 1
        found = t.log[: int(t.row["log_count"])].astype(INTERVAL)
        found["writer"] -= 1
        found["reader"] -= 1
        flash_sets = [arrays[0][:-8] if len(arrays) == 1 else None for arrays in self._arrays]
        events = t.events[t.events["kind"] != 0].astype(EVENT)
        return AccessTrace(
            stretches=rows[list(STRETCH.names or ())].astype(STRETCH), live=stretches.live(),
            end_live=stretches.end_live(), intervals=found, traffic=self.traffic(),
            touched=[self._all_touched(index) for index in range(len(self._arrays))],
            lived=[self._lived(index, rows) for index in range(len(self._arrays))],
            flash_sets=flash_sets, layer_sets=self._layer_sets(), tick_cycles=stretches.tick_cycles,
            pairs=self._pairs.changes, events=events[np.lexsort((events["pc"], events["cycles"]))],
            boundaries_left_out=stretches.left_out, interval_bytes_left_out=int(t.row["dropped_bytes"]),
            crowded_flash_bytes=sum(int((sets == MANY).sum()) for sets in flash_sets if sets is not None),
            events_left_out=int(t.row["events_lost"]),
        )  # fmt: skip

    def _all_touched(self, index: int) -> npt.NDArray[np.bool_] | None:
        before = self._touched[index]
        return None if before is None else before | self._used(index)

    def _lived(self, index: int, rows: npt.NDArray[Any]) -> npt.NDArray[np.bool_] | None:
        """Return which bytes of a region of SRAM were live once, or were written by a layer last."""
        if len(self._arrays[index]) < 3:
            return None
        written, _, counted = (array[:-8] for array in self._arrays[index])
        by_layer = np.concatenate([[False], rows["activation"] >= 0])
        last = np.where(written < len(by_layer), written, 0)
        lived: npt.NDArray[np.bool_] = (counted != 0) | by_layer[last]
        return lived

    def _layer_sets(self) -> list[frozenset[int]]:
        """Return the layers of each set; MANY's, of which nothing is known, is empty."""
        sets: list[frozenset[int]] = [frozenset()]
        for row in self._tables.sets[1 : int(self._tables.row["set_count"])]:
            sets.append(sets[int(row["parent"])] | {int(row["layer"])})
        return sets + [frozenset()] * (MANY + 1 - len(sets))
