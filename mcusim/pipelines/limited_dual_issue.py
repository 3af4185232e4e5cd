# SPDX-License-Identifier: Apache-2.0
"""In-order pipelines with two execute stages and limited dual issue: Cortex-M33.

A 16-bit instruction leaves a second slot in its cycle, which a following 16-bit NOP, IT or branch takes. Results of the
second execute stage (loads, shifted operands, multiplies, SIMD) arrive a cycle late for most readers, but in time for
those that read in that stage themselves: the data of a store, the accumulator of a multiply. Branches read early, in
decode. The fetch unit brings one word a cycle into a small buffer.

The state stands at the cycle of the instruction before: time moves on when the next one turns out to need a cycle of
its own. Numbers come from the core's table; the rules' sources stand there, beside each number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.isa import decode as isa
from mcusim.jit import njit
from mcusim.pipelines import causes
from mcusim.pipelines.operands import (
    NO_ACCUMULATOR,
    accumulator_of,
    is_simd_alu,
    is_two_stage_alu,
    makes_flags,
    multiplicands_of,
    reads_carry,
    shifts_register,
    takes_two_for_flags,
)

RULES: tuple[str, ...] = (
    "dual_issue",
    "load_use_cycles",
    "late_result_cycles",
    "late_flags_cycles",
    "branch_operand_cycles",
    "unresolved_branch_cycles",
    "refill_immediate_cycles",
    "refill_register_cycles",
    "refill_load_cycles",
    "move_pair_to_core_cycles",
    "fp_result_cycles",
    "fp_mac_result_cycles",
    "fp_mac_busy_cycles",
    "fp_addend_early_cycles",
    "fp_early_issue_cycles",
    "fp_divide_cycles",
    "fetch_buffer_words",
    "unaligned_transfer_cycles",
)
(
    _DUAL_ISSUE,
    _LOAD_USE,
    _LATE_RESULT,
    _LATE_FLAGS,
    _BRANCH_OPERAND,
    _UNRESOLVED,
    _REFILL_IMMEDIATE,
    _REFILL_REGISTER,
    _REFILL_LOAD,
    _MOVE_PAIR_TO_CORE,
    _FP_RESULT,
    _FP_MAC_RESULT,
    _FP_MAC_BUSY,
    _FP_ADDEND_EARLY,
    _FP_EARLY_ISSUE,
    _FP_DIVIDE,
    _BUFFER_WORDS,
    _UNALIGNED,
) = range(len(RULES))

# The state vector, as seen from the cycle of the instruction before ("now").
_OPEN_SLOT = 0  # it has 16 bits and nothing shares its cycle yet
_LOADED = 1  # core registers loaded now: the next cycle is too early for most
_CHAINED = 2  # from the second execute stage now: as above, but an accumulator takes them
_LATE = 3  # the same, of the kind that no accumulator takes
_MADE = 4  # core registers written now: a branch can read them two cycles from now
_BRANCH_1 = 5  # core registers that arrive late, and that a branch can read a cycle from now
_BRANCH_2 = 6  # two cycles
_BRANCH_3 = 7  # three cycles
_FLAGS = 8  # cycles by which a branch now would be ahead of its flags
_FP_FREE = 9  # cycles until the floating-point unit takes an instruction; 0 where the next cycle is not too early
_FP_REGISTERS = 10  # single registers whose result is on its way (bit 32: the flags)
_FP_LEFT = 11  # cycles until it is there
_FP_KIND = 12  # what made it
_READY = 13  # words in the fetch buffer, the one being decoded included
STATE_SIZE = 14

_KIND_ANY, _KIND_MAC, _KIND_MOVE = range(3)
_FP_FLAGS = 1 << 32

_NUMBER = isa.CLASS_NUMBER
_NOP, _IT = _NUMBER["nop"], _NUMBER["it"]
_BRANCH, _BRANCH_REGISTER = _NUMBER["branch"], _NUMBER["branch_register"]
_BRANCH_CONDITIONAL, _COMPARE_BRANCH = _NUMBER["branch_conditional"], _NUMBER["compare_branch"]
_LOAD_PAIR, _LOAD_MULTIPLE = _NUMBER["load_pair"], _NUMBER["load_multiple"]
_DSP = _NUMBER["dsp"]
_FP_MAC, _FP_COMPARE, _FP_DIVISION = _NUMBER["fp_mac"], _NUMBER["fp_compare"], _NUMBER["fp_divide"]
_FP_STATUS, _FP_MOVE_CORE, _FP_MOVE_PAIR = _NUMBER["fp_status"], _NUMBER["fp_move_core"], _NUMBER["fp_move_pair"]


def _classes(*names: str) -> npt.NDArray[np.bool_]:
    return np.array([name in names for name in isa.CLASSES])


_SECOND_SLOT = _classes("nop", "it", "branch", "branch_conditional", "branch_register", "compare_branch")
_MULTIPLIES = _classes("multiply", "multiply_accumulate", "multiply_long", "dsp_multiply")
_FP_COMPUTES = _classes("fp_alu", "fp_compare", "fp_mac", "fp_divide", "fp_move")
_BARRIERS = _classes("barrier", "instruction_barrier", "system_read", "system_write", "change_state")

Vector = npt.NDArray[np.int64]


def reset_state() -> Vector:
    """Return the state with nothing in flight and the first word on its way."""
    return np.zeros(STATE_SIZE, np.int64)


@njit
def skipping_matters(op: Any) -> bool:
    """Return whether an instruction that IT skips costs later ones less than one that runs, by its result or flags."""
    return _MULTIPLIES[op.klass] or op.klass == _DSP or is_two_stage_alu(op) or is_simd_alu(op)


@njit
def _pass(state: Any, cycles: int, rules: Any) -> None:
    """Let cycles go by."""
    for _ in range(cycles):
        state[_LOADED] = state[_CHAINED] = state[_LATE] = state[_MADE] = 0
        state[_BRANCH_1] = state[_BRANCH_2]
        state[_BRANCH_2] = state[_BRANCH_3]
        state[_BRANCH_3] = 0
        state[_FLAGS] = max(state[_FLAGS] - 1, 0)
        state[_READY] = min(state[_READY] + 1, rules[_BUFFER_WORDS])
    # One cycle is what the next instruction takes to issue anyway.
    state[_FP_FREE] = state[_FP_FREE] - cycles if state[_FP_FREE] - cycles > 1 else 0
    state[_FP_LEFT] -= cycles
    if state[_FP_LEFT] <= 1:
        state[_FP_LEFT] = state[_FP_REGISTERS] = state[_FP_KIND] = 0


@njit
def _pairs(op: Any, state: Any, rules: Any) -> bool:
    """Does this instruction issue beside the one before?"""
    if not (rules[_DUAL_ISSUE] and state[_OPEN_SLOT] and op.size_bytes == 2 and _SECOND_SLOT[op.klass]):
        return False
    if state[_READY] < 1:
        return False
    if op.klass == _BRANCH_REGISTER:
        return not op.reads & (state[_MADE] | state[_BRANCH_1] | state[_BRANCH_2] | state[_BRANCH_3])
    return not op.reads & (state[_LOADED] | state[_CHAINED] | state[_LATE])


@njit
def _late_operands(op: Any, state: Any) -> int:
    """Return the core registers that the instruction reads before they are there."""
    loaded, chained, late = state[_LOADED], state[_CHAINED], state[_LATE]
    if not loaded | chained | late:
        return 0
    if op.flags & isa.STORE:  # its data has time
        return op.address_reads & (loaded | chained | late)
    if (op.klass == _FP_MOVE_CORE or op.klass == _FP_MOVE_PAIR) and op.reads:
        return op.reads & loaded
    accumulator = accumulator_of(op)
    if accumulator == NO_ACCUMULATOR:
        return op.reads & (loaded | chained | late)
    early = multiplicands_of(op) & (loaded | chained | late)
    return early | accumulator & (late if _MULTIPLIES[op.klass] else loaded | late)


@njit
def _wait_for_core(op: Any, runs: bool, state: Any, rules: Any, cost: Any) -> int:
    """Charge what operands and flags make the instruction wait for; return the cycles."""
    waited = 0
    if runs:
        missing = _late_operands(op, state)
        waited = 1 if missing else 0
        cause = causes.LOAD if missing & state[_LOADED] else causes.RESULT
        if op.klass == _BRANCH_REGISTER or (op.flow == isa.FLOW_INDIRECT and not op.flags & isa.LOAD):
            cause = causes.LOAD if op.reads & state[_LOADED] else causes.RESULT
            waited = 2 if op.reads & state[_BRANCH_3] else 1 if op.reads & (state[_BRANCH_2] | state[_MADE]) else 0
        cost[cause] += waited
    uses_flags = op.flags & isa.CONDITIONAL or reads_carry(op)
    if uses_flags and state[_FLAGS] > 1 and not waited and op.flow == isa.FLOW_NEXT:
        cost[causes.RESULT] += rules[_LATE_FLAGS]
        waited = rules[_LATE_FLAGS]
    return waited


@njit
def _wait_for_fp(op: Any, waited: int, state: Any, rules: Any, cost: Any) -> int:
    """Charge what the floating-point unit makes the instruction wait for beyond `waited`.

    Returns 1 where the instruction issues a cycle ahead of its operand.
    """
    wait = max(waited, state[_FP_FREE] - 1)
    reads = op.fp_reads
    if op.klass == _FP_STATUS:
        reads |= _FP_FLAGS
    early = 0
    left = state[_FP_LEFT] - 1 - wait
    if reads & ~op.fp_addend & state[_FP_REGISTERS] and left > 0:
        can_be_early = _FP_COMPUTES[op.klass] and state[_FP_KIND] != _KIND_MOVE
        early = min(left, rules[_FP_EARLY_ISSUE]) if can_be_early else 0
        wait += left - early
    elif op.fp_addend & state[_FP_REGISTERS]:
        wait += max(left - (rules[_FP_ADDEND_EARLY] if state[_FP_KIND] == _KIND_MAC else 0), 0)
    if op.fp_addend & state[_FP_REGISTERS] and early and state[_FP_KIND] != _KIND_MAC:
        wait, early = wait + early, 0  # the same register as multiplicand and as addend
    cost[causes.FP] += wait - waited
    return early


@njit
def _leave_fp(op: Any, early: int, state: Any, rules: Any) -> None:
    """Record when the floating-point unit is free again and when the result is there."""
    busy, left, kind = 0, 0, _KIND_ANY
    if op.klass == _FP_MAC:
        busy, left, kind = rules[_FP_MAC_BUSY], 1 + rules[_FP_MAC_RESULT], _KIND_MAC
    elif op.klass == _FP_DIVISION:
        busy, left = rules[_FP_DIVIDE], 1 + rules[_FP_DIVIDE]
    elif _FP_COMPUTES[op.klass]:
        left = 1 + rules[_FP_RESULT]
    elif op.klass == _FP_MOVE_PAIR and op.reads:
        left, kind = 1 + rules[_FP_RESULT], _KIND_MOVE
    writes = _FP_FLAGS if op.klass == _FP_COMPARE else op.fp_writes
    busy += early
    state[_FP_FREE] = 1 + busy if busy else 0
    shows = left > 1 and writes != 0
    state[_FP_REGISTERS] = writes if shows else 0
    state[_FP_LEFT] = left + early if shows else 0
    state[_FP_KIND] = kind if shows else 0


@njit
def _wait_for_words(op: Any, waited: int, state: Any, rules: Any) -> int:
    """Return how much longer than `waited` the instruction waits for its words."""
    needed = 2 if (op.address & 2) and op.size_bytes == 4 else 1
    return max(needed - min(state[_READY] + 1 + waited, rules[_BUFFER_WORDS]), 0)


@njit
def _own_cycles(op: Any, class_cycles: Any, class_register_cycles: Any, rules: Any, cost: Any) -> int:
    """Charge the instruction's own cycles and return them."""
    words = op.registers
    if op.flags & isa.DOUBLE and op.flags & (isa.LOAD | isa.STORE) and words == 0:
        words = 1  # the second word of VLDR.64 and VSTR.64
    own = class_cycles[op.klass] if class_cycles[op.klass] >= 0 else 1  # no timing: the user let it pass at one cycle
    transfer = class_register_cycles[op.klass] * words
    if takes_two_for_flags(op):
        own += rules[_LATE_FLAGS]
    if op.klass == _FP_MOVE_PAIR and op.writes:
        own += rules[_MOVE_PAIR_TO_CORE]
    total = own + transfer
    if class_register_cycles[op.klass]:
        total = max(total, 1)  # an empty list
    cost[causes.ISSUE] += min(total, 1)
    if own > 1:
        beyond = causes.BARRIER if _BARRIERS[op.klass] else causes.FP if op.flags & isa.FP else causes.ISSUE
        cost[beyond] += own - 1
    cost[causes.TRANSFER] += max(transfer if own else transfer - 1, 0)
    unaligned = rules[_UNALIGNED] * op.further_transfers
    cost[causes.UNALIGNED] += unaligned
    return total + unaligned


