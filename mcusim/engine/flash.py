# SPDX-License-Identifier: Apache-2.0
"""Flash that makes the core wait, natively: buffers, prefetch, caches, and what is left for the core to wait.

One read of the flash takes the wait states and one cycle more, delivers a line, and is not broken off; data reads and
fetches share the array. Of the lines that the core fetches

    the one in the current buffer, and those in the instruction cache, are there at once;
    the one that was read ahead is there when that read has ended;
    others are read when they are asked for.

A line that was not there when the core asked for it is copied into the cache. With prefetch on, the line after the one
being fetched is read ahead, if the cache does not have it and the flash is free. (RM0090 3.5.2, RM0440 3.3.4: miss is
what is in none of buffer, prefetched line and cache; it is copied into the cache; LRU.)

The core asks before it needs: its fetch unit runs ahead by the words of its buffer. Waits are charged to the line's
record, and so to an instruction; those of data reads to a table by PC.
"""

from __future__ import annotations

from typing import Any

from mcusim.engine import flash_tables as f
from mcusim.engine import records as rec
from mcusim.engine.native import REG_PC, clear_it_state, first_slot, register
from mcusim.jit import as_pointer, carray, int32, int64, native_callback, njit, pointer, uint64, void

FLASH, CACHE, SLOT, LINE, FETCH, MOMENT, WINDOW = f.FLASH, f.CACHE, f.SLOT, f.LINE, f.FETCH, f.MOMENT, f.WINDOW
MACHINE, INDEX, ENTRY, BLOCK = rec.MACHINE, rec.INDEX, rec.ENTRY, rec.BLOCK


@njit
def _find(cache: Any, line: int) -> int:
    """Return the slot where a cache that is on has a line; -1 if it does not."""
    tag = line >> cache.sector_shift
    if not cache.on or tag >= cache.tag_count:
        return int64(-1)
    slot = int64(carray(as_pointer(cache.slot_of_tag), (cache.tag_count,), int32)[tag])
    if slot < 0:
        return slot
    sectors = carray(as_pointer(cache.slots), (cache.slot_count,), SLOT)[slot].sectors
    return slot if sectors >> (line & ((1 << cache.sector_shift) - 1)) & 1 else int64(-1)


@njit
def _use(cache: Any, slot: int) -> None:
    """Note that a slot was used."""
    cache.clock += 1
    carray(as_pointer(cache.slots), (cache.slot_count,), SLOT)[slot].used = cache.clock


@njit
def _fill(cache: Any, line: int) -> None:
    """Copy a line into a cache that is on, in the place of the least recently used."""
    if not cache.on:
        return
    tag = line >> cache.sector_shift
    tags = carray(as_pointer(cache.slot_of_tag), (cache.tag_count,), int32)
    slots = carray(as_pointer(cache.slots), (cache.slot_count,), SLOT)
    slot = int64(tags[tag])
    if slot < 0:
        first = (tag & cache.set_mask) * cache.ways
        slot = first
        for candidate in range(first + 1, first + cache.ways):
            if slots[candidate].used < slots[slot].used:
                slot = candidate
        if slots[slot].tag >= 0:
            tags[slots[slot].tag] = -1
        tags[tag] = slot
        slots[slot].tag = tag
        slots[slot].sectors = 0
    slots[slot].sectors |= 1 << (line & ((1 << cache.sector_shift) - 1))
    cache.clock += 1
    slots[slot].used = cache.clock


