# SPDX-License-Identifier: Apache-2.0
"""The tables that native hooks and Python share, and who owns them.

Native code sees raw addresses (`MACHINE` holds them), so an array may only be replaced by its owner, `Tables`, which
then updates the address. Words:

- *block*: a run of instructions as the engine executes it, keyed by (start, size).
- *entry*: a block entered in one pipeline state, with the IT groups in it that turned out to run.
- *outcome*: what an entry costs when its last branch is not taken (even index) or taken (odd), how often that was,
  and a *link* to the entry that follows, where nothing but time has to move between the two.
- *node*: a place in the call tree: a function below a chain of callers.
- *frame*: an entry of the shadow call stack.
- *division*: an instruction of a block whose cycles depend on its operands: a divide, on some cores a long multiply.
- *probe*: a native hook on one instruction whose operands or flags are gone when its block has ended. Hooked
  instructions are slow, so only a few that run often get one; before that, and beyond, an assumption is counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.engine.flash_tables import FETCH, FLASH_FIELDS, LINE, MOMENT, NOT_LISTED
from mcusim.jit import address_of

# Why native code gave control back to Python (MACHINE.stop_reason).
RUNNING = 0
NEW_BLOCK = 1  # a block that is not in the table
NEW_ENTRY = 2  # a block in a pipeline state, or with IT groups running, not met before
CHANGED_CODE = 3  # a block in RAM whose bytes are no longer those that were decoded
NEW_FUNCTION = 4  # a call to an address that no function starts at
FULL = 5  # a table must grow
DUE = 6  # the clock has reached `due_cycles`
IDLE = 7  # a branch to itself: nothing happens any more until an interrupt
UNMASKED = 8  # a pending interrupt may have become unmasked
NEW_PRICE = 9  # an outcome that has no price yet
WANTS_PROBE = 10  # a block that rests on an assumption has run often
RAN_UNDEFINED = 11  # an instruction that no M-profile core has, but the engine does
LEFT_STACK = 12  # SP is, or will be in the callee, outside the stack that is current
LOOK = 13  # a block whose loads are watched has ended

# Block flags.
ENDS_IN_BRANCH = 1 << 0
PREDICATED = 1 << 1  # holds IT groups whose outcome changes the price
DIVIDES = 1 << 2
IN_RAM = 1 << 3
FUNCTION_ENTRY = 1 << 4  # calls may land here
IDLE_LOOP = 1 << 5  # branches to itself and does nothing else
CHANGES_MASK = 1 << 6  # CPS or MSR: may unmask an interrupt
ASSUMES = 1 << 7  # the price rests on an assumption: see probes
SETS_SP = 1 << 8  # gives SP a value from elsewhere, whose two lowest bits the core ignores and the engine does not
HOLDS_UNDEFINED = 1 << 9  # an instruction that the decoder does not know
ALWAYS_BRANCHES = 1 << 10  # its branch has no condition: it is taken even to the address that follows
LOADS_IN_IT = 1 << 11  # a load that an IT instruction governs
CHECKS_ALIGNMENT = 1 << 12  # a load that may be unaligned
# More has to happen at the end of such a block than a link does.
NEVER_LINKED = PREDICATED | DIVIDES | IDLE_LOOP | CHANGES_MASK | ASSUMES | SETS_SP | HOLDS_UNDEFINED | CHECKS_ALIGNMENT

NOT_PRICED = -1

# How the outcome of an IT group is known when its block has ended.
BY_FLAGS = 0  # the flags it tested are still there
BY_BRANCH = 1  # it holds the block's branch
BY_PROBE = 2  # a probe kept the flags that it tested

# Kinds of call tree nodes.
KIND_CALL, KIND_THREAD, KIND_HANDLER, KIND_TASK = 0, 1, 2, 3

HALFWORD = np.dtype(np.uint16)

MAX_PREDICATES = 6  # IT groups per block whose outcome is kept; further ones are assumed

BLOCK = np.dtype(
    [
        ("start", np.uint32),
        ("end", np.uint32),
        ("flags", np.uint32),
        ("flow", np.int32),
        ("function", np.int32),
        ("first_entry", np.int32),
        ("first_division", np.int32),
        ("division_count", np.int32),
        ("first_alignment", np.int32),
        ("alignment_count", np.int32),
        ("predicate_count", np.int32),
        ("predicates", np.uint8, MAX_PREDICATES),  # condition | how << 4
        ("predicate_probes", np.uint8, MAX_PREDICATES),  # for BY_PROBE
        ("stack_bytes", np.int32),  # what it takes from the stack at most, by its pushes and SUB SP
        ("assumed_runs", np.int64),  # how often it ran on an assumption
        ("host_address", np.uint64),  # where its bytes are in our memory, for blocks in RAM
        ("checksum", np.uint64),
    ],
    align=True,
)
ENTRY = np.dtype(
    [
        ("block", np.int32),
        ("state", np.int32),
        ("predicates", np.int32),  # one bit for each IT group: did its first condition hold?
        ("next", np.int32),  # the next entry of the same block
    ],
    align=True,
)
OUTCOME = np.dtype(
    [
        ("link_key", np.int64),  # start | size << 32 of the block that the link leads to
        ("count", np.int64),
        ("look_at", np.int64),  # the count at which Python looks at its loads; NO_LOOK for never
        ("cycles", np.int32),  # NOT_PRICED until it is needed
        ("link_entry", np.int32),
        ("exit_state", np.int32),
        ("end", np.uint32),  # of the block: going elsewhere means that its branch was taken
    ],
    align=True,
)
NODE = np.dtype(
    [
        ("function", np.int32),
        ("parent", np.int32),
        ("last_child", np.int32),
        ("kind", np.int32),
        ("calls", np.int64),
        ("self_cycles", np.int64),
    ],
    align=True,
)
FRAME = np.dtype(
    [("sp", np.uint32), ("return_address", np.uint32), ("node", np.int32), ("is_exception", np.int32)], align=True
)
DIVISION = np.dtype(
    [
        ("dividend", np.int32),  # register number of the first operand, -1: not known when the block has ended
        ("divisor", np.int32),
        ("operation", np.int32),
        ("op_index", np.int32),
        ("count", np.int64),
        ("extra_cycles", np.int64),  # beyond the class's own cycles
    ],
    align=True,
)
ALIGNMENT = np.dtype(
    [
        ("block", np.int32),
        ("op_index", np.int32),
        ("base", np.int32),  # registers of the address when the block has ended
        ("index", np.int32),  # -1: none
        ("shift", np.int32),
        ("offset", np.int32),
        ("size_bytes", np.int32),
        ("extra_cycles", np.int64),
    ],
    align=True,
)
PROBE = np.dtype(
    [
        ("machine", np.uint64),
        ("kind", np.int32),
        ("dividend", np.int32),
        ("divisor", np.int32),
        ("operation", np.int32),
        ("flags", np.int64),  # CPSR when an IT instruction was reached last
        ("extra_cycles", np.int64),  # of a division, beyond the class's own cycles
        ("address", np.uint32),
    ],
    align=True,
)
PROBE_DIVISION, PROBE_IT = 0, 1
# Operations whose cycles depend on their operands.
DIVIDE, DIVIDE_SIGNED, MULTIPLY, MULTIPLY_SIGNED, ACCUMULATE, ACCUMULATE_SIGNED = range(6)
NO_PROBE = -1  # no probe would tell
MAX_PROBES = 24  # each hit walks the engine's list of hooks: a few dozen cost more than they tell
EAGER_PROBES = 8  # so many are given to whatever comes first, the others to what runs often
RUNS_BEFORE_PROBE = 256

MACHINE = np.dtype(
    [
        ("clock_cycles", np.int64),
        ("due_cycles", np.int64),
        ("stop_reason", np.int64),
        ("even_jump", np.int64),  # 1 where native code stopped after a jump to an even address
        ("masked_pending", np.int64),  # an interrupt waits for a mask to be lifted
        ("current_entry", np.int64),  # -1: none, the engine is between blocks
        ("last_block", np.int64),  # the block settled last
        ("last_outcome", np.int64),  # its outcome, if a link may start there, else -1
        ("state", np.int64),  # pipeline state between blocks (links pass it by: a running block's is in its entry)
        ("wanted_start", np.int64),  # for NEW_BLOCK, CHANGED_CODE, NEW_FUNCTION, LEFT_STACK
        ("wanted_size", np.int64),
        ("wanted_block", np.int64),  # for NEW_ENTRY
        ("wanted_state", np.int64),
        ("wanted_predicates", np.int64),
        ("wanted_outcome", np.int64),  # for NEW_PRICE
        ("flow", np.int64),  # how control left the block settled last
        ("return_address", np.int64),
        ("node", np.int64),
        ("function", np.int64),  # of the current node
        ("node_since_cycles", np.int64),  # when the current node became current: its cycles since are not in it yet
        ("depth", np.int64),
        ("node_count", np.int64),
        ("transfer_cycles", np.int64),  # of each transfer that an unaligned load takes beyond its first
        ("divide_model", np.int64),  # how division cycles follow from the operands
        ("divide_trap", np.int64),  # CCR.DIV_0_TRP
        ("divided_by_zero", np.int64),  # with that trap: the division's number plus one, or a probe's address negated
        ("stack_low", np.int64),  # lowest SP of the current stack
        ("stack_limit", np.int64),  # its bounds; see mcusim.machine.stacks
        ("stack_top", np.int64),
        ("uc", np.uint64),
        ("scratch", np.uint64),  # where the engine may write a register value
        ("blocks", np.uint64),
        ("block_capacity", np.int64),
        ("entries", np.uint64),
        ("entry_capacity", np.int64),
        ("outcomes", np.uint64),
        ("outcome_capacity", np.int64),
        ("nodes", np.uint64),
        ("node_capacity", np.int64),
        ("frames", np.uint64),
        ("frame_capacity", np.int64),
        ("divisions", np.uint64),
        ("division_capacity", np.int64),
        ("alignments", np.uint64),
        ("alignment_capacity", np.int64),
        ("probes", np.uint64),
        ("block_index", np.uint64),  # open addressing: key, id pairs
        ("block_index_mask", np.int64),
        ("child_index", np.uint64),
        ("child_index_mask", np.int64),
        *FLASH_FIELDS,
    ],
    align=True,
)
INDEX = np.dtype([("key", np.int64), ("id", np.int64)], align=True)

NO_KEY = -1
NO_LOOK = -1
HASH_MULTIPLIER = 0x9E37_79B9_7F4A_7C15  # 2^64 / golden ratio (Knuth, TAOCP 6.4)

Array = npt.NDArray[Any]


def _empty_index(size: int) -> Array:
    index = np.zeros(size, INDEX)
    index["key"] = NO_KEY
    return index


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
        self.machine = np.zeros(1, MACHINE)
        self._scratch = np.zeros(4, np.uint64)
        self.arrays: dict[str, Array] = {}
        self.block_count = 0
        self.entry_count = 0
        self.division_count = 0
        self.alignment_count = 0
        self.m["scratch"] = address_of(self._scratch)
        self.m["current_entry"] = self.m["last_block"] = self.m["last_outcome"] = -1
        sizes = (
            ("blocks", "block", BLOCK, 4096),
            ("entries", "entry", ENTRY, 8192),
            ("outcomes", "outcome", OUTCOME, 2 * 8192),
            ("nodes", "node", NODE, 4096),
            ("frames", "frame", FRAME, 1024),
            ("divisions", "division", DIVISION, 256),
            ("alignments", "alignment", ALIGNMENT, 256),
            ("fetches", "fetch", FETCH, 2 * 8192),
            ("lines", "line", LINE, 1024),
            ("moments", "moment", MOMENT, 1024),
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
        """Make room for nodes, frames and loads that waited; the hooks ask for it with `FULL`."""
        if 2 * int(self.m["stall_count"]) > len(self.arrays["stall_index"]):
            self._double_index("stall_index")
        if int(self.m["node_count"]) + 2 > len(self.arrays["nodes"]):
            self._double("nodes", "node_capacity")
            self._double_index("child_index")
        if int(self.m["depth"]) + 2 > len(self.arrays["frames"]):
            self._double("frames", "frame_capacity")

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
        self.arrays["entries"][number] = (block, state, predicates, row["first_entry"])
        row["first_entry"] = number
        for outcome in (2 * number, 2 * number + 1):
            self.arrays["outcomes"][outcome] = (NO_KEY, 0, NO_LOOK, NOT_PRICED, -1, -1, row["end"])
            self.arrays["fetches"][outcome] = (0, NOT_LISTED, 0, 1)
        return number

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
        """Forget all links: what they skip may have changed."""
        self.arrays["outcomes"]["link_key"] = NO_KEY

    def add_divisions(self, rows: list[tuple[int, int, int, int]]) -> int:
        """Append a block's divisions (two operands, operation, index of instruction); return the first's number."""
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
            self.arrays["lines"][first_line + offset] = (*line, 0, 0, -1)
        for offset, moment in enumerate(moments):
            self.arrays["moments"][first_moment + offset] = moment
        self.arrays["fetches"][outcome] = (first_line, len(lines), first_moment, lead_cycles)

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

    def new_root(self, function: int, kind: int) -> int:
        """Return a root node of its own."""
        self.grow_tree()
        number = int(self.m["node_count"])
        self.arrays["nodes"][number] = (function, -1, -1, kind, 0, 0)
        self.m["node_count"] = number + 1
        return number
