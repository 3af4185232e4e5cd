# SPDX-License-Identifier: Apache-2.0
"""Where caches meet the run: hooks on data accesses, lines that a block fetches, and who is charged for a wait.

An access to a line that is known to be there is two compares; its address is looked up in the cache otherwise. Only
what waits, or may have to, asks for the program counter and for the moment within its block. Tightly coupled memory has
no hook.
"""

from __future__ import annotations

from typing import Any

from mcusim.engine import cache_tables as c
from mcusim.engine import caches as model
from mcusim.engine import flash_tables as f
from mcusim.engine import records as rec
from mcusim.engine.flash import running_outcome
from mcusim.engine.native import REG_PC, clear_it_state, first_slot, register
from mcusim.jit import (
    as_pointer,
    carray,
    int32,
    int64,
    native_callback,
    njit,
    njit_inlined,
    pointer,
    uint8,
    uint64,
    void,
)

CACHES, RANGE, MISS, CACHE = c.CACHES, c.RANGE, c.MISS, c.CACHE
LINE, FETCH, MOMENT = f.LINE, f.FETCH, f.MOMENT
RECENT_LINES = c.RECENT_LINES
KNOWN_PLACE, KNOWN_PLACES, PLACE_BITS = c.KNOWN_PLACE, c.KNOWN_PLACES, c.PLACE_BITS
FIRST_LOOK, ALWAYS_ASK = c.FIRST_LOOK, c.ALWAYS_ASK
MACHINE, INDEX, ENTRY, BLOCK = rec.MACHINE, rec.INDEX, rec.ENTRY, rec.BLOCK
LINE_SHIFT, LINE_BYTES, NO_LINE, NO_CACHE, DIRTY, THROUGH = (
    c.LINE_SHIFT, c.LINE_BYTES, c.NO_LINE, c.NO_CACHE, c.DIRTY, c.THROUGH,
)  # fmt: skip


# instructions


@njit
def _fetch_row(m: Any, caches: Any, row: Any, first: bool) -> bool:
    """Fetch the line of a row, and charge what the core waits. Return whether it was in a cache."""
    line, before = int64(row.line), int64(caches.current)
    caches.current = line
    number = model.range_at(caches, line << LINE_SHIFT)
    if number < 0:
        return True
    memory = carray(as_pointer(caches.ranges), (caches.range_count,), RANGE)[number]
    cached = memory.fetch_cache != NO_CACHE and caches.caches[memory.fetch_cache].on
    if cached:
        if model.find(caches.caches[memory.fetch_cache], line) >= 0:
            return True
    elif line == before:  # what was fetched last is still there, until a branch is taken
        return False
    need = m.clock_cycles + row.need_cycles
    request = m.clock_cycles + row.request_cycles
    if first:  # fetch may have been ahead when the block before ended
        request = min(request, need - m.fetch_lead_cycles)
    stall = model.fetch(caches, memory, line, need, request)
    row.misses += 1
    if cached:
        row.stall_cycles += stall
    else:
        row.bus_cycles += stall
    m.clock_cycles += stall
    return False


@njit_inlined
def fetched_again(m: Any, outcome: int) -> bool:
    """Return whether all lines of an outcome are in the caches, as the last time: there is nothing to charge."""
    listed = carray(as_pointer(m.fetches), (m.fetch_capacity,), FETCH)[outcome]
    return listed.epoch == carray(as_pointer(m.caches), (1,), CACHES)[0].epoch


@njit
def charge_fetch(m: Any, outcome: int, last_op: int) -> bool:
    """Charge the waits for the lines of the running block, up to those of one instruction, that are not charged yet.

    False: the outcome's lines are not listed yet.
    """
    listed = carray(as_pointer(m.fetches), (m.fetch_capacity,), FETCH)[outcome]
    caches = carray(as_pointer(m.caches), (1,), CACHES)[0]
    if listed.epoch == caches.epoch:  # in the caches, as the last time
        return True
    if listed.line_count < 0:
        return False
    lines = carray(as_pointer(m.lines), (m.line_capacity,), LINE)
    quiet = m.lines_done == 0
    for index in range(m.lines_done, listed.line_count):
        row = lines[listed.first_line + index]
        if row.op_index > last_op:
            return True
        quiet &= _fetch_row(m, caches, row, index == 0)
        m.lines_done = index + 1
    if quiet:
        listed.epoch = caches.epoch
    return True


