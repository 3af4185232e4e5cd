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

from mcusim.engine import records as rec
from mcusim.engine.branches import is_quiet, penalty, resolve
from mcusim.engine.cache_hooks import charge_fetch, fetched_again, leave_cached
from mcusim.engine.calltree import follow, look_at_sp
from mcusim.engine.flash import charge_lines, leave_block
from mcusim.engine.guard_tables import NO_GUARD
from mcusim.engine.native import align_sp, first_slot, stop
from mcusim.engine.operands import alignment_extra, division_extra, predicates_held
from mcusim.engine.places import PREDICATE_MASK, guards_hold, places_now
from mcusim.isa.decode import FLOW_NEXT
from mcusim.jit import (
    as_pointer,
    carray,
    external,
    int64,
    native_callback,
    njit,
    njit_inlined,
    pointer,
    uint32,
    uint64,
    void,
)

# Names that compiled code reads as constants.
MACHINE, BLOCK, ENTRY, OUTCOME, INDEX = rec.MACHINE, rec.BLOCK, rec.ENTRY, rec.OUTCOME, rec.INDEX
ALL_OPS = 1 << 30
STEADY_LOOKS = 64  # a loop that moves its pointers by constants is asked once in so many runs which memory they are in
STEADY_GUARD = -2  # less the number of a guard: of such a loop


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
    stop(m, rec.NEW_ENTRY)


@njit
def _charge_waits(m: Any, outcome: int) -> bool:
    """Charge what a block that has ended has waited for its lines. False: they must be listed first."""
    if m.flash:
        if not charge_lines(m, outcome, ALL_OPS):
            return False
        leave_block(m, outcome)
    elif m.caches:
        if not charge_fetch(m, outcome, ALL_OPS):
            return False
        leave_cached(m, outcome)
    return True


@njit
def _settle(m: Any, address: int) -> bool:
    """Charge the block that has ended, now that we see where control went. False: its price must be found first."""
    number = m.current_entry
    entry = carray(as_pointer(m.entries), (m.entry_capacity,), ENTRY)[number]
    block_number = int64(entry.block)
    block = carray(as_pointer(m.blocks), (m.block_capacity,), BLOCK)[block_number]
    flags = block.flags
    taken = 1 if (flags & rec.ENDS_IN_BRANCH) and (address != block.end or flags & rec.ALWAYS_BRANCHES) else 0
    predicates = int64(0)
    if flags & rec.PREDICATED:
        predicates = predicates_held(m, block, taken) | (int64(entry.predicates) & ~PREDICATE_MASK)
        number = _find_entry(m, block, int64(entry.state), predicates)
        if number < 0:
            _want_entry(m, block_number, int64(entry.state), predicates)
            return False
    index = 2 * number + taken
    outcome = carray(as_pointer(m.outcomes), (m.outcome_capacity,), OUTCOME)[index]
    if outcome.cycles < 0 or not _charge_waits(m, index):
        m.wanted_outcome = index
        stop(m, rec.NEW_PRICE)
        return False
    outcome.count += 1
    m.clock_cycles += outcome.cycles
    if outcome.branch >= 0:
        m.clock_cycles += resolve(m, outcome, taken, address)
    if flags & rec.DIVIDES:
        m.clock_cycles += division_extra(m, block, predicates)
    if flags & rec.CHECKS_ALIGNMENT:
        m.clock_cycles += alignment_extra(m, block)
    m.state = outcome.exit_state
    m.flow = block.flow if taken else FLOW_NEXT
    m.return_address = block.end
    m.last_block = block_number
    m.last_outcome = -1 if flags & rec.NEVER_LINKED else index
    m.current_entry = -1
    if flags & rec.HOLDS_UNDEFINED:
        stop(m, rec.RAN_UNDEFINED)
    if flags & rec.SETS_SP:
        align_sp(m)
    if flags & rec.ASSUMES:
        block.assumed_runs += 1
        if block.assumed_runs == rec.RUNS_BEFORE_PROBE:
            stop(m, rec.WANTS_PROBE)
    if outcome.count == outcome.look_at:
        m.wanted_outcome = index
        stop(m, rec.LOOK)
    if flags & rec.IDLE_LOOP and address == block.start:
        stop(m, rec.IDLE)
    elif flags & rec.CHANGES_MASK and m.masked_pending:
        stop(m, rec.UNMASKED)
    return True


@njit
def settle(machine: Any, address: int) -> bool:
    """Charge the current block from Python, when control went to `address` while the engine stood still."""
    return _settle(machine[0], address)


@njit
def _find_block(m: Any, start: int, size_bytes: int) -> int:
    key = start | size_bytes << 32
    mask = m.block_index_mask
    index = carray(as_pointer(m.block_index), (mask + 1,), INDEX)
    slot = first_slot(key, mask)
    while index[slot].key != key:
        if index[slot].key == rec.NO_KEY:
            return int64(-1)
        slot = (slot + 1) & mask
    return index[slot].id


