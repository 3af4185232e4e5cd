# SPDX-License-Identifier: Apache-2.0
"""The hot path: what happens natively each time the engine enters a block.

    settle   the block that has just ended is charged: its price is looked up, counted, and moves the clock
    check    is something due? does the new block exist?
    follow   the call tree moves: calls push, returns pop, jumps into another function are tail calls

Where only settling has to happen between two blocks, the first one's outcome is linked to the second one's entry, and
the hook is no more than a compare, two additions and three stores.

Each step either completes or leaves everything as it was, sets `stop_reason` and stops the engine; Python mends what is
missing and resumes at the same address, where the hook fires again. So nothing is ever charged twice.
"""

from __future__ import annotations

from typing import Any

from unicorn import arm_const
from unicorn.unicorn_py3 import unicorn as binding

from mcusim.engine import tables as t
from mcusim.isa.decode import FLOW_CALL, FLOW_INDIRECT, FLOW_NEXT, SP
from mcusim.jit import (
    as_pointer,
    carray,
    external,
    int32,
    int64,
    native_callback,
    njit,
    pointer,
    symbol_address,
    uint32,
    uint64,
    void,
)

LIBRARY = binding.uclib
_reg_read = external("mcusim_uc_reg_read", symbol_address(LIBRARY, "uc_reg_read"), int32, pointer, int32, pointer)
_emu_stop = external("mcusim_uc_emu_stop", symbol_address(LIBRARY, "uc_emu_stop"), int32, pointer)

REG_SP = arm_const.UC_ARM_REG_SP
REG_CPSR = arm_const.UC_ARM_REG_CPSR
REG_R0 = arm_const.UC_ARM_REG_R0

# Names that compiled code reads as constants.
MACHINE, BLOCK, ENTRY, OUTCOME, NODE, FRAME = t.MACHINE, t.BLOCK, t.ENTRY, t.OUTCOME, t.NODE, t.FRAME
DIVISION, INDEX = t.DIVISION, t.INDEX
HASH = t.HASH_MULTIPLIER


@njit
def _register(m: Any, number: int) -> int:
    """Read a register of the engine (its own numbering), as an unsigned 32-bit value."""
    _reg_read(as_pointer(m.uc), int32(number), as_pointer(m.scratch))
    return int64(carray(as_pointer(m.scratch), (1,), uint32)[0])


@njit
def _core_register(m: Any, number: int) -> int:
    if number == SP:
        return _register(m, REG_SP)
    return _register(m, REG_R0 + number)  # divisions use r0 to r12 and r14 only; r13 stands apart in the engine


@njit
def _stop(m: Any, reason: int) -> None:
    m.stop_reason = reason  # while the engine stands still, stopping it does nothing
    _emu_stop(as_pointer(m.uc))


@njit
def _condition_holds(cpsr: int, condition: int) -> int:
    """Return 1 if a condition code holds for these flags (Armv7-M ARM, A7.3)."""
    n, z, c, v = cpsr >> 31 & 1, cpsr >> 30 & 1, cpsr >> 29 & 1, cpsr >> 28 & 1
    base = condition >> 1
    if base == 0:
        result = z
    elif base == 1:
        result = c
    elif base == 2:
        result = n
    elif base == 3:
        result = v
    elif base == 4:
        result = c & (1 - z)
    elif base == 5:
        result = 1 if n == v else 0
    elif base == 6:
        result = (1 if n == v else 0) & (1 - z)
    else:
        return 1
    return result ^ (condition & 1)


@njit
def _predicates(m: Any, block: Any, taken: int) -> int:
    """Return one bit for each IT group of the block: did its first condition hold?"""
    cpsr = int64(-1)
    bits = 0
    for index in range(block.predicate_count):
        condition = block.predicates[index] & 15
        how = block.predicates[index] >> 4
        held = 1
        if how == t.BY_BRANCH:
            held = taken
        elif how == t.BY_FLAGS:
            if cpsr < 0:
                cpsr = _register(m, REG_CPSR)
            held = _condition_holds(cpsr, condition)
        else:
            probes = carray(as_pointer(m.probes), (t.MAX_PROBES,), t.PROBE)
            held = _condition_holds(probes[block.predicate_probes[index]].flags, condition)
        bits |= held << index
    return bits