@njit
def fetch(flash: Any, line: int, need: int, request: int) -> int:
    """Fetch a line that is not in the current buffer; return the cycles that the core waits for it."""
    cache = flash.caches[0]
    stall = int64(0)
    there = request  # when the line is there and the next one may be read ahead
    slot = _find(cache, line)
    if slot >= 0:
        _use(cache, slot)
    else:
        if line == flash.ahead:
            there = flash.ahead_cycle
        else:
            there = max(request, flash.free_cycle) + 1 + flash.wait_states
            flash.free_cycle = there
        if there > request + 1:  # it was not there when it was asked for
            _fill(cache, line)
            flash.epoch += 1
        stall = max(there - need, 0)
    flash.current = line
    flash.quiet_slot = slot
    if flash.prefetch and line + 1 != flash.ahead and _find(cache, line + 1) < 0:
        flash.ahead = line + 1
        flash.ahead_cycle = max(there, request, flash.free_cycle) + 1 + flash.wait_states
        flash.free_cycle = flash.ahead_cycle
        flash.epoch += 1
        flash.quiet_slot = -1
    return stall


@njit
def fetch_again(flash: Any, line: int, slot: int) -> None:
    """Fetch a line that is in the cache, in a slot: nothing has changed since that was all that happened."""
    _use(flash.caches[0], slot)
    flash.current = line


@njit
def read_data(flash: Any, line: int, now: int) -> int:
    """Read a line of data that is not in the data buffer; return the cycles that the core waits for it."""
    cache = flash.caches[flash.data_cache]
    if flash.data_buffer:
        flash.data_line = line
    slot = _find(cache, line)
    if slot >= 0:
        _use(cache, slot)
        return 0
    there = max(now, flash.free_cycle) + 1 + flash.wait_states
    flash.free_cycle = there
    _fill(cache, line)
    flash.epoch += 1 - flash.data_cache
    return there - now - 1


@njit
def _fetch_row(m: Any, flash: Any, row: Any, first: bool) -> None:
    """Fetch the line of a row, and charge what the core waits for it."""
    request = m.clock_cycles + row.request_cycles
    if first and row.line == flash.current + 1:  # control ran on into this block
        request = m.clock_cycles + row.need_cycles - m.fetch_lead_cycles
    need = m.clock_cycles + row.need_cycles
    if row.line == flash.current + 1:
        request = min(max(request, flash.follow_cycle), need - 1)
    stall = fetch(flash, int64(row.line), need, request)
    # A wait leaves the fetch buffer empty: the words of this line come one a cycle before the next line is asked for.
    flash.follow_cycle = need + stall - 1 + (1 << flash.line_shift >> 2) if stall else f.LONG_AGO_CYCLE
    row.stall_cycles += stall
    m.clock_cycles += stall
    row.epoch = flash.epoch if flash.quiet_slot >= 0 else 0
    row.slot = flash.quiet_slot


@njit
def charge_lines(m: Any, outcome: int, last_op: int) -> bool:
    """Charge the waits for the lines of the running block, up to those of one instruction, that are not charged yet.

    False: the outcome's lines are not listed yet.
    """
    listed = carray(as_pointer(m.fetches), (m.fetch_capacity,), FETCH)[outcome]
    if listed.line_count < 0:
        return False
    flash = carray(as_pointer(m.flash), (1,), FLASH)[0]
    lines = carray(as_pointer(m.lines), (m.line_capacity,), LINE)
    for index in range(m.lines_done, listed.line_count):
        row = lines[listed.first_line + index]
        if row.op_index > last_op:
            break
        if row.line != flash.current:
            if row.epoch == flash.epoch:  # in the cache, as the last time, and all else as it was
                fetch_again(flash, int64(row.line), row.slot)
            else:
                _fetch_row(m, flash, row, index == 0)
        m.lines_done = index + 1
    return True


@njit
def leave_block(m: Any, outcome: int) -> None:
    """The running block has ended with this outcome, and all its lines are charged."""
    m.lines_done = 0
    m.fetch_unfilled = f.ALL_FETCH_STALLS
    m.fetch_lead_cycles = carray(as_pointer(m.fetches), (m.fetch_capacity,), FETCH)[outcome].lead_cycles


@njit
def charge_up_to(machine: Any, outcome: int, last_op: int) -> bool:
    """Charge the running block's lines from Python."""
    return charge_lines(machine[0], outcome, last_op)


