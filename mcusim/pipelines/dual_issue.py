# SPDX-License-Identifier: Apache-2.0
"""In-order dual-issue pipelines with an early and a late ALU: Cortex-M7.

Each cycle an *older* instruction issues, and beside it a *younger* one where operands, units and fetched words allow.
Pairs are found as the instructions come: what could not join one cycle is the older instruction of the next, so a pair
has no fixed place in the code. There are two address units, two ALUs, a shifter in EX1 and another in EX2, one
multiplier, one path to memory for stores, two banks for loads, one branch unit, one unit for bit fields and DSP (older
slot), one floating-point unit. Additions, moves and shifts of the older slot execute in EX1 where their operands are
there, so that the younger instruction, or the address of the next one, can have the result.

What an IT instruction skips issues as if it ran. The fetch unit brings one aligned 64-bit word a cycle into a queue of
four and follows predicted branches; so a branch predicted as it goes costs its slot, and its target can issue beside
it. `price` leaves in `MISPREDICTION` what it costs more otherwise; the state at the end is then the same, because the
queue is filled again while nothing issues.

The state stands at the cycle in which the last instruction issued: time moves on when the next one turns out to need
a cycle of its own. Numbers come from the core's table; the rules' sources stand there, beside each number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.isa import decode as isa
from mcusim.jit import int64, njit
from mcusim.pipelines import causes
from mcusim.pipelines import dual_issue_core as core
from mcusim.pipelines import dual_issue_fp as fp
from mcusim.pipelines import dual_issue_operands as units
from mcusim.pipelines import dual_issue_rules as r
from mcusim.pipelines.operands import makes_flags

RULES = r.RULES
STATE_SIZE = r.STATE_SIZE
MISPREDICTION = r.MISPREDICTION
SKIPPED_TAKES_TIME = True
reset_state = r.reset_state

# What the older instruction of a cycle uses (`OPEN`).
_ANY = 1 << 0
_EARLY_SHIFTER = 1 << 1
_LATE_SHIFTER = 1 << 2
_DSP_UNIT = 1 << 3
_MULTIPLIER = 1 << 4
_STORES = 1 << 5
_LOADS = 1 << 6
_EVEN_BANK = 1 << 7
_ODD_BANK = 1 << 8
_BRANCHES = 1 << 9
_FP_UNIT = 1 << 10
_FP_TRANSFER = 1 << 11  # what does not pair with a multiply-add
_FP_DOUBLE = 1 << 12  # the other one must be an integer instruction
_FP_MAC = 1 << 13
_FP_MAC_DOUBLE = 1 << 14  # the other one must not access memory
_MAC_BEFORE = 1 << 15  # a multiply-add was under way when this cycle began

_LONG_AGO = 1 << 20

_NUMBER = isa.CLASS_NUMBER
_BRANCH_CONDITIONAL, _COMPARE_BRANCH = _NUMBER["branch_conditional"], _NUMBER["compare_branch"]
_STORE_MULTIPLE, _FP_STORE_MULTIPLE = _NUMBER["store_multiple"], _NUMBER["fp_store_multiple"]
_MULTIPLY, _FP_MAC_CLASS, _LOAD_EXCLUSIVE = _NUMBER["multiply"], _NUMBER["fp_mac"], _NUMBER["load_exclusive"]
_FP_LOAD, _FP_STORE = _NUMBER["fp_load"], _NUMBER["fp_store"]


def _classes(*names: str) -> npt.NDArray[np.bool_]:
    return np.array([name in names for name in isa.CLASSES])


_ALONE = _classes(
    "divide", "load_pair", "load_multiple", "store_pair", "store_multiple", "store_exclusive", "table_branch",
    "fp_load_multiple", "fp_store_multiple", "fp_move_pair", "fp_status", "barrier", "instruction_barrier",
    "system_read", "system_write", "change_state", "supervisor_call", "breakpoint", "wait", "undefined",
)  # fmt: skip
_BARRIERS = _classes("barrier", "instruction_barrier", "system_read", "system_write", "change_state")


@njit
def skipping_matters(_op: Any) -> bool:
    """Return whether an instruction that IT skips leaves less behind than one that runs: never."""
    return False


@njit
def _is_alone(op: Any) -> bool:
    wide_access = (op.klass == _FP_LOAD or op.klass == _FP_STORE) and op.flags & isa.DOUBLE != 0
    return _ALONE[op.klass] or wide_access


@njit
def _is_older_only(op: Any, unit: int, rules: Any) -> bool:
    if unit >= units.DSP:
        return not rules[r.PAIRS_DSP_YOUNGER]
    return op.klass == _LOAD_EXCLUSIVE or (op.flags & isa.FP and op.flags & isa.DOUBLE != 0)


@njit
def _uses(op: Any, unit: int, state: Any) -> int:
    """Return what an instruction uses, but for the shifters, which `_shifter` hands out."""
    used = _ANY
    if unit >= units.DSP:
        used |= _DSP_UNIT
    if core.multiplies(op):
        used |= _MULTIPLIER
    if op.flags & isa.STORE:
        used |= _STORES
    if op.flags & isa.LOAD:
        used |= _LOADS
        if op.bank:
            used |= _ODD_BANK if op.bank == 2 else _EVEN_BANK
    if op.flow != isa.FLOW_NEXT:
        used |= _BRANCHES
    if op.flags & isa.FP:
        used |= _FP_UNIT if fp.COMPUTES[op.klass] or fp.is_constant_move(op) else 0
        used |= _FP_TRANSFER if fp.is_transfer(op) else 0
        used |= _FP_DOUBLE if op.flags & isa.DOUBLE else 0
        if op.klass == _FP_MAC_CLASS:
            used |= _FP_MAC_DOUBLE if op.flags & isa.DOUBLE else _FP_MAC
        if state[r.MAC_WINDOW]:
            used |= _MAC_BEFORE
    return used


@njit
def _same_bank(older: int, younger: int, rules: Any) -> bool:
    banks = _EVEN_BANK | _ODD_BANK
    if older & banks == 0 or younger & banks == 0:
        return not rules[r.PAIRS_LOADS_OF_UNKNOWN_BANKS]
    return older & younger & banks != 0 and not rules[r.PAIRS_LOADS_OF_ONE_BANK]


@njit
def _units_clash(older: int, younger: int, op: Any, rules: Any) -> bool:
    """Do the two need one unit?"""
    both = older & younger
    if both & (_DSP_UNIT | _BRANCHES | _FP_UNIT):
        return True
    if both & _MULTIPLIER and not rules[r.PAIRS_TWO_MULTIPLIES]:
        return True
    if both & _STORES and not rules[r.PAIRS_TWO_STORES]:
        return True
    multiplies, stores = (older | younger) & _MULTIPLIER, (older | younger) & _STORES
    if multiplies and stores and not rules[r.PAIRS_MULTIPLY_STORE]:
        return True
    if both & _LOADS and _same_bank(older, younger, rules):
        return True
    if older & _FP_DOUBLE and op.flags & isa.FP:
        return True
    if older & _FP_MAC_DOUBLE and younger & (_LOADS | _STORES):
        return True
    # A multiply-add and a transfer pair only while no earlier one is under way; nor does a transfer join a cycle then.
    if younger & _FP_TRANSFER and (younger | older) & _MAC_BEFORE and not older & _FP_MAC:
        return True
    either = older | younger
    return either & _FP_MAC != 0 and either & _FP_TRANSFER != 0 and older & _MAC_BEFORE != 0


@njit
def _words_needed(op: Any) -> int:
    """Return how many 64-bit words an instruction lies in."""
    address = int64(op.address)
    return 1 + ((address + op.size_bytes - 1) >> 3) - (address >> 3)


@njit
def _words_used_up(op: Any) -> int:
    """Return how many 64-bit words are behind the end of an instruction that its start is not behind."""
    address = int64(op.address)
    return (address + op.size_bytes >> 3) - (address >> 3)


@njit
def _shifter(op: Any, unit: int, state: Any, used: int, rules: Any) -> int:
    """Return the shifter that an instruction takes, given what is in use; 0: it needs none, -1: none is free."""
    early = rules[r.EARLY_SHIFTERS] and not used & _EARLY_SHIFTER
    late = rules[r.LATE_SHIFTERS] and not used & _LATE_SHIFTER
    if unit == units.INLINE or unit == units.BITS or unit == units.REVERSES or unit == units.CLIPS:
        return _EARLY_SHIFTER if early else -1
    if unit == units.SHIFTS:
        if early and core.reads_early(op, r.READ_SHIFTED, state):
            return _EARLY_SHIFTER
        return _LATE_SHIFTER if late else -1
    if unit == units.LATE_SHIFT:
        return _LATE_SHIFTER if late else -1
    return 0


@njit
def _joins(op: Any, unit: int, stored_ago: int, state: Any, rules: Any) -> bool:
    """Does this instruction issue as the younger one of the present cycle?"""
    older = state[r.OPEN]
    if stored_ago < rules[r.STORE_TO_LOAD]:
        return False
    if not (rules[r.DUAL_ISSUE] and older) or _is_alone(op) or _is_older_only(op, unit, rules):
        return False
    if _units_clash(older, _uses(op, unit, state), op, rules) or _shifter(op, unit, state, older, rules) < 0:
        return False
    if _words_needed(op) > state[r.WORDS] or core.core_left(op, unit, state, rules) & 255 or core.flags_left(op, state):
        return False
    if not op.flags & isa.FP:
        return True
    if fp.operands_left(op, state) or (op.flags & isa.STORE == 0 and core.moves_too_soon(op, state)):
        return False
    return older & _FP_MAC != 0 or fp.unit_left(op, state, rules) == 0


@njit
def _own_cycles(op: Any, class_cycles: Any, class_register_cycles: Any, rules: Any, cost: Any) -> int:
    """Charge the instruction's own cycles and return them."""
    own = class_cycles[op.klass] if class_cycles[op.klass] >= 0 else 1  # no timing: the user let it pass at one cycle
    together = rules[r.REGISTERS_PER_CYCLE]
    transfer = class_register_cycles[op.klass] * ((op.registers + together - 1) // together)
    stores_many = op.klass == _STORE_MULTIPLE or op.klass == _FP_STORE_MULTIPLE
    if stores_many and op.bank == 2 and op.registers % 2 == 0:
        transfer += rules[r.ODD_STORE_MULTIPLE]
    total = max(own + transfer, 1) if class_register_cycles[op.klass] else own
    cost[causes.ISSUE] += min(total, 1)
    if own > 1:
        cost[causes.BARRIER if _BARRIERS[op.klass] else causes.ISSUE] += own - 1
    cost[causes.TRANSFER] += max(transfer if own else transfer - 1, 0)
    return total


@njit
def _record(op: Any, unit: int, shifter: int, is_older: bool, state: Any, rules: Any, cost: Any) -> None:
    """Record what an instruction leaves in flight, and what holds up those after it."""
    early = False
    if unit == units.ADDS:
        early = is_older and rules[r.EARLY_ALU] != 0 and core.reads_early(op, r.READ_ADDER, state)
    elif unit == units.SHIFTS:
        early = shifter == _EARLY_SHIFTER
    if op.flags & isa.LOAD and op.further_transfers:
        extra = rules[r.UNALIGNED] + (0 if is_older else 1)
        state[r.LOCKED] += extra
        cost[causes.UNALIGNED] += extra
    if op.flags & isa.FP:
        busy = fp.busy_cycles(op, state, rules)
        state[r.LOCKED] += busy
        cost[causes.FP] += busy
        fp.leave_fp(op, state, rules)
    if op.writes:
        core.leave_core(op, unit, early, state, rules)
    if makes_flags(op):
        late = 1 if op.klass == _MULTIPLY else 0
        state[r.FLAGS] = rules[r.KNOWN_FLAGS] + late
        state[r.CARRY] = rules[r.FLAGS_CYCLES] + late
    state[r.WORDS] -= _words_used_up(op)


@njit
def _wait(op: Any, unit: int, stored_ago: int, state: Any, rules: Any, cost: Any) -> int:
    """Charge what an instruction waits for before it issues as the older one of its cycle; return the cycles."""
    waits = core.core_left(op, unit, state, rules)
    waited = waits & 255
    cost[waits >> 8] += waited
    flags = max(core.flags_left(op, state) - waited, 0)
    cost[causes.RESULT] += flags
    waited += flags
    stored = max(rules[r.STORE_TO_LOAD] - stored_ago - waited, 0)
    cost[causes.STORE] += stored
    waited += stored
    if op.flags & isa.FP:
        late = max(max(fp.operands_left(op, state), fp.unit_left(op, state, rules)) - waited, 0)
        cost[causes.FP] += late
        waited += late
    fetch = max(_words_needed(op) - state[r.WORDS] - waited, 0)
    cost[causes.FETCH] += fetch
    return waited + fetch


@njit
def _issue(
    op: Any,
    unit: int,
    stored_ago: int,
    state: Any,
    class_cycles: Any,
    class_register_cycles: Any,
    rules: Any,
    cost: Any,
) -> None:
    """Issue an instruction as the older one of a cycle of its own, with all that it waits for.

    `stored_ago` are the cycles since its word of memory was stored to, for a load.
    """
    passed = 1 + state[r.LOCKED]
    r.pass_cycles(state, passed, rules)
    r.pass_cycles(state, _wait(op, unit, stored_ago + passed, state, rules, cost), rules)
    used = _uses(op, unit, state)
    shifter = _shifter(op, unit, state, 0, rules)
    own = _own_cycles(op, class_cycles, class_register_cycles, rules, cost)
    r.pass_cycles(state, own - 1, rules)
    _record(op, unit, shifter, True, state, rules, cost)
    state[r.OPEN] = 0 if _is_alone(op) else used | max(shifter, 0)


@njit
def _misprediction(op: Any, state: Any, rules: Any) -> int:
    """Return the cycles that a branch costs more if it was predicted to go another way."""
    if op.flow == isa.FLOW_NEXT:
        return 0
    if op.klass == _BRANCH_CONDITIONAL or op.flags & isa.CONDITIONAL:
        return rules[r.MISPREDICTED] if state[r.FLAGS] else rules[r.MISPREDICTED_KNOWN]
    if op.klass == _COMPARE_BRANCH or op.flow == isa.FLOW_INDIRECT or op.reads:
        return rules[r.MISPREDICTED]
    return rules[r.MISPREDICTED_DECODED]


@njit
def price(
    ops: Any,
    executed: Any,
    taken: bool,
    state_in: Any,
    class_cycles: Any,
    class_register_cycles: Any,
    rules: Any,
    state_out: Any,
    costs: Any,
) -> int:
    """Price a block whose final branch was predicted as it goes.

    `ops` are decoded columns (`OP_DTYPE`), `taken` says whether the last one branches; `executed` is not looked at,
    because what IT skips takes its time too. `costs` (instructions x causes, int32, zeroed) receives the cycles by
    cause, `state_out` the pipeline at the end and in `MISPREDICTION` what the branch costs more if it was mispredicted.
    Returns the cycles in total.
    """
    state = state_out
    state[:] = state_in
    total = 0
    issued = np.zeros(len(ops), np.int64)  # the cycle of each instruction, from the start of the block
    for index in range(len(ops)):
        op = ops[index]
        cost = costs[index]
        unit = units.unit_of(op)
        now = total - state[r.LOCKED]
        stored_ago = now - issued[index - op.after_store] if op.after_store else _LONG_AGO
        if _joins(op, unit, stored_ago, state, rules):
            shifter = _shifter(op, unit, state, state[r.OPEN], rules)
            _record(op, unit, shifter, False, state, rules, cost)
            state[r.OPEN] = 0
        else:
            _issue(op, unit, stored_ago, state, class_cycles, class_register_cycles, rules, cost)
        if index == len(ops) - 1:
            state[r.MISPREDICTION] = _misprediction(op, state, rules)
            if taken:  # the target is in a word of its own, though it may have been fetched before
                state[r.WORDS] -= _words_needed(op) - _words_used_up(op)
        total += cost.sum()
        issued[index] = total - state[r.LOCKED]
    if len(ops) == 0:
        state[r.MISPREDICTION] = 0
    return total