@njit
def _last_loaded(op: Any) -> int:
    """Return the register that a load of several loads last, as a mask."""
    if op.klass == _LOAD_PAIR:
        return 1 << (op.opcode >> 8 & 15)
    registers = (op.opcode & 0xFF) if op.size_bytes == 2 else (op.opcode & 0xFFFF)
    if op.size_bytes == 2 and op.writes & 1 << isa.PC:
        registers |= 1 << isa.PC
    last = 1
    while last << 1 <= registers:
        last <<= 1
    return last


@njit
def _leave_core(op: Any, state: Any, rules: Any) -> None:
    """Record the core registers that arrive late, and from when on a branch can read those just written."""
    writes = op.writes & ~(1 << isa.PC)
    base = op.address_reads if op.flags & isa.WRITEBACK else 0
    if op.flags & isa.LOAD:
        late = writes & ~base
        if op.klass == _LOAD_PAIR or op.klass == _LOAD_MULTIPLE:
            late &= _last_loaded(op)
        state[_LOADED] = late if rules[_LOAD_USE] else 0
    elif rules[_LATE_RESULT]:
        if _MULTIPLIES[op.klass] or is_two_stage_alu(op):
            state[_CHAINED] = 0 if takes_two_for_flags(op) else writes
        elif op.klass == _DSP or is_simd_alu(op) or op.klass == _FP_MOVE_CORE or op.klass == _FP_STATUS:
            state[_LATE] = writes
    if rules[_BRANCH_OPERAND]:
        arrives = state[_LOADED] | state[_CHAINED] | state[_LATE]
        state[_BRANCH_3] = arrives
        state[_BRANCH_2] &= ~writes
        state[_BRANCH_1] &= ~writes
        state[_MADE] = writes & ~arrives