@njit
def _bits(value: int) -> int:
    count = 0
    while value:
        value >>= 1
        count += 1
    return count


@njit
def division_cycles(dividend: int, divisor: int, signed: int) -> int:
    """Cycles of SDIV/UDIV on Cortex-M3/M4 by operand: 2..12.

    Source: cycle counts measured with DWT on a Cortex-M4, compendium.i-0.nl "division", in the range that the TRM gives
    (DDI 0439D table 3-1, 2 to 12, early termination).
    """
    if signed:
        dividend = abs(dividend - (1 << 32)) if dividend >> 31 else dividend
        divisor = abs(divisor - (1 << 32)) if divisor >> 31 else divisor
    if dividend == 0 or divisor == 0:
        return 2
    difference = _bits(dividend) - _bits(divisor)
    return 3 if difference < 0 else 5 + difference // 4


@njit
def _division_extra(m: Any, block: Any) -> int:
    """Add up what the block's divisions take beyond the two cycles that its price holds."""
    divisions = carray(as_pointer(m.divisions), (m.division_capacity,), DIVISION)
    extra = 0
    for index in range(block.first_division, block.first_division + block.division_count):
        division = divisions[index]
        if division.dividend >= 0:
            cycles = division_cycles(
                _core_register(m, division.dividend), _core_register(m, division.divisor), division.signed
            )
            division.extra_cycles += cycles - 2
            extra += cycles - 2
        division.count += 1
    return extra


@njit
def _find_entry(m: Any, block: Any, state: int, predicates: int) -> int:
    entries = carray(as_pointer(m.entries), (m.entry_capacity,), ENTRY)
    number = int64(block.first_entry)
    while number >= 0:
        if entries[number].state == state and entries[number].predicates == predicates:
            return number
        number = int64(entries[number].next)
    return number


@njit
def _want_entry(m: Any, block_number: int, state: int, predicates: int) -> None:
    m.wanted_block = block_number
    m.wanted_state = state
    m.wanted_predicates = predicates
    _stop(m, t.NEW_ENTRY)


@njit
def _settle(m: Any, address: int) -> bool:
    """Charge the block that has ended, now that we see where control went. False: its price must be found first."""
    number = m.current_entry
    entry = carray(as_pointer(m.entries), (m.entry_capacity,), ENTRY)[number]
    block_number = int64(entry.block)
    block = carray(as_pointer(m.blocks), (m.block_capacity,), BLOCK)[block_number]
    flags = block.flags
    taken = 1 if (flags & t.ENDS_IN_BRANCH) and address != block.end else 0
    if flags & t.PREDICATED:
        predicates = _predicates(m, block, taken)
        number = _find_entry(m, block, int64(entry.state), predicates)
        if number < 0:
            _want_entry(m, block_number, int64(entry.state), predicates)
            return False
    index = 2 * number + taken
    outcome = carray(as_pointer(m.outcomes), (m.outcome_capacity,), OUTCOME)[index]
    if outcome.cycles < 0:
        m.wanted_outcome = index
        _stop(m, t.NEW_PRICE)
        return False
    outcome.count += 1
    m.clock_cycles += outcome.cycles
    if flags & t.DIVIDES and m.divide_model:
        m.clock_cycles += _division_extra(m, block)
    m.state = outcome.exit_state
    m.flow = block.flow if taken else FLOW_NEXT
    m.return_address = block.end
    m.last_block = block_number
    m.last_outcome = -1 if flags & t.NEVER_LINKED else index
    m.current_entry = -1
    if flags & t.ASSUMES:
        block.assumed_runs += 1
        if block.assumed_runs == t.RUNS_BEFORE_PROBE:
            _stop(m, t.WANTS_PROBE)
    if flags & t.IDLE_LOOP and address == block.start:
        _stop(m, t.IDLE)
    elif flags & t.CHANGES_MASK and m.masked_pending:
        _stop(m, t.UNMASKED)
    return True


@njit
def settle(machine: Any, address: int) -> bool:
    """Charge the current block from Python, when control went to `address` while the engine stood still."""
    return _settle(machine[0], address)


@njit
def _slot(key: int, mask: int) -> int:
    return int64((uint64(key) * uint64(HASH)) >> uint64(40)) & mask