@njit_inlined
def leave_cached(m: Any, outcome: int) -> None:
    """The running block has ended with this outcome, and all its lines are charged."""
    m.lines_done = 0
    m.fetch_lead_cycles = carray(as_pointer(m.fetches), (m.fetch_capacity,), FETCH)[outcome].lead_cycles
    if outcome & 1:
        carray(as_pointer(m.caches), (1,), CACHES)[0].current = NO_LINE


@njit
def charge_up_to(machine: Any, outcome: int, last_op: int) -> bool:
    """Charge the running block's lines from Python."""
    return charge_fetch(machine[0], outcome, last_op)


# data


@njit
def _miss_row(m: Any, address: int) -> int:
    """Return the number of the row of an instruction; made if need be (there is room: see `on_block_cached`)."""
    mask = m.miss_index_mask
    index = carray(as_pointer(m.miss_index), (mask + 1,), INDEX)
    slot = first_slot(address, mask)
    while index[slot].key != address:
        if index[slot].key == rec.NO_KEY:
            index[slot].key = address
            index[slot].id = m.miss_count
            m.miss_count += 1
            break
        slot = (slot + 1) & mask
    return index[slot].id


@njit
def _moment(m: Any, pc: int) -> int:
    """Return when the instruction at `pc` accesses memory, its block's fetches charged up to it.

    In a block whose price is not known yet, that is the block's start.
    """
    outcome = running_outcome(m)
    if outcome < 0:
        return int64(m.clock_cycles)
    block = carray(as_pointer(m.entries), (m.entry_capacity,), ENTRY)[m.current_entry].block
    start = int64(carray(as_pointer(m.blocks), (m.block_capacity,), BLOCK)[int64(block)].start)
    first = carray(as_pointer(m.fetches), (m.fetch_capacity,), FETCH)[outcome].first_moment
    moment = carray(as_pointer(m.moments), (m.moment_capacity,), MOMENT)[first + ((pc - start) >> 1)]
    charge_fetch(m, outcome, int64(moment.op_index))
    return m.clock_cycles + moment.cycles


@njit
def _program_counter(m: Any, caches: Any) -> int:
    """Return the address of the instruction that makes this access: as its place is known, or as the engine says.

    Where pointers of a block move between hooked memory and other, a wait may for a while go to another access of the
    block.
    """
    place = m.accesses - m.accesses_before
    if place >> PLACE_BITS or carray(as_pointer(m.entries), (m.entry_capacity,), ENTRY)[m.current_entry].in_it:
        return register(m, REG_PC) & ~1
    key = m.current_entry << PLACE_BITS | place
    slot = first_slot(key, KNOWN_PLACES - 1)
    known = carray(as_pointer(caches.known_places), (KNOWN_PLACES,), KNOWN_PLACE)[slot]
    if known.key != key:
        known.key, known.uses, known.look_at = key, 0, FIRST_LOOK
        known.pc = register(m, REG_PC) & ~1
        return int64(known.pc)
    known.uses += 1
    if known.pc != ALWAYS_ASK and known.uses != known.look_at:
        return int64(known.pc)
    pc = register(m, REG_PC) & ~1
    if known.uses == known.look_at:
        known.look_at *= FIRST_LOOK
        if pc != known.pc:
            known.pc = ALWAYS_ASK
    return pc


