# SPDX-License-Identifier: Apache-2.0
"""In-order, single-issue pipelines: Cortex-M0+, M3, M4.

One instruction issues a cycle, and what holds it up is added by cause. A load's data cycle is not charged at the load
but left *open*: the next instruction either hides it (another load, pipelined) or pays for it. The fetch unit runs
beside: a small buffer of words, one request a cycle, two cycles from request to use; an instruction waits until its
words are there. Numbers come from the core's table; the rules' sources stand there, beside each number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.isa import decode as isa
from mcusim.jit import njit
from mcusim.pipelines import causes
from mcusim.pipelines import fetch_unit as fetch

RULES: tuple[str, ...] = (
    "load_data_cycles",
    "pipelined_accesses",
    "written_base_follows",
    "pipelined_in_one_memory",
    "nop_hides_data_cycle",
    "store_hides_data_cycle",
    "load_after_store_cycles",
    "register_offset_store_cycles",
    "address_cycles",
    "unaligned_transfer_cycles",
    "refill_immediate_cycles",
    "refill_register_cycles",
    "refill_link_cycles",
    "refill_compare_cycles",
    "refill_sum_cycles",
    "refill_load_cycles",
    "fold_it",
    "fp_result_cycles",
    "fp_divide_cycles",
    "fetch_buffer_words",
    "not_taken_fetch_slots",
    "wide_run_stall_cycles",
    "accumulate_overlap_cycles",
    "fetches_target_ahead",
    "chained_store_cycles",
    "control_write_cycles",
    "system_fetch_cycles",
)
(
    _LOAD_DATA,
    _PIPELINED,
    _WRITTEN_BASE_FOLLOWS,
    _ONE_PLACE,
    _NOP_HIDES,
    _STORE_HIDES,
    _LOAD_AFTER_STORE,
    _REGISTER_OFFSET_STORE,
    _ADDRESS,
    _UNALIGNED,
    _REFILL_IMMEDIATE,
    _REFILL_REGISTER,
    _REFILL_LINK,
    _REFILL_COMPARE,
    _REFILL_SUM,
    _REFILL_LOAD,
    _FOLD_IT,
    _FP_RESULT,
    _FP_DIVIDE,
    _BUFFER_WORDS,
    _NOT_TAKEN_SLOTS,
    _WIDE_RUN_STALL,
    _ACCUMULATE_OVERLAP,
    _TARGET_AHEAD,
    _CHAINED_STORE,
    _CONTROL_WRITE,
    _SYSTEM_FETCH,
) = range(len(RULES))

# The state vector: what is still in flight between two instructions; 8, 9, 15, 19, 21 and 22 are the fetch unit's.
_OPEN = 0  # an access whose data cycle is open: none, a load, a store with register offset
_OPEN_REGISTERS = 1  # core registers the open load writes
_OPEN_PLACE = 2  # memory block that the open load reads; 0: unknown
_OPEN_BASE = 3  # register, as a mask, that the open load writes back, or those of the store's address
_ALU_REGISTERS = 4  # core registers written by the data-processing instruction just before
_FP_REGISTERS = 5  # single registers written by the floating-point arithmetic just before
_FP_BUSY = 6  # cycles until a divide or square root is done
_NARROW = 7  # the instruction just before has 16 bits: IT can fold onto it
_LONG_HIGH = 10  # high register, as a mask, of the long multiply just before
_SLOW = 11  # the instruction just before took more than one cycle
_WRITING = 12  # cycles for which the write buffer keeps the bus busy
_AT_PLACE = 13  # memory that was accessed last over the system bus
_AT_LATE = 14  # by how many cycles that one is late
_STORE_BASE = 16  # base register, as a mask, that the store just before writes back
_STORE_LATE = 17  # by how many cycles the store just before, which came to an idle bus, keeps it longer
_WAITED_LATE = 18  # by how many cycles the load just before was late
_GRANTED = 20  # the store just before has left its memory to a load that follows at once
STATE_SIZE = 23

_NONE, _OPEN_LOAD, _OPEN_OFFSET_STORE = range(3)

_NUMBER = isa.CLASS_NUMBER
_SIMPLE_LOADS = np.array([name in ("load", "load_exclusive", "fp_load") for name in isa.CLASSES])
_SIMPLE_STORES = np.array([name in ("store", "store_exclusive", "fp_store") for name in isa.CLASSES])
_FP_LATE = np.array([name in ("fp_alu", "fp_mac", "fp_divide") for name in isa.CLASSES])
_DATA_PROCESSING = np.array(
    [name in ("alu", "dsp", "dsp_multiply", "multiply", "multiply_accumulate", "multiply_long", "divide")
     for name in isa.CLASSES]
)  # fmt: skip
_BARRIERS = np.array(
    [name in ("barrier", "instruction_barrier", "system_read", "system_write", "change_state") for name in isa.CLASSES]
)
_NOP, _IT, _ISB, _FP_DIVISION = (_NUMBER[name] for name in ("nop", "it", "instruction_barrier", "fp_divide"))
_BRANCH_CONDITIONAL, _COMPARE_BRANCH = _NUMBER["branch_conditional"], _NUMBER["compare_branch"]
_ALU, _MULTIPLY_LONG, _MULTIPLY_ACCUMULATE = _NUMBER["alu"], _NUMBER["multiply_long"], _NUMBER["multiply_accumulate"]
_SYSTEM_WRITE, _CONTROL = _NUMBER["system_write"], 20  # MSR's SYSm (B5.2.3)
_STORES_SEVERAL = np.array([name in ("store_multiple", "store_pair", "fp_store_multiple") for name in isa.CLASSES])
_CODE_PLACE = 1  # a board's first memory is its flash, which is read over the code buses
_LINK, _STACK = 1 << isa.LR, 1 << isa.SP
_SUBTRACTS = 1 << 4  # MLS, where MLA has 0 (A7.7.74, A7.7.75)
_LONG_ACCUMULATES = 1 << 22  # SMLAL and UMLAL, where SMULL and UMULL have 0 (A5.3.17)

Vector = npt.NDArray[np.int64]


def reset_state() -> Vector:
    """Return the state with nothing in flight and the first words fetched."""
    state = np.zeros(STATE_SIZE, np.int64)
    state[fetch.READY] = state[fetch.REQUESTED] = 1
    return state


def skipping_matters(_op: Any) -> bool:
    """Return whether an instruction that IT skips costs later ones less than one that runs: never by its result."""
    return False


@njit
def _hides_data_cycle(op: Any, runs: bool, state: Any, rules: Any) -> bool:
    """Does this instruction hide the data cycle of the open load?"""
    if op.klass == _NOP:
        return rules[_NOP_HIDES] != 0
    if not runs or not rules[_PIPELINED]:
        return False
    if _SIMPLE_STORES[op.klass] and rules[_STORE_HIDES]:
        return not op.address_reads & state[_OPEN_REGISTERS]
    if not _SIMPLE_LOADS[op.klass] or op.address_reads & state[_OPEN_REGISTERS]:
        return False
    if state[_OPEN_BASE] & op.address_reads and not rules[_WRITTEN_BASE_FOLLOWS]:
        return False
    if op.flags & isa.WRITEBACK and not rules[_WRITTEN_BASE_FOLLOWS]:
        return False
    # Two accesses that both write back the same base do not chain.
    return not (op.flags & isa.WRITEBACK and state[_OPEN_BASE] & op.address_reads)


@njit
def _access_stalls(op: Any, runs: bool, state: Any, rules: Any, cost: Any) -> None:
    """Charge what earlier accesses and address generation make this instruction wait for."""
    is_open = state[_OPEN]
    follows = False  # another access, so closely that the memory is ready for it
    if is_open == _OPEN_LOAD:
        follows = _hides_data_cycle(op, runs, state, rules)
        elsewhere = follows and _is_elsewhere(op, state, rules)
        if not follows or elsewhere:
            cost[causes.LOAD] += rules[_LOAD_DATA]
        if elsewhere and (op.place == _CODE_PLACE or state[_OPEN_PLACE] == _CODE_PLACE):
            follows = False  # another bus, which was not asked for anything
    elif is_open == _OPEN_OFFSET_STORE and op.klass != _NOP:
        cost[causes.STORE] += rules[_REGISTER_OFFSET_STORE]
        if runs and op.writes & state[_OPEN_BASE] and not op.flags & (isa.LOAD | isa.STORE):
            cost[causes.MEMORY] += state[_STORE_LATE]  # its address is read until memory takes it
    if runs and op.address_reads & state[_ALU_REGISTERS]:
        cost[causes.ADDRESS] += rules[_ADDRESS]
    if runs and op.flags & (isa.LOAD | isa.STORE):
        _bus_stalls(op, follows, state, rules, cost)


@njit
def _is_elsewhere(op: Any, state: Any, rules: Any) -> bool:
    """Does this load read another memory than the open one? Then it waits for that one, while its own gets ready."""
    known = op.place != 0 and state[_OPEN_PLACE] != 0
    return bool(op.flags & isa.LOAD and known and op.place != state[_OPEN_PLACE] and rules[_ONE_PLACE])


@njit
def _bus_stalls(op: Any, follows: bool, state: Any, rules: Any, cost: Any) -> None:
    """Charge waiting for the write buffer, and for memory that answers late.

    A load waits until the store before it has left the buffer. A store needs the buffer only, whose last cycle on the
    bus is the one in which the next store is put into it; but one that came to an idle bus keeps it longer where memory
    is late, and so does the first word of several. Flash is read over other buses, whatever the system bus does.
    """
    waited = cost[causes.LOAD] + cost[causes.STORE] + cost[causes.ADDRESS]
    writing = max(state[_WRITING] - waited, 0)
    if op.flags & isa.LOAD:
        cost[causes.MEMORY if state[_STORE_LATE] and state[_OPEN] == _OPEN_OFFSET_STORE else causes.STORE] += writing
        granted = state[_GRANTED] and op.place == state[_AT_PLACE] and waited + cost[causes.FETCH] == 0
        if not follows and writing == 0 and not granted:
            same = op.place in (state[_AT_PLACE], _CODE_PLACE)
            cost[causes.MEMORY] += op.late_cycles if same else max(op.late_cycles, state[_AT_LATE])
    elif _SIMPLE_STORES[op.klass] and op.flags & isa.WRITEBACK and op.address_reads & state[_STORE_BASE]:
        cost[causes.STORE] += rules[_CHAINED_STORE]  # and the write buffer is free by then
    elif state[_WRITING]:
        cost[causes.MEMORY] += state[_STORE_LATE]
    elif _STORES_SEVERAL[op.klass] and not op.address_reads & _STACK:
        cost[causes.MEMORY] += op.late_cycles


@njit
def _fp_stalls(op: Any, state: Any, rules: Any, cost: Any) -> None:
    """Charge waiting for the floating-point unit, or for the result just before (an addend is needed a cycle later)."""
    if not op.flags & isa.FP:
        return
    cost[causes.FP] += state[_FP_BUSY]
    if (op.fp_reads & ~op.fp_addend) & state[_FP_REGISTERS]:
        cost[causes.FP] += rules[_FP_RESULT]


@njit
def _refill(op: Any, state: Any, rules: Any) -> int:
    """Return the cycles until the target's first word: few where the address is known when the branch is decoded."""
    if op.flags & isa.LOAD:
        return rules[_REFILL_LOAD]
    if op.klass == _COMPARE_BRANCH:
        return rules[_REFILL_COMPARE]
    if op.flow == isa.FLOW_INDIRECT or (op.flow == isa.FLOW_CALL and op.reads):
        if op.reads & ~_LINK == 0:  # BX LR, BLX LR, MOV PC, LR
            written = (state[_ALU_REGISTERS] | state[_OPEN_REGISTERS]) & _LINK
            return rules[_REFILL_REGISTER] if written else rules[_REFILL_LINK]
        return rules[_REFILL_SUM] if op.reads >> isa.PC & 1 else rules[_REFILL_REGISTER]
    return rules[_REFILL_IMMEDIATE]


