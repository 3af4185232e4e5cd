# SPDX-License-Identifier: Apache-2.0
"""The floating-point unit of the dual-issue pipeline: what an instruction waits for, how long it holds the unit, when
its result can be read.

Single precision is pipelined, with an addend that is read later than the factors; a multiply-add keeps additions and
some transfers out for some cycles. Double precision takes the unit for several cycles each. Latencies are between the
cycles of issue, as they were measured.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.isa import decode as isa
from mcusim.jit import njit
from mcusim.pipelines import dual_issue_rules as r

_NUMBER = isa.CLASS_NUMBER
_ALU, _MAC, _DIVISION = _NUMBER["fp_alu"], _NUMBER["fp_mac"], _NUMBER["fp_divide"]
_MOVE, _MOVE_CORE, _MOVE_PAIR = _NUMBER["fp_move"], _NUMBER["fp_move_core"], _NUMBER["fp_move_pair"]
_LOAD, _STORE = _NUMBER["fp_load"], _NUMBER["fp_store"]
_LOAD_MULTIPLE, _STORE_MULTIPLE = _NUMBER["fp_load_multiple"], _NUMBER["fp_store_multiple"]


def _classes(*names: str) -> npt.NDArray[np.bool_]:
    return np.array([name in names for name in isa.CLASSES])


COMPUTES = _classes("fp_alu", "fp_compare", "fp_mac", "fp_divide")
_TRANSFERS = _classes("fp_load", "fp_store", "fp_move", "fp_move_core", "fp_move_pair")
_MULTIPLES = _classes("fp_load_multiple", "fp_store_multiple")


@njit
def is_fused(op: Any) -> bool:
    """Return whether a multiply-add rounds once: VFMA, VFMS, VFNMA, VFNMS."""
    return op.klass == _MAC and op.opcode & 1 << 23 != 0


@njit
def _is_multiply(op: Any) -> bool:
    return op.klass == _ALU and op.opcode & 0xFFB0_0000 == 0xEE20_0000


@njit
def _is_double(op: Any) -> bool:
    return op.flags & isa.DOUBLE != 0


@njit
def is_constant_move(op: Any) -> bool:
    """Return whether this is VMOV of a constant."""
    return op.klass == _MOVE and op.fp_reads == 0


@njit
def is_kept_out(op: Any) -> bool:
    """Return whether a multiply-add that is under way keeps an instruction out of either slot."""
    if COMPUTES[op.klass]:
        return op.klass != _MAC and not _is_multiply(op)
    if _MULTIPLES[op.klass] or is_constant_move(op):
        return True
    return (op.klass == _LOAD or op.klass == _STORE) and _is_double(op)


@njit
def is_transfer(op: Any) -> bool:
    """Return whether this is a load, store or move, which multiply-adds do not pair with once one is under way."""
    return _TRANSFERS[op.klass]


@njit
def _way(op: Any) -> int:
    if op.klass == _STORE or op.klass == _STORE_MULTIPLE:
        return r.FP_READ_STORE
    if op.klass == _MOVE_CORE or op.klass == _MOVE_PAIR:
        return r.FP_READ_CORE
    return r.FP_READ_MOVE if op.klass == _MOVE else r.FP_READ


@njit
def operands_left(op: Any, state: Any) -> int:
    """Return the cycles until all floating-point operands can be read."""
    left = 0
    way, addend_way = _way(op), r.FP_READ_FUSED if is_fused(op) else r.FP_READ_CHAINED
    for number in range(32):
        entry = state[r.FP + number]
        if entry == 0:
            continue
        # A register that is addend and factor at once counts as the addend only if it is not among the factors.
        if op.fp_reads >> number & 1:
            left = max(left, r.left_of(entry, way))
        if op.fp_addend >> number & 1:
            left = max(left, r.left_of(entry, addend_way))
    return left


@njit
def unit_left(op: Any, state: Any, rules: Any) -> int:
    """Return the cycles until the unit takes an instruction as the older one of its cycle."""
    window, kind = state[r.MAC_WINDOW], state[r.MAC_KIND]
    if window == 0:
        return 0
    if kind == r.DOUBLE_MAC:
        return window if op.klass == _ALU and not _is_multiply(op) else 0
    if is_kept_out(op):
        return window
    if kind == r.CHAINED_MAC and is_fused(op):  # a cycle more in the unit, to round between product and sum
        return max(window - rules[r.FP_MAC_WINDOW] + 1, 0)
    return 0


@njit
def busy_cycles(op: Any, state: Any, rules: Any) -> int:
    """Return the cycles that an instruction computes beyond its first, during which nothing more issues."""
    after_mac = state[r.MAC_WINDOW] > 0 and state[r.MAC_KIND] == r.DOUBLE_MAC
    cycles = 1
    if op.klass == _DIVISION:
        is_root = op.opcode & 0x00B0_0000 == 0x00B0_0000
        cycles = rules[r.FP_ROOT] if is_root else rules[r.FP_DIVIDE]
        if _is_double(op):
            cycles = rules[r.DOUBLE_DIVIDE]
    elif not _is_double(op):
        cycles = 1
    elif is_fused(op):
        cycles = rules[r.DOUBLE_FUSED_NEXT] if after_mac else rules[r.DOUBLE_FUSED]
    elif op.klass == _MAC:
        cycles = rules[r.DOUBLE_CHAINED_NEXT] if after_mac else rules[r.DOUBLE_CHAINED]
    elif _is_multiply(op):
        cycles = rules[r.DOUBLE_MULTIPLY_AFTER_MAC] if after_mac else rules[r.DOUBLE_MULTIPLY]
    elif op.klass == _ALU:
        cycles = rules[r.DOUBLE_ADD]
    return cycles - 1


@njit
def _entry(read: int, fused: int, chained: int, store: int, core: int, move: int) -> int:
    return read | fused << 4 | chained << 8 | store << 12 | core << 16 | move << 20


@njit
def _result_entry(op: Any, rules: Any) -> int:
    """Return when each way of reading can have the result, in cycles after the issue."""
    fused, chained = rules[r.FP_ADDEND], rules[r.FP_ADDEND_CHAINED]
    if op.flags & isa.LOAD:
        loaded = rules[r.FP_LOAD]
        return _entry(loaded, fused, chained, loaded, rules[r.FP_LOAD_TO_CORE], loaded)
    if op.klass == _MAC and not _is_double(op):
        if is_fused(op):
            made = rules[r.FP_FUSED_RESULT]
            return _entry(made, fused, chained, rules[r.FP_FUSED_STORE], made, made)
        made = rules[r.FP_CHAINED_RESULT]
        return _entry(made, fused, fused, rules[r.FP_CHAINED_STORE], made, made)
    made = rules[r.FP_RESULT]
    return _entry(made, fused, chained, rules[r.FP_STORE], made, made)


@njit
def leave_fp(op: Any, state: Any, rules: Any) -> None:
    """Record when results can be read, and what keeps the unit. Called in the cycle in which the instruction issues."""
    entry = _result_entry(op, rules)
    for number in range(32):
        if op.fp_writes >> number & 1:
            state[r.FP + number] = entry
    if op.klass != _MAC:
        return
    if _is_double(op):
        # Counted from when nothing is locked any more.
        state[r.MAC_WINDOW] = rules[r.DOUBLE_MAC_WINDOW] + state[r.LOCKED] + 1
        state[r.MAC_KIND] = r.DOUBLE_MAC
    else:
        state[r.MAC_WINDOW] = rules[r.FP_MAC_WINDOW] + 1
        state[r.MAC_KIND] = r.FUSED_MAC if is_fused(op) else r.CHAINED_MAC