@njit
def _access(m: Any, caches: Any, address: int, size_bytes: int, writes: bool) -> None:
    """Make an access within a line that may have to wait, and charge that."""
    number = model.range_at(caches, address)
    if number < 0:
        return
    memory = carray(as_pointer(caches.ranges), (caches.range_count,), RANGE)[number]
    pc = _program_counter(m, caches)
    now = _moment(m, pc)
    kept = memory.data_cache != NO_CACHE and caches.caches[memory.data_cache].on
    missed = kept and model.find(caches.caches[memory.data_cache], address >> LINE_SHIFT) < 0
    if writes:
        stall = model.write(caches, memory, address, size_bytes, now)
    else:
        stall = model.read(caches, memory, address, size_bytes, pc, now)
    if not stall and not missed and kept:
        return
    row = carray(as_pointer(m.misses), (m.miss_capacity,), MISS)[_miss_row(m, pc)]
    if writes:
        row.write_misses += missed
        row.uncached_writes += not kept
    else:
        row.read_misses += missed
        row.uncached_reads += not kept
    if not kept or (writes and not missed):
        row.bus_cycles += stall
    elif memory.data_cache == 1:
        row.dcache_cycles += stall
    else:
        row.flash_cycles += stall
    m.clock_cycles += stall


@njit
def _split_access(m: Any, caches: Any, address: int, size_bytes: int, writes: bool) -> None:
    """Make an access that may lie in two lines."""
    inside = min(size_bytes, LINE_BYTES - (address & (LINE_BYTES - 1)))
    _access(m, caches, address, inside, writes)
    if inside < size_bytes:
        _access(m, caches, address + inside, size_bytes - inside, writes)


@njit_inlined
def _find_complete(caches: Any, line: int) -> int:
    """Return the slot of the data cache that has a line, all of it; -1 if there is none."""
    slot = model.find(caches.caches[1], line)
    return slot if line != caches.fill.line else int64(-1)


@njit
def _end_fill(m: Any, caches: Any) -> None:
    """Forget a line that was on its way when all of it is there."""
    if caches.fill.end_cycle <= m.clock_cycles:
        caches.fill.line = NO_LINE


@native_callback(void, pointer, int32, uint64, int32, int64, pointer)
def on_data_read(uc: Any, kind: int, address: int, size_bytes: int, value: int, user: Any) -> None:
    """Unicorn's memory hook (uc_cb_hookmem_t) on reads of memory that may be cached or slow."""
    caches = carray(user, (1,), CACHES)[0]
    m = carray(as_pointer(caches.machine), (1,), MACHINE)[0]
    entry = carray(as_pointer(m.entries), (m.entry_capacity,), ENTRY)[uint64(m.current_entry)]
    entry.reads += 1
    m.accesses += 1
    if entry.in_it:
        clear_it_state(m)
    line = int64(address) >> LINE_SHIFT
    if (address & 31) + uint64(size_bytes) <= LINE_BYTES:
        if line == caches.recent[line & (RECENT_LINES - 1)]:
            return
        if _find_complete(caches, line) >= 0:
            caches.recent[line & (RECENT_LINES - 1)] = line
            return
    _split_access(m, caches, int64(address), int64(size_bytes), False)
    _end_fill(m, caches)


@native_callback(void, pointer, int32, uint64, int32, int64, pointer)
def on_data_write(uc: Any, kind: int, address: int, size_bytes: int, value: int, user: Any) -> None:
    """Unicorn's memory hook on writes, as `on_data_read`."""
    caches = carray(user, (1,), CACHES)[0]
    m = carray(as_pointer(caches.machine), (1,), MACHINE)[0]
    entry = carray(as_pointer(m.entries), (m.entry_capacity,), ENTRY)[uint64(m.current_entry)]
    entry.writes += 1
    m.accesses += 1
    if entry.in_it:
        clear_it_state(m)
    line = int64(address) >> LINE_SHIFT
    if (address & 31) + uint64(size_bytes) <= LINE_BYTES:
        if line == caches.recent_dirty[line & (RECENT_LINES - 1)]:
            return
        slot = _find_complete(caches, line)
        if slot >= 0:
            data = caches.caches[1]
            flags = carray(as_pointer(data.flags), (data.slot_count,), uint8)
            if not flags[slot] & THROUGH:
                flags[slot] |= DIRTY
                caches.recent_dirty[line & (RECENT_LINES - 1)] = line
                return
    _split_access(m, caches, int64(address), int64(size_bytes), True)
    _end_fill(m, caches)
