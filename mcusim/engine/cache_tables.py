# SPDX-License-Identifier: Apache-2.0
"""Records of a core's caches and of the memory behind them: what native code and Python share.

A *line* is 32 bytes, numbered by its address; a *beat* is one transfer of the core's 64-bit bus. Times are cycles of
the core's clock, whatever the bus's is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.jit import address_of

LINE_SHIFT, BEAT_SHIFT, LINE_BEATS = 5, 3, 4  # Arm DDI 0489F 5.9: lines of eight words; AXI is 64 bits wide
LINE_BYTES = 1 << LINE_SHIFT
WHOLE_LINE = (1 << LINE_BYTES) - 1  # a bit for each byte
NO_LINE = -1
LONG_AGO_CYCLE = -1000
MOST_RANGES = 256
MOST_STORES = 16
RECENT_LINES = 16
# Arm DDI 0489F, prefetch unit: "64-bit instruction fetch bandwidth", "4x64-bit pre-fetch queue".
WORDS_FETCHED_AHEAD, WORDS_FETCHED_PER_CYCLE = 8, 2

# What may be cached where.
UNCACHED, WRITE_THROUGH, WRITE_BACK = range(3)
INSTRUCTIONS, DATA, FLASH = range(3)  # the caches; the last one is the flash interface's own (STM32F7, ART)
NO_CACHE = -1

# A piece of the memory map, with its attributes as they are now. Pieces are sorted; between them nothing waits.
RANGE = np.dtype(
    [
        ("start", np.int64),
        ("end", np.int64),
        ("policy", np.int64),  # UNCACHED ...
        ("write_allocate", np.int64),
        ("fetch_cache", np.int64),  # which cache holds instructions of it, NO_CACHE
        ("data_cache", np.int64),
        ("first_cycles", np.int64),  # that a read makes the core wait, until its first beat
        ("beat_cycles", np.int64),  # each further beat
        ("read_beats", np.int64),  # what the memory reads at once; more of the line needs another read,
        ("again_cycles", np.int64),  # which takes so long
        ("write_cycles", np.int64),  # that a write of one beat takes
    ],
    align=True,
)
CACHE = np.dtype(
    [
        ("on", np.int64),
        ("ways", np.int64),
        ("set_mask", np.int64),
        ("tags", np.uint64),  # int64 for each slot, the ways of a set one after another: its line, or NO_LINE
        ("flags", np.uint64),  # uint8 for each slot
        ("slot_count", np.int64),
        ("random", np.int64),  # decides which way of a full set is replaced
    ],
    align=True,
)
DIRTY, THROUGH = 1, 2  # slot flags: memory does not have it yet; writes go to memory too
FILL = np.dtype(
    [
        ("line", np.int64),  # that is on its way, or NO_LINE
        ("beat", np.int64),  # of it that comes first
        ("there_cycle", np.int64),  # when that is there
        ("end_cycle", np.int64),
        ("beat_cycles", np.int64),
        ("read_beats", np.int64),
        ("again_cycles", np.int64),
        ("written", np.int64),  # bytes that stores have written since it began, a bit for each
        ("by_store", np.int64),
    ],
    align=True,
)
CACHES = np.dtype(
    [
        ("machine", np.uint64),
        ("ranges", np.uint64),
        ("range_count", np.int64),
        ("caches", CACHE, 3),
        ("epoch", np.int64),  # changes with what is cached of instructions, and where
        ("current", np.int64),  # the line of instructions that was fetched last, until a branch is taken
        ("fetch_free_cycle", np.int64),  # when the last line of instructions has come
        ("read_free_cycle", np.int64),  # when the last data has come
        ("write_free_cycle", np.int64),  # when all writes are done
        ("evict_free_cycle", np.int64),  # when the buffer of replaced lines is empty
        ("fill", FILL),
        ("recent", np.int64, RECENT_LINES),  # lines of data that are in the cache, complete, by their lowest bits
        ("recent_dirty", np.int64, RECENT_LINES),  # and such that are dirty as well and not written through
        ("last_chunk", np.int64),  # the 64 bits that the youngest entry of the store buffer holds
        ("full_fills", np.int64),  # lines in a row that stores filled before memory did
        ("streaming", np.int64),  # dynamic read allocate mode: writes allocate no lines
        ("stream_line", np.int64),
        ("stream_written", np.int64),  # bytes of it
        ("burst_end", np.int64),  # behind the last uncached read, by
        ("burst_pc", np.int64),
        ("known_places", np.uint64),  # KNOWN_PLACE, KNOWN_PLACES of them
        ("store_entries", np.int64),
        ("store_slot", np.int64),
        ("store_ends", np.int64, MOST_STORES),  # when each entry of the store buffer is free
    ],
    align=True,
)
# Which instruction makes an access, by its place among those of a block's run that are hooked. To ask the engine for
# the program counter takes microseconds in a long block; what it said is believed, and asked again after 4, 16, 64 ...
# uses.
KNOWN_PLACE = np.dtype([("key", np.int64), ("pc", np.int64), ("uses", np.int64), ("look_at", np.int64)], align=True)
KNOWN_PLACES, PLACE_BITS, FIRST_LOOK = 1 << 13, 12, 4
ALWAYS_ASK = 0  # as `pc`: it was not the same each time
# What an instruction has waited for data, and how often; by its address.
MISS = np.dtype(
    [
        ("read_misses", np.int64),
        ("write_misses", np.int64),
        ("uncached_reads", np.int64),
        ("uncached_writes", np.int64),
        ("dcache_cycles", np.int64),
        ("bus_cycles", np.int64),
        ("flash_cycles", np.int64),  # behind the flash interface's own cache
    ],
    align=True,
)
# What the machine's record holds of it.
CACHE_FIELDS = (
    ("caches", np.uint64),  # CACHES, where they are modelled and not ideal; else 0
    ("accesses", np.int64),  # that hooks have seen,
    ("accesses_before", np.int64),  # and as many when the running block was entered
    ("miss_index", np.uint64),  # address of an instruction -> its row in `misses`
    ("miss_index_mask", np.int64),
    ("miss_count", np.int64),
    ("misses", np.uint64),
    ("miss_capacity", np.int64),
)
FIRST_RANDOM = 1


class CacheRecord:
    """Owns the record and what it points to. Nothing of it ever moves."""

    def __init__(self, machine_address: int, store_entries: int) -> None:
        self.record = np.zeros(1, CACHES)
        self._ranges = np.zeros(MOST_RANGES, RANGE)
        self._tags: dict[int, npt.NDArray[np.int64]] = {}
        self._flags: dict[int, npt.NDArray[np.uint8]] = {}
        row = self.row
        self._known_places = np.full(KNOWN_PLACES, NO_LINE, KNOWN_PLACE)
        row["known_places"] = address_of(self._known_places)
        row["machine"], row["ranges"] = machine_address, address_of(self._ranges)
        row["store_entries"] = store_entries
        row["epoch"] = 1
        self.forget()

    def forget(self) -> None:
        """Empty the caches, the store buffer and what is on its way, as at the beginning; what is on stays on."""
        row = self.row
        row["caches"]["random"] = FIRST_RANDOM
        for name in ("fetch_free_cycle", "read_free_cycle", "write_free_cycle", "evict_free_cycle"):
            row[name] = LONG_AGO_CYCLE
        for name in ("current", "stream_line", "burst_end", "last_chunk"):
            row[name] = NO_LINE
        row["fill"]["line"] = NO_LINE
        row["store_ends"] = row["full_fills"] = row["streaming"] = 0
        for number in range(len(row["caches"])):
            self.invalidate(number)

    @property
    def row(self) -> Any:
        """The record, as a NumPy row that reads and writes by field name."""
        return self.record[0]

    def shape(self, number: int, size_bytes: int, ways: int) -> None:
        """Give a cache its geometry, and empty it."""
        slots = size_bytes >> LINE_SHIFT
        cache = self.row["caches"][number]
        self._tags[number], self._flags[number] = np.full(slots, NO_LINE, np.int64), np.zeros(slots, np.uint8)
        cache["ways"], cache["set_mask"], cache["slot_count"] = ways, slots // ways - 1, slots
        cache["tags"], cache["flags"] = address_of(self._tags[number]), address_of(self._flags[number])

    def set_on(self, number: int, on: bool) -> None:
        """Turn a cache on or off; what it holds stays."""
        self.row["caches"][number]["on"] = int(on)
        self._changed()

    def set_ranges(self, rows: Sequence[tuple[int, ...]]) -> None:
        """Say what memory there is (RANGE), sorted."""
        self._ranges[: len(rows)] = np.array(rows, RANGE)
        self.row["range_count"] = len(rows)
        self._changed()

    def _changed(self) -> None:
        self.row["epoch"] += 1
        self.forget_last()

    def forget_last(self) -> None:
        """Cut what the hot path remembers."""
        self.row["recent"][:] = NO_LINE
        self.row["recent_dirty"][:] = NO_LINE

    def invalidate(self, number: int) -> None:
        """Empty a cache; nothing is written to memory."""
        if number in self._tags:
            self._tags[number][:] = NO_LINE
            self._flags[number][:] = 0
        self._changed()

    def slots_of(self, number: int, line: int) -> list[int]:
        """Return the slot that holds a line, in a list; an empty one if none does."""
        cache = self.row["caches"][number]
        if number not in self._tags:
            return []
        first = (line & int(cache["set_mask"])) * int(cache["ways"])
        tags = self._tags[number][first : first + int(cache["ways"])]
        return [first + int(way) for way in np.flatnonzero(tags == line)]

    def slot_at(self, number: int, set_number: int, way: int) -> list[int]:
        """Return the slot at a place of the cache, in a list; an empty one if there is no such place."""
        cache = self.row["caches"][number]
        if number not in self._tags or way >= int(cache["ways"]) or set_number > int(cache["set_mask"]):
            return []
        return [set_number * int(cache["ways"]) + way]

    def maintain(self, number: int, slots: list[int], *, clean: bool, invalidate: bool) -> int:
        """Clean or invalidate slots; return how many of them were dirty and are written back."""
        written = 0
        for slot in slots:
            if clean and self._flags[number][slot] & DIRTY:
                written += 1
                self._flags[number][slot] &= ~np.uint8(DIRTY)
            if invalidate:
                self._tags[number][slot], self._flags[number][slot] = NO_LINE, 0
        self._changed()
        return written

    def contents(self, number: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        """Return the lines and the flags of a cache's slots."""
        return self._tags[number].copy(), self._flags[number].copy()