@njit
def _overlap(op: Any, state: Any, rules: Any) -> int:
    """Return the cycles that MLA saves where its addend is the high word of the long multiply just before."""
    if op.klass != _MULTIPLY_ACCUMULATE or op.opcode & _SUBTRACTS:
        return 0
    addend, factors = 1 << (op.opcode >> 12 & 15), 1 << (op.opcode >> 16 & 15) | 1 << (op.opcode & 15)
    return rules[_ACCUMULATE_OVERLAP] if state[_LONG_HIGH] & addend & ~factors else 0


@njit
def _issue(
    op: Any, runs: bool, state: Any, rules: Any, class_cycles: Any, class_register_cycles: Any, cost: Any
) -> None:
    """Charge the instruction's own cycles. One that IT skips takes one."""
    if not runs:
        cost[causes.ISSUE] += 1
        return
    own = class_cycles[op.klass] if class_cycles[op.klass] >= 0 else 1  # no timing: the user let it pass at one cycle
    own -= _overlap(op, state, rules)
    cost[causes.ISSUE] += min(own, 1)
    cost[causes.BARRIER if _BARRIERS[op.klass] else causes.FP if op.flags & isa.FP else causes.ISSUE] += max(own - 1, 0)
    if op.klass == _SYSTEM_WRITE and op.opcode & 0xFF == _CONTROL:
        cost[causes.BARRIER] += rules[_CONTROL_WRITE]
    cost[causes.UNALIGNED] += rules[_UNALIGNED] * op.further_transfers
    words = op.registers
    if op.flags & isa.DOUBLE and op.flags & (isa.LOAD | isa.STORE) and words == 0:
        words = 1  # the second word of VLDR.64 and VSTR.64
    cost[causes.TRANSFER] += class_register_cycles[op.klass] * words