@njit
def checksum(host_address: int, size_bytes: int) -> int:
    """Return a checksum (FNV-1a over halfwords) of code in our memory."""
    code = carray(as_pointer(host_address), (size_bytes // 2,), rec.HALFWORD)
    value = uint64(0xCBF2_9CE4_8422_2325)
    for index in range(size_bytes // 2):
        value = (value ^ uint64(code[index])) * uint64(0x0000_0100_0000_01B3)
    return value


@njit
def _enter(m: Any, start: int, size: int) -> None:
    """Do all that entering a block may need. Where nothing but settling was needed, link for the next time."""
    if m.current_entry >= 0 and not _settle(m, start):
        return
    if m.stop_reason:
        return
    if m.clock_cycles >= m.due_cycles:
        stop(m, rec.DUE)
        return
    number = _find_block(m, start, size)
    if number < 0:
        m.wanted_start = start
        m.wanted_size = size
        stop(m, rec.NEW_BLOCK)
        return
    block = carray(as_pointer(m.blocks), (m.block_capacity,), BLOCK)[number]
    in_ram = block.flags & rec.IN_RAM
    if in_ram and checksum(block.host_address, size) != block.checksum:
        m.wanted_start = start
        m.wanted_size = size
        stop(m, rec.CHANGED_CODE)
        return
    places = places_now(m, block.first_guard, block.guard_count) if block.guard_count else int64(0)
    entry = _find_entry(m, block, m.state, places)
    if entry < 0:
        _want_entry(m, number, m.state, places)
        return
    if not follow(m, block, start):
        return
    lowers_sp = block.flags & rec.LOWERS_SP
    if lowers_sp and not look_at_sp(m, block, int64(block.stack_bytes)):
        return
    m.current_entry = entry
    if m.last_outcome >= 0 and not in_ram and not lowers_sp:
        outcome = carray(as_pointer(m.outcomes), (m.outcome_capacity,), OUTCOME)[m.last_outcome]
        outcome.link_key = start | size << 32
        outcome.link_entry = entry
        entries = carray(as_pointer(m.entries), (m.entry_capacity,), ENTRY)
        again = entries[m.last_outcome >> 1].block == number and block.flags & rec.STEADY
        guard = int64(entries[entry].first_guard)
        outcome.link_guard = STEADY_GUARD - guard if again and guard >= 0 else guard


@native_callback(void, pointer, int64, int64)
def enter(machine: Any, start: int, size_bytes: int) -> None:
    """Do all that entering a block may need; see `_enter`."""
    _enter(carray(machine, (1,), MACHINE)[0], start, size_bytes)


# Called as C functions are: inlined into the hooks it would take registers from what they do nearly always.
_enter_slowly = external("mcusim_enter_block", enter.address, void, pointer, int64, int64)


@njit_inlined
def _follow_link(m: Any, outcome: Any, taken: int, address: int) -> bool:
    """Charge an outcome and go to the entry it links to, at an address. False: something has to be done first."""
    guard = int64(outcome.link_guard)
    if guard < NO_GUARD and outcome.count & (STEADY_LOOKS - 1) == 0:
        guard = STEADY_GUARD - guard
    if guard >= 0 and not guards_hold(m, guard):
        return False
    clock = m.clock_cycles + outcome.cycles
    predicted = outcome.branch < 0 or is_quiet(m, int64(outcome.branch), taken)
    if not predicted:
        clock += penalty(m, outcome, taken, address)
    if clock >= m.due_cycles or outcome.count + 1 == outcome.look_at:
        return False
    if not predicted:
        resolve(m, outcome, taken, address)
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
            if _follow_link(m, outcomes[uint64(2 * entry)], 0, int64(address)):
                return
        elif outcomes[uint64(2 * entry + 1)].link_key == key and _follow_link(
            m, outcomes[uint64(2 * entry + 1)], 1, int64(address)
        ):
            return
    _enter_slowly(user, int64(address), int64(size_bytes))


@native_callback(void, pointer, uint64, uint32, pointer)
def on_block_waits(uc: Any, address: int, size_bytes: int, user: Any) -> None:
    """Do what `on_block` does, while memory has wait states: the lines that a block fetched are charged with it."""
    m = carray(user, (1,), MACHINE)[0]
    if 2 * m.stall_count > m.stall_index_mask:
        stop(m, rec.FULL)
        return
    entry = m.current_entry
    if entry >= 0:
        key = int64(address) | int64(size_bytes) << 32
        outcomes = carray(as_pointer(m.outcomes), (m.outcome_capacity,), OUTCOME)
        taken = int64(2 * entry)
        if outcomes[uint64(taken)].link_key != key:
            taken += 1
        # Waits come before the link: they may bring the clock to what is due. What is charged is not charged again.
        linked = outcomes[uint64(taken)].link_key == key and charge_lines(m, taken, ALL_OPS)
        if linked and _follow_link(m, outcomes[uint64(taken)], taken & 1, int64(address)):
            leave_block(m, taken)
            return
    _enter_slowly(user, int64(address), int64(size_bytes))


@native_callback(void, pointer, uint64, uint32, pointer)
def on_block_cached(uc: Any, address: int, size_bytes: int, user: Any) -> None:
    """Do what `on_block` does, on a core with caches: what fetching a block has waited is charged with it."""
    m = carray(user, (1,), MACHINE)[0]
    m.accesses_before = m.accesses
    if 4 * m.miss_count > m.miss_index_mask:
        stop(m, rec.FULL)
        return
    entry = m.current_entry
    if entry >= 0:
        key = int64(address) | int64(size_bytes) << 32
        outcomes = carray(as_pointer(m.outcomes), (m.outcome_capacity,), OUTCOME)
        taken = int64(2 * entry)
        if outcomes[uint64(taken)].link_key != key:
            taken += 1
        # As above: what is charged is not charged again.
        linked = outcomes[uint64(taken)].link_key == key and (
            fetched_again(m, taken) or charge_fetch(m, taken, ALL_OPS)
        )
        if linked and _follow_link(m, outcomes[uint64(taken)], taken & 1, int64(address)):
            leave_cached(m, taken)
            return
    _enter_slowly(user, int64(address), int64(size_bytes))