@njit
def _count_stall(m: Any, address: int, cycles: int) -> None:
    """Add cycles to those that the load at an address has waited. The table is never full: see `on_block_waits`."""
    mask = m.stall_index_mask
    index = carray(as_pointer(m.stall_index), (mask + 1,), INDEX)
    slot = first_slot(address, mask)
    while index[slot].key != address:
        if index[slot].key == rec.NO_KEY:
            index[slot].key = address
            index[slot].id = 0
            m.stall_count += 1
            break
        slot = (slot + 1) & mask
    index[slot].id += cycles


@njit
def _refill(m: Any, moment: Any, stall: int) -> int:
    """Let the fetch buffer fill up while the core waits for data; return the cycles that are saved by it later.

    The block's price holds cycles in which the buffer was empty (runs of 32-bit instructions at halfword addresses).
    Those of this run that follow are not waited, as far as the words go that the buffer has got meanwhile (Arm KA 8521:
    three words).
    """
    unfilled = min(int64(moment.fetch_after), m.fetch_unfilled)
    saved = min(stall, unfilled - moment.fetch_behind_run, m.fetch_refill_words)
    if saved <= 0:
        return int64(0)
    m.fetch_unfilled = unfilled - saved
    return saved


@njit
def running_outcome(m: Any) -> int:
    """Return an outcome of the running block whose lines are listed; -1 if there is none.

    Which one it will be is not known yet, but they have the same lines.
    """
    if m.current_entry < 0:
        return int64(-1)
    fetches = carray(as_pointer(m.fetches), (m.fetch_capacity,), FETCH)
    outcome = 2 * m.current_entry
    if fetches[outcome].line_count >= 0:
        return outcome
    return outcome + 1 if fetches[outcome + 1].line_count >= 0 else int64(-1)


@njit
def _wait_for_data(m: Any, flash: Any, line: int, address: int) -> None:
    """Read a line of data for the load at an address, and charge what the core waits for it.

    In a block whose prices are not known yet, it is read when the block starts.
    """
    outcome = running_outcome(m)
    if outcome < 0:
        stall = read_data(flash, line, m.clock_cycles)
    else:
        block = carray(as_pointer(m.entries), (m.entry_capacity,), ENTRY)[m.current_entry].block
        start = int64(carray(as_pointer(m.blocks), (m.block_capacity,), BLOCK)[int64(block)].start)
        first = carray(as_pointer(m.fetches), (m.fetch_capacity,), FETCH)[outcome].first_moment
        moment = carray(as_pointer(m.moments), (m.moment_capacity,), MOMENT)[first + ((address - start) >> 1)]
        charge_lines(m, outcome, int64(moment.op_index))  # what was fetched before it
        stall = read_data(flash, line, m.clock_cycles + moment.cycles)
        stall -= _refill(m, moment, stall)
    if stall:
        m.clock_cycles += stall
        _count_stall(m, address, stall)


@native_callback(void, pointer, int32, uint64, int32, int64, pointer)
def on_flash_read(uc: Any, kind: int, address: int, size_bytes: int, value: int, user: Any) -> None:
    """Unicorn's memory hook (uc_cb_hookmem_t) on data reads of the flash."""
    window = carray(user, (1,), WINDOW)[0]
    m = carray(as_pointer(window.machine), (1,), MACHINE)[0]
    flash = carray(as_pointer(m.flash), (1,), FLASH)[0]
    if m.current_entry >= 0:
        entry = carray(as_pointer(m.entries), (m.entry_capacity,), ENTRY)[m.current_entry]
        if carray(as_pointer(m.blocks), (m.block_capacity,), BLOCK)[int64(entry.block)].flags & rec.ACCESSES_IN_IT:
            clear_it_state(m)
    line = (int64(address) - window.start) >> flash.line_shift
    if line == flash.data_line:
        return
    _wait_for_data(m, flash, line, register(m, REG_PC) & ~1)