@njit
def _keep_bus(op: Any, runs: bool, cycles: int, state: Any, rules: Any, cost: Any) -> None:
    """Record how long a store keeps the bus from what follows.

    It keeps it from a load for a cycle after its own, and late memory is as late as it is after an idle cycle only. A
    store that hides a load's data cycle comes to the bus right behind it: its memory is ready, and if the load was late
    the store has been on the bus while that one waited. With register offset it comes a cycle later, after an idle one.
    """
    behind_load = state[_OPEN] == _OPEN_LOAD and cost[causes.LOAD] == 0 and op.place == state[_OPEN_PLACE]
    idle = state[_WRITING] == 0 and not behind_load
    waited_late = state[_WAITED_LATE]
    state[_WRITING] = max(state[_WRITING] - cycles, 0)
    state[_STORE_LATE] = 0
    state[_GRANTED] = 0
    state[_WAITED_LATE] = cost[causes.MEMORY] if op.flags & isa.LOAD else 0
    if not runs or not op.flags & isa.STORE:
        return
    state[_WRITING] = rules[_LOAD_AFTER_STORE]
    if not _SIMPLE_STORES[op.klass]:
        return
    if op.flags & isa.REGISTER_OFFSET:
        state[_STORE_LATE] = op.late_cycles
        state[_WRITING] += op.late_cycles
    elif idle:
        state[_STORE_LATE] = op.late_cycles
    elif behind_load and waited_late:
        state[_WRITING] = max(state[_WRITING] - waited_late, 0)
        state[_GRANTED] = 1