@njit
def _refill(op: Any, state: Any, rules: Any) -> int:
    """Return the cycles from a taken branch to its target."""
    if op.flags & isa.LOAD:
        return rules[_REFILL_LOAD]
    cycles = rules[_REFILL_REGISTER] if op.flow == isa.FLOW_INDIRECT else rules[_REFILL_IMMEDIATE]
    if op.flow == isa.FLOW_CALL and op.reads:
        cycles = rules[_REFILL_REGISTER]
    if op.klass == _BRANCH_CONDITIONAL or op.flags & isa.CONDITIONAL:
        cycles += state[_FLAGS] * rules[_UNRESOLVED]
    elif op.klass == _COMPARE_BRANCH and op.reads & (state[_BRANCH_2] | state[_MADE]):
        cycles += rules[_UNRESOLVED]
    return cycles


@njit
def _take(op: Any, state: Any, rules: Any, cost: Any) -> None:
    """Charge a taken branch and restart fetch: the target's word is there in the cycle that comes next."""
    cycles = _refill(op, state, rules)
    cost[causes.BRANCH] += cycles
    _pass(state, cycles, rules)
    state[_READY] = 0
    state[_OPEN_SLOT] = 0


@njit
def _issue(
    op: Any, runs: bool, state: Any, class_cycles: Any, class_register_cycles: Any, rules: Any, cost: Any
) -> None:
    """Issue an instruction in a cycle of its own, with all that it waits for, and record what it leaves in flight."""
    waited = _wait_for_core(op, runs, state, rules, cost)
    early = 0
    if runs and op.flags & isa.FP:
        early = _wait_for_fp(op, waited, state, rules, cost)
        waited += cost[causes.FP]
    fetch = _wait_for_words(op, waited, state, rules)
    cost[causes.FETCH] += fetch
    _pass(state, 1 + waited + fetch, rules)
    state[_READY] -= ((op.address & 2) + op.size_bytes) // 4
    own = 1
    if runs:
        own = _own_cycles(op, class_cycles, class_register_cycles, rules, cost)
    else:
        cost[causes.ISSUE] += 1
    _pass(state, own - 1, rules)
    if runs:
        _leave_core(op, state, rules)
        if op.flags & isa.FP:
            _leave_fp(op, early, state, rules)
        if makes_flags(op):
            state[_FLAGS] = 1 + (rules[_LATE_FLAGS] if shifts_register(op) else 0)
    ends_cycle = op.klass == _IT or op.flow != isa.FLOW_NEXT
    state[_OPEN_SLOT] = 1 if op.size_bytes == 2 and not ends_cycle else 0


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
    """Price a block.

    `ops` are decoded columns (`OP_DTYPE`), `executed` says for each whether it runs (or IT skips it), `taken` whether
    the last one branches. `costs` (instructions x causes, int32, zeroed) receives the cycles by cause, `state_out` the
    pipeline at the end. Returns the cycles in total.
    """
    state = state_out
    state[:] = state_in
    total = 0
    for index in range(len(ops)):
        op = ops[index]
        cost = costs[index]
        runs = executed[index] != 0
        if _pairs(op, state, rules):
            state[_OPEN_SLOT] = 0
            state[_READY] -= ((op.address & 2) + op.size_bytes) // 4
            if op.klass == _BRANCH_REGISTER and op.flow == isa.FLOW_CALL:
                _leave_core(op, state, rules)
        else:
            _issue(op, runs, state, class_cycles, class_register_cycles, rules, cost)
        if taken and index == len(ops) - 1:
            _take(op, state, rules, cost)
        total += cost.sum()
    return total
