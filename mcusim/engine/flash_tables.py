# SPDX-License-Identifier: Apache-2.0
"""Records of a flash memory that makes the core wait: what native code and Python share of it.

A *line* is what one read of the flash delivers (8 or 16 bytes); lines are numbered from the start of the flash, so that
aliases of it share them. Times are cycles of the machine's clock.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.jit import address_of

LONG_AGO_CYCLE = -1000
NO_LINE = -2  # a line that is none, and neither is the one after it

# A block's outcome needs these lines of flash, in this order.
LINE = np.dtype(
    [
        ("line", np.int32),
        ("need_cycles", np.int32),  # from the block's start until an instruction cannot go on without it
        ("request_cycles", np.int32),  # when the core's fetch unit asks for it
        ("op_index", np.int32),  # the instruction
        ("stall_cycles", np.int64),  # what it has waited, in all
        ("bus_cycles", np.int64),  # and where no cache would hold the line, on a core with caches
        ("misses", np.int64),  # how often it was read from memory, on such a core
        ("epoch", np.int64),  # of the flash, when it was found in the cache and nothing else happened; else 0
        ("slot", np.int64),  # where it was found
    ],
    align=True,
)
# For each outcome: where its lines stand, and where its first halfword's moment does.
# Fetch is ahead of its end by `lead_cycles`: what follows was asked for so long before.
FETCH = np.dtype(
    [
        ("first_line", np.int32),
        ("line_count", np.int32),
        ("first_moment", np.int32),
        ("lead_cycles", np.int32),
        ("epoch", np.int64),  # of the core's caches, when all its lines were found there; else 0
    ],
    align=True,
)
# For each halfword of a block: the instruction that starts there, and when it issues, from the block's start. How many
# cycles those behind it wait because the fetch buffer has run empty, and how many those behind the next of 16 bits do.
MOMENT = np.dtype(
    [("op_index", np.int32), ("cycles", np.int32), ("fetch_after", np.int32), ("fetch_behind_run", np.int32)],
    align=True,
)
ALL_FETCH_STALLS = 1 << 30
NOT_LISTED = -1  # a line count that is not known yet

CACHE = np.dtype(
    [
        ("on", np.int64),
        ("ways", np.int64),
        ("set_mask", np.int64),
        ("sector_shift", np.int64),  # a tag stands for 1 << sector_shift lines of flash
        ("tag_count", np.int64),
        ("slot_of_tag", np.uint64),  # int32 for each tag of the flash: its slot, -1: not cached
        ("slots", np.uint64),  # SLOT for each place of the cache, sets one after another
        ("slot_count", np.int64),
        ("clock", np.int64),  # counts uses
    ],
    align=True,
)
SLOT = np.dtype([("tag", np.int64), ("used", np.int64), ("sectors", np.int64)], align=True)

FLASH = np.dtype(
    [
        ("wait_states", np.int64),
        ("line_shift", np.int64),
        ("prefetch", np.int64),  # is it on?
        ("data_buffer", np.int64),  # does a data read leave its line in a buffer?
        ("data_cache", np.int64),  # which of the caches data reads use
        ("current", np.int64),  # the line in the instruction buffer
        ("ahead", np.int64),  # the line that was prefetched, or is being read ahead
        ("ahead_cycle", np.int64),  # when it is there
        ("free_cycle", np.int64),  # when the flash can start another read
        ("data_line", np.int64),  # the line in the data buffer
        ("epoch", np.int64),  # changes with what the instruction cache holds and what is read ahead
        ("follow_cycle", np.int64),  # behind a line that was waited for: when the core can ask for the next one
        ("quiet_slot", np.int64),  # where the last fetch found its line, if that was all; else -1
        ("caches", CACHE, 2),  # instructions; data
    ],
    align=True,
)
# What the machine's record holds of it.
FLASH_FIELDS = (
    ("flash", np.uint64),  # FLASH, where memory has wait states; else 0
    ("lines_done", np.int64),  # lines of the running block that are charged
    ("fetch_lead_cycles", np.int64),  # by which fetch was ahead when the running block started
    ("fetch_unfilled", np.int64),  # of the block's cycles with an empty fetch buffer, those no data wait has filled
    ("fetch_refill_words", np.int64),  # how many words of the fetch buffer fill while the core waits for data
    ("fetches", np.uint64),  # FETCH for each outcome
    ("fetch_capacity", np.int64),
    ("lines", np.uint64),
    ("line_capacity", np.int64),
    ("moments", np.uint64),
    ("moment_capacity", np.int64),
    ("stall_index", np.uint64),  # address of a load -> the cycles that it waited for flash, as `id`
    ("stall_index_mask", np.int64),
    ("stall_count", np.int64),
)
# What a hook on data reads is given: a range of addresses of the flash.
WINDOW = np.dtype([("machine", np.uint64), ("start", np.int64)], align=True)


class FlashRecord:
    """Owns the record and what it points to."""

    def __init__(self) -> None:
        self.record = np.zeros(1, FLASH)
        self._keep: dict[int, tuple[npt.NDArray[np.int32], Any]] = {}
        self.forget()

    @property
    def row(self) -> Any:
        """The record, as a NumPy row that reads and writes by field name."""
        return self.record[0]

    def shape_cache(self, number: int, lines: int, ways: int, sectors: int, flash_lines: int) -> None:
        """Give a cache its geometry: tags of `sectors` lines of flash; `ways` of 0 is fully associative."""
        cache = self.row["caches"][number]
        ways = ways or lines
        sets = lines // ways
        slots = np.zeros(lines, SLOT)
        tags = np.full(-(-flash_lines // sectors), -1, np.int32)
        self._keep[number] = (tags, slots)
        cache["ways"], cache["set_mask"], cache["sector_shift"] = ways, sets - 1, sectors.bit_length() - 1
        cache["tag_count"], cache["slot_count"] = len(tags), lines
        cache["slot_of_tag"], cache["slots"] = address_of(tags), address_of(slots)
        self.empty_cache(number)

    def empty_cache(self, number: int) -> None:
        """Forget what a cache holds."""
        self.row["epoch"] += 1
        if number in self._keep:
            tags, slots = self._keep[number]
            tags[:] = -1
            slots["tag"], slots["used"], slots["sectors"] = -1, 0, 0

    def forget(self) -> None:
        """Empty the buffers and caches."""
        for name in ("current", "ahead", "data_line"):
            self.row[name] = NO_LINE
        self.row["free_cycle"] = self.row["ahead_cycle"] = LONG_AGO_CYCLE
        for number in (0, 1):
            self.empty_cache(number)