@njit
def _leave_open(op: Any, runs: bool, state: Any, rules: Any) -> None:
    """Record what this instruction leaves in flight."""
    state[_OPEN] = _NONE
    state[_OPEN_REGISTERS] = 0
    state[_OPEN_PLACE] = 0
    state[_OPEN_BASE] = 0
    state[_ALU_REGISTERS] = 0
    state[_FP_REGISTERS] = 0
    state[_LONG_HIGH] = 0
    state[_STORE_BASE] = 0
    if not runs:
        return
    if _SIMPLE_LOADS[op.klass]:
        state[_OPEN] = _OPEN_LOAD
        state[_OPEN_REGISTERS] = op.writes
        state[_OPEN_PLACE] = op.place
        if op.flags & isa.WRITEBACK:
            state[_OPEN_REGISTERS] = op.writes & ~op.address_reads
            state[_OPEN_BASE] = op.address_reads
    elif _SIMPLE_STORES[op.klass]:
        if op.flags & isa.REGISTER_OFFSET:
            state[_OPEN] = _OPEN_OFFSET_STORE
            state[_OPEN_BASE] = op.address_reads
        if op.flags & isa.WRITEBACK:
            state[_STORE_BASE] = op.address_reads
    elif _DATA_PROCESSING[op.klass]:
        state[_ALU_REGISTERS] = op.writes
        if op.klass == _MULTIPLY_LONG and not op.opcode & _LONG_ACCUMULATES and rules[_ACCUMULATE_OVERLAP]:
            state[_LONG_HIGH] = 1 << (op.opcode >> 8 & 15)
    if _FP_LATE[op.klass]:
        state[_FP_REGISTERS] = op.fp_writes


