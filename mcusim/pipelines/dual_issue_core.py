# SPDX-License-Identifier: Apache-2.0
"""Core registers in the dual-issue pipeline: how long an instruction waits for its operands, and when its results are
there.

A register's entry in the state says for each way of reading it how many cycles are left. Ways differ in the stage that
reads, and in which results are passed on directly to it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.isa import decode as isa
from mcusim.jit import int64, njit
from mcusim.pipelines import causes
from mcusim.pipelines import dual_issue_operands as units
from mcusim.pipelines import dual_issue_rules as r
from mcusim.pipelines.operands import accumulator_of, reads_carry

_NUMBER = isa.CLASS_NUMBER
_DIVIDE, _LOAD_MULTIPLE = _NUMBER["divide"], _NUMBER["load_multiple"]


def _classes(*names: str) -> npt.NDArray[np.bool_]:
    return np.array([name in names for name in isa.CLASSES])


_MULTIPLIES = _classes("multiply", "multiply_accumulate", "multiply_long", "dsp_multiply")


@njit
def multiplies(op: Any) -> bool:
    return _MULTIPLIES[op.klass] and not units.sums_differences(op)


@njit
def _way(op: Any, unit: int) -> int:
    """Return how the ALU or multiplier reads its operands that are neither shifted nor added to."""
    beside = unit == units.INLINE or unit == units.BITS or multiplies(op) or op.klass == _DIVIDE
    return r.READ_BESIDE if beside else r.READ_ALU


@njit
def _cycles_until(op: Any, entry: int, way: int) -> int:
    """Return the cycles until a register can be read in one way by this instruction."""
    left = r.left_of(entry, way)
    condition = entry >> r.CONDITION_SHIFT
    if left and condition and op.flags & isa.CONDITIONAL and (op.condition >> 1) + 1 == condition:
        left -= 1  # the same condition, or its opposite: no detour
    return left


@njit
def _index_register(op: Any) -> int:
    """Return the index register of an address that is a sum of two, as a mask."""
    if not op.flags & isa.REGISTER_OFFSET:
        return 0
    return 1 << (op.opcode >> 6 & 7) if op.size_bytes == 2 else 1 << (op.opcode & 15)


@njit
def core_left(op: Any, unit: int, state: Any, rules: Any) -> int:
    """Return the cycles until the core registers can be read, and in bit 8 and above the cause of the longest wait."""
    if not op.reads:
        return 0
    shifted = units.shifted_reads(op, unit)
    addend = op.reads & accumulator_of(op) if _MULTIPLIES[op.klass] else 0
    index = _index_register(op)
    longest, cause = 0, causes.RESULT
    for number in range(15):
        entry = state[r.CORE + number]
        if entry == 0 or not op.reads >> number & 1:
            continue
        bit = 1 << number
        is_address = op.address_reads & bit != 0
        if is_address:
            left = _cycles_until(op, entry, r.READ_INDEX if index & bit else r.READ_BASE)
        elif op.flags & isa.STORE or op.flow != isa.FLOW_NEXT:
            left = 0  # a store's data is read last; a branch is predicted
        elif op.flags & isa.FP or addend & bit:
            left = _cycles_until(op, entry, r.READ_ADDEND)
        else:
            left = _cycles_until(op, entry, r.READ_SHIFTED if shifted & bit else _way(op, unit))
        if left > longest:
            longest = left
            is_loaded = entry & r.FROM_LOAD != 0
            cause = causes.LOAD if is_loaded else causes.ADDRESS if is_address else causes.RESULT
    return longest | cause << 8


@njit
def flags_left(op: Any, state: Any) -> int:
    """Return the cycles until the flags can be read; branches are predicted."""
    reads = reads_carry(op) or (op.flags & isa.CONDITIONAL and op.flow == isa.FLOW_NEXT)
    return state[r.CARRY] if reads else 0


@njit
def reads_early(op: Any, way: int, state: Any) -> bool:
    """Return whether all operands are there in the first stage, read in one way."""
    late = 0
    for number in range(15):
        if op.reads >> number & 1:
            late |= _cycles_until(op, state[r.CORE + number], way)
    return late == 0


@njit
def moves_too_soon(op: Any, state: Any) -> bool:
    """Return whether a move to the floating-point unit reads what an instruction of the same cycle makes."""
    made = 0
    for number in range(15):
        if op.reads & ~op.address_reads & 1 << number:
            made |= state[r.CORE + number]
    return made != 0


@njit
def _result(stage: int, bypass: int, to_address: int, to_early: int, to_adder: int, rules: Any) -> int:
    """Return the entry of a register that is written at the end of a stage, seen from the cycle of the issue."""
    address = max(stage - rules[r.ADDRESS_READ] + 1 + to_address, 0)
    shifted = max(stage - rules[r.SHIFTED_READ] + 1 + to_early, 0)
    alu = max(stage - rules[r.ALU_READ] + 1, 0)
    addend = max(stage - rules[r.ADDEND_READ] + 1, 0)
    return (
        address << 4 * r.READ_BASE
        | (address + bypass) << 4 * r.READ_INDEX
        | shifted << 4 * r.READ_SHIFTED
        | (shifted + to_adder) << 4 * r.READ_ADDER
        | alu << 4 * r.READ_ALU
        | (alu + bypass) << 4 * r.READ_BESIDE
        | (addend + bypass) << 4 * r.READ_ADDEND
    )


@njit
def _later(entry: int, op: Any, rules: Any) -> int:
    """Return an entry as those see it who do not have the condition of the writer, an instruction in an IT block."""
    extra, longest = rules[r.CONDITIONAL_RESULT], rules[r.NARROW_LOAD_RESULT]
    made = int(op.condition >> 1) + 1 << r.CONDITION_SHIFT
    for way in range(r.WAYS):
        left = r.left_of(entry, way)
        made |= max(left, min(left + extra, longest)) << 4 * way
    return made | entry & r.FROM_LOAD


@njit
def _entry_of(op: Any, unit: int, early: bool, rules: Any) -> int:
    """Return the entry of the registers that an instruction writes, base registers apart."""
    if multiplies(op):
        return _result(rules[r.MULTIPLY_RESULT], 0, rules[r.MULTIPLY_TO_ADDRESS], 0, 0, rules)
    if op.flags & isa.LOAD:
        narrow = op.registers == 0 and not op.flags & isa.FP and units.is_narrow_load(op)
        if narrow:
            return _result(rules[r.NARROW_LOAD_RESULT], 0, 0, 0, 0, rules) | r.FROM_LOAD
        return _result(rules[r.LOAD_RESULT], rules[r.LOAD_BYPASS], 0, 0, 0, rules) | r.FROM_LOAD
    if unit == units.SATURATES or unit == units.CLIPS:
        return _result(rules[r.SATURATED_RESULT], 0, 0, 0, 0, rules)
    if unit == units.REVERSES:
        delay = rules[r.REVERSED_TO_EARLY]
        return _result(rules[r.EARLY_RESULT], 0, delay, delay, 0, rules)
    if op.flags & isa.FP:
        return _result(rules[r.FP_TO_CORE_RESULT], 0, 0, 0, 0, rules)
    if early or op.flow != isa.FLOW_NEXT:
        return _result(rules[r.EARLY_RESULT], 0, 0, 0, 0, rules)
    return _result(rules[r.ALU_RESULT], 0, 0, 0, 0, rules)


@njit
def _loaded_last(op: Any, registers: int, rules: Any) -> int:
    """Return the registers of a load multiple that come in its last cycle, as a mask; the others are there earlier."""
    count = 0
    for number in range(16):
        count += registers >> number & 1
    in_last = count - (count - 1) // rules[r.REGISTERS_PER_CYCLE] * rules[r.REGISTERS_PER_CYCLE]
    last = 0
    for number in range(15, -1, -1):
        if registers >> number & 1 and in_last > 0:
            last |= 1 << number
            in_last -= 1
    return last


@njit
def leave_core(op: Any, unit: int, early: bool, state: Any, rules: Any) -> None:
    """Record when the core registers that an instruction writes can be read."""
    entry = _entry_of(op, unit, early, rules)
    writes = int64(op.writes)
    base = writes & int64(op.address_reads) if op.flags & isa.WRITEBACK else 0
    updated = _result(rules[r.EARLY_RESULT], 0, 0, 0, rules[r.UPDATED_TO_ADDER], rules)
    if op.flags & isa.CONDITIONAL:
        entry, updated = _later(entry, op, rules), _later(updated, op, rules)
    last = writes & ~base
    if op.klass == _LOAD_MULTIPLE:
        last = _loaded_last(op, last, rules)
    for number in range(15):
        bit = 1 << number
        if not writes & bit:
            continue
        made = updated if base & bit else entry
        state[r.CORE + number] = made if (last | base) & bit else r.entry_after(made, 1)