@njit
def _find_block(m: Any, start: int, size_bytes: int) -> int:
    key = start | size_bytes << 32
    mask = m.block_index_mask
    index = carray(as_pointer(m.block_index), (mask + 1,), INDEX)
    slot = _slot(key, mask)
    while index[slot].key != key:
        if index[slot].key == t.NO_KEY:
            return int64(-1)
        slot = (slot + 1) & mask
    return index[slot].id


@njit
def checksum(host_address: int, size_bytes: int) -> int:
    """Return a checksum (FNV-1a over halfwords) of code in our memory."""
    code = carray(as_pointer(host_address), (size_bytes // 2,), t.HALFWORD)
    value = uint64(0xCBF2_9CE4_8422_2325)
    for index in range(size_bytes // 2):
        value = (value ^ uint64(code[index])) * uint64(0x0000_0100_0000_01B3)
    return value


@njit
def _move_to(m: Any, node: int) -> None:
    """Make a node the current one, and give the old one the cycles since it became current."""
    nodes = carray(as_pointer(m.nodes), (m.node_capacity,), NODE)
    nodes[m.node].self_cycles += m.clock_cycles - m.node_since_cycles
    m.node_since_cycles = m.clock_cycles
    m.node = node
    m.function = nodes[node].function


@njit
def move_to(machine: Any, node: int) -> None:
    """Make a node the current one, from Python."""
    _move_to(machine[0], node)


@njit
def _enter_child(m: Any, parent: int, function: int) -> None:
    """Make the node of `function` below `parent` the current one. There is room for a new node."""
    nodes = carray(as_pointer(m.nodes), (m.node_capacity,), NODE)
    child = int64(nodes[parent].last_child)
    if child < 0 or nodes[child].function != function:
        key = parent << 32 | function
        mask = m.child_index_mask
        index = carray(as_pointer(m.child_index), (mask + 1,), INDEX)
        slot = _slot(key, mask)
        while index[slot].key != key:
            if index[slot].key == t.NO_KEY:
                index[slot].key = key
                index[slot].id = m.node_count
                node = nodes[m.node_count]
                node.function = function
                node.parent = parent
                node.last_child = -1
                node.kind = t.KIND_CALL
                m.node_count += 1
                break
            slot = (slot + 1) & mask
        child = index[slot].id
        nodes[parent].last_child = child
    nodes[child].calls += 1
    _move_to(m, child)


@njit
def _tail(m: Any, function: int) -> None:
    """Control moved to another function without a call.

    It may be coming back to one that is still active in this activation (a cold part jumping back); else it is a tail
    call, and both return together.
    """
    nodes = carray(as_pointer(m.nodes), (m.node_capacity,), NODE)
    base = int64(-1)
    if m.depth > 0:
        base = int64(carray(as_pointer(m.frames), (m.frame_capacity,), FRAME)[m.depth - 1].node)
    node = m.node
    while node >= 0 and node != base:
        if nodes[node].function == function:
            _move_to(m, node)
            return
        node = int64(nodes[node].parent)
    _enter_child(m, m.node, function)


@njit
def _unwind(m: Any, address: int, function: int) -> None:
    """Pop the frames that a return, or a longjmp, has left: those deeper than SP, and the one that returns here.

    A longjmp may also land elsewhere in the caller of a frame, at the SP that the caller had: `function` is then the
    caller's; -1 where it is not known or its entry is where control goes (a tail call).
    """
    nodes = carray(as_pointer(m.nodes), (m.node_capacity,), NODE)
    frames = carray(as_pointer(m.frames), (m.frame_capacity,), FRAME)
    sp = _register(m, REG_SP)
    while m.depth > 0:
        frame = frames[m.depth - 1]
        returns = frame.return_address == address or nodes[frame.node].function == function
        if frame.is_exception or not (frame.sp < sp or (frame.sp == sp and returns)):
            return
        _move_to(m, int64(frame.node))
        m.depth -= 1
        if frame.sp == sp:
            return


@njit
def unwind(machine: Any, address: int) -> None:
    """Pop the frames that going to `address` has left, from Python."""
    _unwind(machine[0], address, -1)


@njit
def _follow(m: Any, block: Any, address: int) -> bool:
    """Move through the call tree to where the new block is. False: a table must grow, or the callee is new."""
    flow = m.flow
    if flow < FLOW_CALL and block.function == m.function:
        return True
    if m.node_count + 1 >= m.node_capacity or m.depth + 1 >= m.frame_capacity:
        _stop(m, t.FULL)
        return False
    if flow == FLOW_CALL:
        if not block.flags & t.FUNCTION_ENTRY:
            m.wanted_start = block.start
            m.wanted_size = block.end - block.start
            _stop(m, t.NEW_FUNCTION)
            return False
        frame = carray(as_pointer(m.frames), (m.frame_capacity,), FRAME)[m.depth]
        frame.sp = _register(m, REG_SP)
        frame.return_address = m.return_address
        frame.node = m.node
        frame.is_exception = 0
        m.depth += 1
        _enter_child(m, m.node, block.function)
    else:
        if flow == FLOW_INDIRECT:
            _unwind(m, address, int64(-1) if block.flags & t.FUNCTION_ENTRY else int64(block.function))
        if block.function != m.function:
            _tail(m, block.function)
    m.flow = FLOW_NEXT
    m.last_outcome = -1
    return True


@njit
def _enter(m: Any, start: int, size: int) -> None:
    """Do all that entering a block may need. Where nothing but settling was needed, link for the next time."""
    if m.current_entry >= 0 and not _settle(m, start):
        return
    if m.stop_reason:
        return
    if m.clock_cycles >= m.due_cycles:
        _stop(m, t.DUE)
        return
    number = _find_block(m, start, size)
    if number < 0:
        m.wanted_start = start
        m.wanted_size = size
        _stop(m, t.NEW_BLOCK)
        return
    block = carray(as_pointer(m.blocks), (m.block_capacity,), BLOCK)[number]
    in_ram = block.flags & t.IN_RAM
    if in_ram and checksum(block.host_address, size) != block.checksum:
        m.wanted_start = start
        m.wanted_size = size
        _stop(m, t.CHANGED_CODE)
        return
    entry = _find_entry(m, block, m.state, 0)
    if entry < 0:
        _want_entry(m, number, m.state, 0)
        return
    if not _follow(m, block, start):
        return
    m.current_entry = entry
    if m.last_outcome >= 0 and not in_ram:
        outcome = carray(as_pointer(m.outcomes), (m.outcome_capacity,), OUTCOME)[m.last_outcome]
        outcome.link_key = start | size << 32
        outcome.link_entry = entry


@native_callback(void, pointer, uint64, uint32, pointer)
def on_probe(uc: Any, address: int, size_bytes: int, user: Any) -> None:
    """Unicorn's code hook on one instruction: note what will be gone when its block has ended."""
    probe = carray(user, (1,), t.PROBE)[0]
    m = carray(as_pointer(probe.machine), (1,), MACHINE)[0]
    if probe.kind == t.PROBE_IT:
        probe.flags = _register(m, REG_CPSR)
        return
    dividend, divisor = _core_register(m, probe.dividend), _core_register(m, probe.divisor)
    extra = division_cycles(dividend, divisor, probe.signed) - 2
    probe.extra_cycles += extra
    m.clock_cycles += extra


@njit
def _follow_link(m: Any, outcome: Any) -> bool:
    """Charge an outcome and go to the entry it links to. False: something is due first."""
    clock = m.clock_cycles + outcome.cycles
    if clock >= m.due_cycles:
        return False
    m.clock_cycles = clock
    outcome.count += 1
    m.current_entry = outcome.link_entry
    return True


@native_callback(void, pointer, uint64, uint32, pointer)
def on_block(uc: Any, address: int, size_bytes: int, user: Any) -> None:
    """Unicorn's block hook (uc_cb_hookcode_t): see the module's docstring."""
    m = carray(user, (1,), MACHINE)[0]
    entry = m.current_entry
    if entry >= 0:
        key = int64(address) | int64(size_bytes) << 32
        outcomes = carray(as_pointer(m.outcomes), (m.outcome_capacity,), OUTCOME)
        # Two compares, not an index computed from "taken": the host predicts them, so that the next hook's loads need
        # not wait for this one's. The first never links elsewhere, the second never to the fall-through address.
        if outcomes[uint64(2 * entry)].link_key == key:
            if _follow_link(m, outcomes[uint64(2 * entry)]):
                return
        elif outcomes[uint64(2 * entry + 1)].link_key == key and _follow_link(m, outcomes[uint64(2 * entry + 1)]):
            return
    _enter(m, int64(address), int64(size_bytes))
