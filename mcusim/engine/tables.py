# SPDX-License-Identifier: Apache-2.0
"""The arrays that native hooks and Python share, and who owns them; `mcusim.engine.records` says what is in them.

Native code sees raw addresses (`MACHINE` holds them), so an array may only be replaced by its owner, `Tables`, which
then updates the address.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.engine.branch_tables import ABSENT, BRANCH, NO_BRANCH
from mcusim.engine.cache_tables import MISS
from mcusim.engine.flash_tables import FETCH, LINE, MOMENT, NOT_LISTED
from mcusim.engine.guard_tables import FIRST_PLACE_BIT, GUARD, MAX_WINDOWS, NO_GUARD, PLACE_BITS, WINDOW
from mcusim.engine.records import (
    ACCESSES_IN_IT,
    ALIGNMENT,
    BLOCK,
    DIVISION,
    ENTRY,
    FRAME,
    FUNCTION_FLAGS,
    HASH_MULTIPLIER,
    INDEX,
    MACHINE,
    MAX_PROBES,
    NO_KEY,
    NO_LOOK,
    NODE,
    NOT_PRICED,
    OUTCOME,
    PROBE,
)
from mcusim.engine.slice_tables import OPEN_SLICE, SLICE
from mcusim.jit import address_of

Array = npt.NDArray[Any]
FIRST_OPEN_SLICES = 256
HOST_LINE_BYTES = 64


def _empty_index(size: int) -> Array:
    index = np.zeros(size, INDEX)
    index["key"] = NO_KEY
    return index


def _aligned_record() -> Array:
    """Return the record of the machine, at the start of a line of the host's caches: its first fields are the hottest.

    Where it lay by chance made hooks up to a tenth slower.
    """
    room = np.zeros(MACHINE.itemsize + HOST_LINE_BYTES, np.uint8)
    offset = -address_of(room) % HOST_LINE_BYTES
    return room[offset : offset + MACHINE.itemsize].view(MACHINE)


def slot_of(key: int, mask: int) -> int:
    """Return the first slot to look at for a key. The hooks compute the same."""
    return ((key * HASH_MULTIPLIER & 0xFFFF_FFFF_FFFF_FFFF) >> 40) & mask


def index_put(index: Array, key: int, value: int) -> None:
    """Put or replace a key in an open-addressing index that has room."""
    mask = len(index) - 1
    slot = slot_of(key, mask)
    while index[slot]["key"] not in (NO_KEY, key):
        slot = (slot + 1) & mask
    index[slot] = (key, value)


class Tables:
    """Owns the arrays and keeps their addresses in the `MACHINE` record up to date. Everything doubles when full."""

    def __init__(self) -> None:
        self.machine = _aligned_record()
        self._scratch = np.zeros(4, np.uint64)
        self.arrays: dict[str, Array] = {}
        self.block_count = 0
        self.entry_count = 0
        self.division_count = 0
        self.alignment_count = 0
        self.guard_count = 0
        self.branch_count = 0
        self.m["scratch"] = address_of(self._scratch)
        self.m["current_entry"] = self.m["last_block"] = self.m["last_outcome"] = -1
        self.m["activation"] = self.m["stack_low_node"] = -1
        sizes = (
            ("blocks", "block", BLOCK, 4096),
            ("entries", "entry", ENTRY, 8192),
            ("outcomes", "outcome", OUTCOME, 2 * 8192),
            ("nodes", "node", NODE, 4096),
            ("frames", "frame", FRAME, 1024),
            ("divisions", "division", DIVISION, 256),
            ("alignments", "alignment", ALIGNMENT, 256),
            ("guards", "guard", GUARD, 1024),
            ("branches", "branch", BRANCH, 1024),
            ("fetches", "fetch", FETCH, 2 * 8192),
            ("lines", "line", LINE, 1024),
            ("moments", "moment", MOMENT, 1024),
            ("misses", "miss", MISS, 2 * 1024),
            ("function_flags", "function", FUNCTION_FLAGS, 1024),
        )
        for name, stem, dtype, size in sizes:
            self._install(name, f"{stem}_capacity", np.zeros(size, dtype))
        self.probes = np.zeros(MAX_PROBES, PROBE)  # never moves: the engine's hooks point into it
        self.probe_count = 0
        self.probes["machine"] = address_of(self.machine)
        self.m["probes"] = address_of(self.probes)
        self._install("block_index", "block_index_mask", _empty_index(4 * 4096))
        self._install("child_index", "child_index_mask", _empty_index(4 * 4096))
        self._install("stall_index", "stall_index_mask", _empty_index(4 * 1024))
        self._install("miss_index", "miss_index_mask", _empty_index(4 * 1024))
        self.line_count = self.moment_count = 0

    @property
    def m(self) -> Any:
        """The machine record, as a NumPy row that reads and writes by field name."""
        return self.machine[0]

    def _install(self, name: str, size_field: str, array: Array) -> None:
        self.arrays[name] = array
        self.m[name] = address_of(array)
        self.m[size_field] = len(array) - 1 if size_field.endswith("mask") else len(array)

    def _double(self, name: str, size_field: str) -> None:
        old = self.arrays[name]
        new = np.zeros(2 * len(old), old.dtype)
        new[: len(old)] = old
        self._install(name, size_field, new)

    def _double_index(self, name: str) -> None:
        old = self.arrays[name]
        new = _empty_index(2 * len(old))
        for entry in old[old["key"] != NO_KEY]:
            index_put(new, int(entry["key"]), int(entry["id"]))
        self._install(name, f"{name}_mask", new)

    def grow_tree(self) -> None:
        """Make room for nodes, frames and accesses that waited; the hooks ask for it with `FULL`."""
        if 2 * int(self.m["stall_count"]) >= len(self.arrays["stall_index"]):
            self._double_index("stall_index")
        if 4 * int(self.m["miss_count"]) >= len(self.arrays["miss_index"]):
            self._double_index("miss_index")
            self._double("misses", "miss_capacity")
        if int(self.m["node_count"]) + 2 > len(self.arrays["nodes"]):
            self._double("nodes", "node_capacity")
            self._double_index("child_index")
        if int(self.m["depth"]) + 2 > len(self.arrays["frames"]):
            self._double("frames", "frame_capacity")

    def trace_slices(self, capacity: int) -> None:
        """Keep at most so many slices from now on."""
        self._install("open_slices", "open_slice_capacity", np.zeros(0, OPEN_SLICE))
        self.m["slice"] = self.m["free_slice"] = -1
        self.grow_open_slices(FIRST_OPEN_SLICES)
        self._install("slices", "slice_capacity", np.zeros(capacity, SLICE))

    def grow_open_slices(self, count: int = 0) -> None:
        """Make room for so many open slices more, twice as many as there are by default."""
        old = self.arrays["open_slices"]
        new = np.zeros(len(old) + (count or len(old)), OPEN_SLICE)
        new[: len(old)] = old
        new["parent"][len(old) :] = np.arange(len(old) + 1, len(new) + 1)
        new["parent"][-1] = self.m["free_slice"]
        self.m["free_slice"] = len(old)
        self.m["free_slices"] += len(new) - len(old)
        self._install("open_slices", "open_slice_capacity", new)

    def add_block(self, start: int, size_bytes: int) -> int:
        """Append an empty block, enter it in the index (replacing one of the same key), and return its number."""
        number = self.block_count
        if number == len(self.arrays["blocks"]):
            self._double("blocks", "block_capacity")
            self._double_index("block_index")
        self.block_count += 1
        block = self.arrays["blocks"][number]
        block["start"], block["end"] = start, start + size_bytes
        block["first_entry"] = block["first_division"] = -1
        index_put(self.arrays["block_index"], start | size_bytes << 32, number)
        return number

    def find_block(self, start: int, size_bytes: int) -> int:
        """Return the number of the block with this key, -1 where there is none."""
        index, key = self.arrays["block_index"], start | size_bytes << 32
        slot = slot_of(key, len(index) - 1)
        while index[slot]["key"] != NO_KEY:
            if index[slot]["key"] == key:
                return int(index[slot]["id"])
            slot = (slot + 1) & len(index) - 1
        return -1

    def add_entry(self, block: int, state: int, predicates: int) -> int:
        """Append an entry at the head of its block's list, its outcomes not priced yet; return its number."""
        number = self.entry_count
        if number == len(self.arrays["entries"]):
            self._double("entries", "entry_capacity")
            self._double("outcomes", "outcome_capacity")
            self._double("fetches", "fetch_capacity")
        self.entry_count += 1
        row = self.arrays["blocks"][block]
        guard = self._add_entry_guards(row, predicates) if row["guard_count"] else NO_GUARD
        in_it = int(row["flags"] & ACCESSES_IN_IT != 0)
        self.arrays["entries"][number] = (block, state, predicates, row["first_entry"], guard, in_it, 0, 0)
        row["first_entry"] = number
        for outcome in (2 * number, 2 * number + 1):
            self.arrays["outcomes"][outcome] = (NO_KEY, 0, NO_LOOK, NOT_PRICED, -1, -1, NO_GUARD, NO_BRANCH, 0)
            self.arrays["fetches"][outcome] = (0, NOT_LISTED, 0, 1, 0)
        return number

    def set_windows(self, rows: list[tuple[int, int, int]]) -> None:
        """Say which pieces of the memory map (WINDOW) guards tell apart."""
        self._install("windows", "window_count", np.array(rows, WINDOW))

    def add_guards(self, block: int, rows: list[tuple[int, ...]]) -> None:
        """Give a block its guards: rows of GUARD up to `offset`, and how far accesses reach beyond that."""
        row = self.arrays["blocks"][block]
        row["first_guard"], row["guard_count"] = self.guard_count, len(rows)
        for guard in rows:
            self._append_guard((*guard[:6], 0, guard[6], 0))

    def _append_guard(self, row: tuple[Any, ...]) -> None:
        if self.guard_count == len(self.arrays["guards"]):
            self._double("guards", "guard_capacity")
        self.arrays["guards"][self.guard_count] = row
        self.guard_count += 1

    def _add_entry_guards(self, block: Any, key: int) -> int:
        """Append the guards of an entry with this key; return the first one's number."""
        first, count, own, windows = (
            self.guard_count,
            block["guard_count"],
            block["first_guard"],
            self.arrays["windows"],
        )
        for number in range(count):
            guard = self.arrays["guards"][own + number].copy()
            place = key >> FIRST_PLACE_BIT + PLACE_BITS * number & MAX_WINDOWS
            reach, size = int(guard["size_bytes"]), int(windows[place - 1]["size_bytes"]) if place else 0
            guard["start"] = windows[place - 1]["start"] if place else 0
            guard["size_bytes"] = max(size - reach, 0)
            guard["is_last"] = number == count - 1
            self._append_guard(tuple(guard))
        return first

    def find_entry(self, block: int, state: int, predicates: int) -> int:
        """Return the number of an entry, -1 where there is none."""
        entries = self.arrays["entries"]
        number = int(self.arrays["blocks"][block]["first_entry"])
        while number >= 0:
            entry = entries[number]
            if entry["state"] == state and entry["predicates"] == predicates:
                return number
            number = int(entry["next"])
        return -1

    def cut_links(self) -> None:
        """Forget all links, and the one that is about to be made: what they skip may have changed."""
        self.arrays["outcomes"]["link_key"] = NO_KEY
        self.m["last_outcome"] = -1

    def add_divisions(self, rows: list[tuple[int, int, int, int, int, int]]) -> int:
        """Append a block's divisions (DIVISION up to `inverted`); return the first's number."""
        first = self.division_count
        while first + len(rows) > len(self.arrays["divisions"]):
            self._double("divisions", "division_capacity")
        for offset, row in enumerate(rows):
            self.arrays["divisions"][first + offset] = (*row, 0, 0)
        self.division_count += len(rows)
        return first

    def add_alignments(self, rows: list[tuple[int, int, int, int, int, int, int]]) -> int:
        """Append rows of loads that are checked (ALIGNMENT without its cycles); return the first one's number."""
        first = self.alignment_count
        while first + len(rows) > len(self.arrays["alignments"]):
            self._double("alignments", "alignment_capacity")
        for offset, row in enumerate(rows):
            self.arrays["alignments"][first + offset] = (*row, 0)
        self.alignment_count += len(rows)
        return first

    def set_predictor(self, btac_entries: int, counter_highest: int, counter_first: int, redirect_cycles: int) -> None:
        """Say what a branch predictor is like; all its entries are empty and it is on."""
        self._install("btac", "btac_entries", np.full(btac_entries, NO_BRANCH, np.int32))
        self.m["counter_highest"], self.m["counter_first"] = counter_highest, counter_first
        self.m["redirect_cycles"] = redirect_cycles
        self.m["btac_next"], self.m["btac_reads"], self.m["btac_allocates"] = 0, 1, 1

    def add_branch(self, address: int, kind: int) -> int:
        """Append a branch that the predictor has not met (see `branch_tables` for kinds); return its number."""
        number = self.branch_count
        if number == len(self.arrays["branches"]):
            self._double("branches", "branch_capacity")
        self.branch_count += 1
        row = self.arrays["branches"][number]
        row["kind"], row["counter"], row["address"] = kind, ABSENT, address
        return number

    def add_lines(
        self,
        outcome: int,
        lines: list[tuple[int, int, int, int]],
        moments: list[tuple[int, int, int, int]],
        lead_cycles: int,
    ) -> None:
        """List the lines of flash that an outcome needs (LINE without its stalls), and its MOMENT rows."""
        first_line, first_moment = self.line_count, self.moment_count
        self.line_count += len(lines)
        self.moment_count += len(moments)
        while self.line_count > len(self.arrays["lines"]):
            self._double("lines", "line_capacity")
        while self.moment_count > len(self.arrays["moments"]):
            self._double("moments", "moment_capacity")
        for offset, line in enumerate(lines):
            self.arrays["lines"][first_line + offset] = (*line, 0, 0, 0, 0, -1)
        for offset, moment in enumerate(moments):
            self.arrays["moments"][first_moment + offset] = moment
        self.arrays["fetches"][outcome] = (first_line, len(lines), first_moment, lead_cycles, 0)

    def set_function_flags(self, function: int, flags: int) -> None:
        """Say what is to happen when this function is called. Nodes that are there already do not hear of it."""
        while function >= len(self.arrays["function_flags"]):
            self._double("function_flags", "function_capacity")
        self.arrays["function_flags"][function] = flags

    def add_root(self, function: int, kind: int) -> int:
        """Return the root node of this function and kind, made if need be."""
        nodes = self.arrays["nodes"]
        for number in range(int(self.m["node_count"])):
            if (
                nodes[number]["parent"] == -1
                and nodes[number]["function"] == function
                and nodes[number]["kind"] == kind
            ):
                return number
        return self.new_root(function, kind)

    def root_of(self, node: int) -> int:
        """Return the root of the call tree that a node is below."""
        nodes = self.arrays["nodes"]
        while (parent := int(nodes[node]["parent"])) >= 0:
            node = parent
        return node

    def new_root(self, function: int, kind: int) -> int:
        """Return a root node of its own."""
        self.grow_tree()
        number = int(self.m["node_count"])
        events = int(self.arrays["function_flags"][function])
        self.arrays["nodes"][number] = (function, -1, -1, kind, events, -1, 0, 0, 0, 0)
        self.m["node_count"] = number + 1
        return number
