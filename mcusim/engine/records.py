# SPDX-License-Identifier: Apache-2.0
"""The layout of what native hooks and Python share: records, flags, reasons to stop. `Tables` owns the arrays.

Words:

- *block*: a run of instructions as the engine executes it, keyed by (start, size).
- *entry*: a block entered in one pipeline state, with the IT groups in it that turned out to run.
- *guard*: where a block accesses memory, by the registers at its start (`mcusim.engine.places`).
- *outcome*: what an entry costs when its last branch is not taken (even index) or taken (odd), how often that was,
  and a *link* to the entry that follows, where nothing but time has to move between the two.
- *node*: a place in the call tree: a function below a chain of callers.
- *frame*: an entry of the shadow call stack.
- *activation*: one run of a layer, by its number; Python begins it, frames remember the one that they interrupt, so
  that it ends with the frame that it began in, however that is left.
- *division*: an instruction of a block whose cycles depend on its operands: a divide, on some cores a long multiply.
- *alignment*: a load of a block whose address is looked at each time the block has ended, since it may be unaligned.
- *probe*: a native hook on one instruction whose operands or flags are gone when its block has ended. Hooked
  instructions are slow, so only a few that run often get one; before that, and beyond, an assumption is counted.
"""

from __future__ import annotations

import numpy as np

from mcusim.engine.branch_tables import BRANCH_FIELDS
from mcusim.engine.cache_tables import CACHE_FIELDS
from mcusim.engine.flash_tables import FLASH_FIELDS
from mcusim.engine.guard_tables import GUARD_FIELDS
from mcusim.engine.slice_tables import SLICE_FIELDS

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
CALL_EVENT = 14  # a function that somebody waits for was entered or left (MACHINE.call_events says which)

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
ACCESSES_IN_IT = 1 << 11  # a load or store that an IT instruction governs
CHECKS_ALIGNMENT = 1 << 12  # a load that may be unaligned
STEADY = 1 << 14  # moves the registers of its guards by constants only: in a loop of its own they need few looks
LOWERS_SP = 1 << 13  # takes from the stack: looked at whenever it is entered
# More has to happen at the end of such a block than a link does.
NEVER_LINKED = PREDICATED | DIVIDES | IDLE_LOOP | CHANGES_MASK | ASSUMES | SETS_SP | HOLDS_UNDEFINED | CHECKS_ALIGNMENT

NOT_PRICED = -1

# How the outcome of an IT group is known when its block has ended.
BY_FLAGS = 0  # the flags it tested are still there
BY_BRANCH = 1  # it holds the block's branch
BY_PROBE = 2  # a probe kept the flags that it tested

# What is to happen when a function is called (FUNCTION flags, by number, and NODE.events).
BEGINS_LAYER = 1 << 0
BEGINS_OUTERMOST = 1 << 1  # begins a layer where none is active
CALLS_LAYERS = 1 << 2  # its direct callees with MAY_BE_CALLED begin layers
MAY_BE_CALLED = 1 << 3
WATCHED = 1 << 4  # Python wants to know of its calls and their returns
ENTERED, RETURNED = 1 << 0, 1 << 1  # MACHINE.call_events
TRACE_FULL = 1 << 2  # and there: no more room for open slices

# Kinds of call tree nodes.
KIND_CALL, KIND_THREAD, KIND_HANDLER, KIND_TASK = 0, 1, 2, 3

HALFWORD = np.dtype(np.uint16)
FUNCTION_FLAGS = np.dtype(np.int32)

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
        ("first_guard", np.int32),
        ("guard_count", np.int32),
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
        # One bit for each IT group: did its first condition hold? Above them, where its guards find its accesses.
        ("predicates", np.int32),
        ("next", np.int32),  # the next entry of the same block
        ("first_guard", np.int32),  # -1: none
        ("in_it", np.int32),  # its block is ACCESSES_IN_IT
        ("reads", np.int64),  # of memory that caches or the bus may make wait
        ("writes", np.int64),
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
        ("link_guard", np.int32),  # first guard of the entry that it leads to, -1: none; -2 - guard: a STEADY loop's
        ("branch", np.int32),  # the block's last instruction, where a predictor predicts it; else NO_BRANCH
        ("mispredict_cycles", np.int32),  # what that costs more when it went elsewhere than predicted
    ],
    align=True,
)
NODE = np.dtype(
    [
        ("function", np.int32),
        ("parent", np.int32),
        ("last_child", np.int32),
        ("kind", np.int32),
        ("events", np.int32),  # the function's flags; BEGINS_LAYER also where its parent calls layers
        ("activation", np.int32),  # that was current when it was entered last
        ("calls", np.int64),
        ("self_cycles", np.int64),
        ("calls_left_out", np.int64),  # of a trace (`mcusim.engine.slices`)
        ("cycles_left_out", np.int64),  # that they spent themselves
    ],
    align=True,
)
FRAME = np.dtype(
    [
        ("sp", np.uint32),
        ("return_address", np.uint32),
        ("node", np.int32),
        ("is_exception", np.int32),
        ("activation", np.int32),  # that was current before the call
        ("watched", np.int32),  # its return is a CALL_EVENT
    ],
    align=True,
)
DIVISION = np.dtype(
    [
        ("dividend", np.int32),  # register number of the first operand, -1: not known when the block has ended
        ("divisor", np.int32),
        ("operation", np.int32),
        ("op_index", np.int32),
        ("predicate", np.int32),  # the IT group that it belongs to, -1: none
        ("inverted", np.int32),  # it runs when that group's first condition does not hold
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
        ("activation", np.int64),  # the current one, -1: no layer
        ("call_events", np.int64),
        ("layers_full", np.int64),  # no further activation is begun: native code only counts them
        ("layers_left_out", np.int64),
        ("function_flags", np.uint64),  # by function number
        ("function_capacity", np.int64),
        ("transfer_cycles", np.int64),  # of each transfer that an unaligned load takes beyond its first
        ("byte_transfers", np.int64),  # beyond its first that a word at an odd address takes
        ("divide_model", np.int64),  # how division cycles follow from the operands
        ("divide_trap", np.int64),  # CCR.DIV_0_TRP
        ("divided_by_zero", np.int64),  # with that trap: the division's number plus one, or a probe's address negated
        ("stack_low", np.int64),  # lowest SP of the current stack
        ("stack_low_node", np.int64),  # who took it there
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
        *CACHE_FIELDS,
        *GUARD_FIELDS,
        *BRANCH_FIELDS,
        *SLICE_FIELDS,
    ],
    align=True,
)
INDEX = np.dtype([("key", np.int64), ("id", np.int64)], align=True)

NO_KEY = -1
NO_LOOK = -1
HASH_MULTIPLIER = 0x9E37_79B9_7F4A_7C15  # 2^64 / golden ratio (Knuth, TAOCP 6.4)
