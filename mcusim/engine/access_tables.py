# SPDX-License-Identifier: Apache-2.0
"""Records of access tracking: what the native memory hook and Python share.

Words:

- *stretch*: a part of the run, numbered from 1; the cut is in time, and at layers' boundaries. 0 is "never".
- *span*: a range of addresses at which a region's bytes appear; aliases are spans over the same arrays.
- *level*: the same stretches cut more coarsely, level k with 2^k times as long a tick. Live bytes are counted at every
  level at once, so that a run that turns out to be long can go on with a coarser cut, and nothing is estimated.
- *set*: the layers that have read a byte of flash, interned: a set is its parent and one layer more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.jit import address_of

PAGE_SHIFT = 10  # spans begin and end at the engine's pages
PAGES = 1 << 32 - PAGE_SHIFT
MAX_STRETCHES = 60_000
WIDTH = MAX_STRETCHES + 32  # of arrays by stretch
LEVELS = 12
ZONES, OTHER_ZONE = 5, 4  # as many as `mcusim.profile_memory.ZONES`, whose last one is bytes that nobody has claimed
FREED = 0xFFFF  # in place of the stretch of the last write: the heap has taken the byte back
ONES = 0x0001_0001_0001_0001  # times a stretch: four bytes' worth of it

SETS = 1024
MANY = SETS - 1  # the set of a byte that was read by layers for which there was no set left
LAYERS = 1024
OTHER_LAYERS = LAYERS - 1  # all layers from this number on

FIRST_LOG_ROWS, MAX_LOG_ROWS = 1 << 18, 1 << 22
OPEN_RUNS = 256
EVENTS = 4096  # a power of two

# What the sanitizer notes natively.
UNWRITTEN, FREED_READ, FREED_WRITTEN, MISALIGNED = 1, 2, 3, 4

SPAN = np.dtype(
    [
        ("start", np.int64),
        ("size_bytes", np.int64),
        ("region", np.int64),  # its number, for traffic
        ("own_start", np.int64),  # where the region itself starts, whatever alias this is
        ("written", np.uint64),  # uint16 for each byte: the stretch of the last write; 0 (no array): flash
        ("read", np.uint64),  # uint16: the stretch of the last read since, 0: none
        ("counted", np.uint64),  # uint16: the last stretch in which the byte is counted as live
        ("zones", np.uint64),  # uint8
        ("sets", np.uint64),  # uint16 for each byte of flash: who has read it
    ],
    align=True,
)
# A run of neighbouring bytes, [start, end), that were written in one stretch and read last in a later one.
INTERVAL = np.dtype([("start", np.uint32), ("end", np.uint32), ("writer", np.uint16), ("reader", np.uint16)])
SET = np.dtype([("parent", np.int32), ("layer", np.int32)], align=True)
EVENT = np.dtype(
    [
        ("kind", np.int64),  # 0: a free row
        ("pc", np.int64),
        ("address", np.int64),  # of the first time
        ("size_bytes", np.int64),
        ("layer", np.int64),
        ("cycles", np.int64),  # of the start of the block that did it first
        ("count", np.int64),
    ],
    align=True,
)
TRACK = np.dtype(
    [
        ("machine", np.uint64),
        ("pages", np.uint64),  # uint8 for each page of the address space: its span, 0: no memory
        ("spans", np.uint64),
        ("stretch", np.int64),
        ("stretch4", np.uint64),  # four times
        ("traffic", np.uint64),  # int64: bytes read, bytes written, for each region, and of peripherals
        ("levels", np.int64),
        ("maps", np.uint64),  # uint16 [level][stretch]: the number that a stretch has at a level
        ("live", np.uint64),  # int32 [level][zone][stretch of that level]: differences of the bytes that are live
        ("cross", np.uint64),  # int64 [stretch]: differences of the bytes that are live across its end
        ("log", np.uint64),  # INTERVAL
        ("log_capacity", np.int64),
        ("log_count", np.int64),
        ("log_wanted", np.int64),  # from so many rows on Python is to compact them
        ("open_runs", np.uint64),  # int64: rows of the log that may still grow
        ("dropped_bytes", np.int64),  # of intervals for which there was no row
        ("layer", np.int64),
        ("quiet4", np.uint64),  # four times a set that holds the current layer
        ("transitions", np.uint64),  # uint16 [set][layer]: the set with that layer too, 0: not known yet
        ("sets", np.uint64),  # SET
        ("set_count", np.int64),
        ("events", np.uint64),
        ("event_count", np.int64),
        ("events_lost", np.int64),
    ],
    align=True,
)


class AccessTables:
    """Owns the arrays that `TRACK` points to. `machine_address` is where the `MACHINE` record lies."""

    def __init__(self, machine_address: int, regions: int, span_count: int) -> None:
        self.record = np.zeros(1, TRACK)
        self.pages = np.zeros(PAGES, np.uint8)
        self.spans = np.zeros(span_count + 1, SPAN)
        self.traffic = np.zeros((regions + 1, 2), np.int64)  # peripherals last, whom Python counts
        self.maps = np.zeros((LEVELS, WIDTH), np.uint16)
        self.live = np.zeros((LEVELS, ZONES, WIDTH), np.int32)
        self.cross = np.zeros(WIDTH, np.int64)
        self.open_runs = np.full(OPEN_RUNS, -1, np.int64)
        self.transitions = np.zeros((SETS, LAYERS), np.uint16)
        self.transitions[MANY] = MANY
        self.sets = np.zeros(SETS, SET)
        self.events = np.zeros(EVENTS, EVENT)
        self.log = np.zeros(0, INTERVAL)
        row = self.row
        row["machine"] = machine_address
        names = ("pages", "spans", "traffic", "maps", "live", "cross", "open_runs", "transitions", "sets", "events")
        for name in names:
            row[name] = address_of(getattr(self, name))
        row["levels"], row["set_count"], row["quiet4"] = LEVELS, 1, MANY * ONES
        self.put_log(np.zeros(0, INTERVAL), FIRST_LOG_ROWS)

    @property
    def row(self) -> Any:
        """The record, as a NumPy row that reads and writes by field name."""
        return self.record[0]

    def put_log(self, rows: npt.NDArray[Any], capacity: int) -> None:
        """Replace the log's rows, in an array of `capacity` rows."""
        if capacity != len(self.log):
            self.log = np.zeros(capacity, INTERVAL)
            self.row["log"], self.row["log_capacity"] = address_of(self.log), capacity
        self.log[: len(rows)] = rows
        self.row["log_count"], self.row["log_wanted"] = len(rows), max(capacity // 2, len(rows) + capacity // 4)
        self.open_runs[:] = -1

    def add_span(self, number: int, start: int, size_bytes: int) -> Any:
        """Enter a span (numbers count from 1) in the page table; return its row, to be filled in."""
        self.pages[start >> PAGE_SHIFT : start + size_bytes + (1 << PAGE_SHIFT) - 1 >> PAGE_SHIFT] = number
        span = self.spans[number]
        span["start"], span["size_bytes"] = start, size_bytes
        return span