@njit
def _after_branch(state: Any) -> None:
    """Restart fetch at a branch target: its word is there, the next one asked for; no access is open."""
    state[_OPEN] = _NONE
    state[_OPEN_REGISTERS] = 0
    state[_OPEN_PLACE] = 0
    state[_OPEN_BASE] = 0
    state[_ALU_REGISTERS] = 0
    state[_LONG_HIGH] = 0
    state[_STORE_BASE] = 0
    state[_STORE_LATE] = 0
    state[_WAITED_LATE] = 0
    state[_GRANTED] = 0
    state[_SLOW] = 0
    state[fetch.WIDE_RUN] = 0
    state[fetch.READY] = 1
    state[fetch.REQUESTED] = 1
    state[fetch.RESTARTED] = 1
    state[fetch.FETCHING] = 0
    state[_NARROW] = 0


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
    words = rules[_BUFFER_WORDS]
    fetch_cycles = rules[_SYSTEM_FETCH]
    shares = bool(words and fetch_cycles and len(ops) and ops[0].address >= isa.SYSTEM_SPACE)
    if shares:
        fetch_cycles += ops[0].fetch_late_cycles
        fetch.enter_shared(state, fetch_cycles)
    state[fetch.RESTARTED] = 0
    for index in range(len(ops)):
        op = ops[index]
        cost = costs[index]
        runs = executed[index] != 0
        if shares:
            cost[causes.SRAM_FETCH] += fetch.await_words_shared(op, state, words, fetch_cycles)
        elif words:
            cost[causes.FETCH] += fetch.await_words(op, state, words)
        _access_stalls(op, runs, state, rules, cost)
        _fp_stalls(op, state, rules, cost)
        waited = cost[causes.LOAD] + cost[causes.STORE] + cost[causes.ADDRESS] + cost[causes.FP] + cost[causes.MEMORY]
        is_late = op.flags & isa.LOAD != 0 and cost[causes.MEMORY] > 0 and cost[causes.FETCH] == 0
        if not shares:
            cost[causes.FETCH] += fetch.wide_run(op, waited, is_late, state, rules[_WIDE_RUN_STALL])
        folded = op.klass == _IT and state[_NARROW] and rules[_FOLD_IT]
        if not folded:
            _issue(op, runs, state, rules, class_cycles, class_register_cycles, cost)
        branches = taken and index == len(ops) - 1
        if branches:
            cost[causes.BRANCH] += _refill(op, state, rules)
            if _SIMPLE_LOADS[op.klass]:
                cost[causes.LOAD] += rules[_LOAD_DATA]  # the target cannot hide it: it is the target's address
        cycles = cost.sum()
        total += cycles
        fetched = cost[causes.FETCH] + cost[causes.SRAM_FETCH]
        own_cycles = cycles - waited - fetched  # what it waited is time of those before it
        if shares:
            fetch.consume_shared(op, runs, state, words, waited, own_cycles, fetch_cycles)
        elif words:
            fetch.tick(state, waited, words)
            falls_through = op.klass in (_BRANCH_CONDITIONAL, _COMPARE_BRANCH) and not branches
            slots = rules[_NOT_TAKEN_SLOTS] if falls_through else 0
            fetch.consume(op, state, words, own_cycles, slots)
        state[_FP_BUSY] = max(state[_FP_BUSY] - cycles, 0)
        if runs and op.klass == _FP_DIVISION:
            state[_FP_BUSY] = rules[_FP_DIVIDE]
        _keep_bus(op, runs, cycles, state, rules, cost)
        _leave_open(op, runs, state, rules)
        if runs and op.flags & (isa.LOAD | isa.STORE) and not op.flags & isa.LITERAL and op.place != 1:
            state[_AT_PLACE] = op.place
            state[_AT_LATE] = op.late_cycles
        state[_NARROW] = 1 if op.size_bytes == 2 else 0
        slow = state[_SLOW] or waited
        if own_cycles > 1 and rules[_WIDE_RUN_STALL] and op.klass != _ISB:  # ISB leaves no full buffer
            state[fetch.WIDE_RUN] = 1
            state[fetch.LATE_RUN] = 1 if is_late else 0
        state[_SLOW] = 1 if rules[_TARGET_AHEAD] and own_cycles > 1 else 0
        if branches:
            in_decode = cost[causes.BRANCH] == rules[_REFILL_IMMEDIATE]
            _after_branch(state)
            if rules[_TARGET_AHEAD] and slow and in_decode:
                state[fetch.READY] = 2  # fetched while the branch waited in decode
    return total
