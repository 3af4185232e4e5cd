# SPDX-License-Identifier: Apache-2.0
"""A Cortex-M7's caches and store buffer, natively: what an access makes the core wait.

    load     in the cache: nothing. Not: the line is read, the word that was asked for first; the core goes on when that
             is there, the rest follows by beats ("critical word first", "streaming": Arm DDI 0489F 5.9). Uncached: the
             core waits for each; the words of one LDM or LDRD follow each other by beats.
    store    goes to the store buffer; the core waits only where that is full. Its entries go to the cache, to a line
             that is fetched for them (write-allocate), or to memory, 64 bits at a time.
    fetch    as a load; a line is asked for when the core's fetch unit gets there, before it is needed.

Three lines in a row that stores have filled before memory had delivered them make writes allocate no more, until a line
is left half written or read (dynamic read allocate mode, DDI 0489F 5.9.1). Replaced lines that are dirty leave by a
buffer of one line. Reads of data, writes and fetches do not hold each other up, though the bus is one.

Which way of a full set is replaced, no manual says: here a pseudo-random one, and an empty one first.
"""

from __future__ import annotations

from typing import Any

from mcusim.engine import cache_tables as c
from mcusim.jit import as_pointer, carray, int64, njit, njit_inlined, uint8

RANGE, DIRTY, THROUGH = c.RANGE, c.DIRTY, c.THROUGH
BEAT_SHIFT, LINE_BYTES, LINE_BEATS, WHOLE_LINE = c.BEAT_SHIFT, c.LINE_BYTES, c.LINE_BEATS, c.WHOLE_LINE
LINE_SHIFT, NO_LINE, NO_CACHE, WRITE_BACK = c.LINE_SHIFT, c.NO_LINE, c.NO_CACHE, c.WRITE_BACK
RECENT_LINES = c.RECENT_LINES
FULL_FILLS = 3  # DDI 0489F 5.9.1: "on three consecutive linefills"


@njit_inlined
def find(cache: Any, line: int) -> int:
    """Return the slot where a cache has a line; -1 if it does not, or is off."""
    if not cache.on:
        return int64(-1)
    tags = carray(as_pointer(cache.tags), (cache.slot_count,), int64)
    first = (line & cache.set_mask) * cache.ways
    for slot in range(first, first + cache.ways):
        if tags[slot] == line:
            return slot
    return int64(-1)


@njit
def range_at(caches: Any, address: int) -> int:
    """Return the number of the piece of the memory map that an address is in; -1 where nothing waits."""
    ranges = carray(as_pointer(caches.ranges), (caches.range_count,), RANGE)
    low, high = int64(0), int64(caches.range_count)
    while low < high:
        middle = (low + high) >> 1
        if ranges[middle].end <= address:
            low = middle + 1
        else:
            high = middle
    return low if low < caches.range_count and ranges[low].start <= address else int64(-1)


@njit
def _place(cache: Any, line: int, flags: int) -> int:
    """Put a line into a cache: an empty way of its set, or a pseudo-random one.

    Return twice the line that it replaces (NO_LINE if none), plus one if that is dirty.
    """
    tags = carray(as_pointer(cache.tags), (cache.slot_count,), int64)
    slot_flags = carray(as_pointer(cache.flags), (cache.slot_count,), uint8)
    first = (line & cache.set_mask) * cache.ways
    slot = int64(-1)
    for candidate in range(first, first + cache.ways):
        if tags[candidate] == NO_LINE:
            slot = candidate
            break
    if slot < 0:
        cache.random = (cache.random * 1103515245 + 12345) & 0x7FFF_FFFF  # ISO C 7.22.2.2, the example of rand()
        slot = first + (cache.random >> 16) % cache.ways
    replaced = 2 * tags[slot] + (slot_flags[slot] & DIRTY)
    tags[slot] = line
    slot_flags[slot] = flags
    return replaced


@njit
def rest_cycles(memory: Any) -> int:
    """Return the cycles from a line's first beat to its last."""
    return (LINE_BEATS - 1) * memory.beat_cycles + ((LINE_BEATS - 1) // memory.read_beats) * memory.again_cycles


@njit
def _beat_there(fill: Any, address: int) -> int:
    """Return the cycle in which the beat with an address is there, of the line that is on its way."""
    after = ((address >> BEAT_SHIFT) - fill.beat) & (LINE_BEATS - 1)
    return fill.there_cycle + after * fill.beat_cycles + (after // fill.read_beats) * fill.again_cycles


@njit
def _byte_mask(address: int, size_bytes: int) -> int:
    return ((1 << size_bytes) - 1) << (address & (LINE_BYTES - 1))


@njit
def _evict(caches: Any, line: int, now: int) -> None:
    """Let a dirty line leave for memory, behind the writes that are under way."""
    number = range_at(caches, line << LINE_SHIFT)
    cycles = int64(0)
    if number >= 0:
        memory = carray(as_pointer(caches.ranges), (caches.range_count,), RANGE)[number]
        cycles = memory.write_cycles + (LINE_BEATS - 1) * memory.beat_cycles
    caches.write_free_cycle = max(now, caches.write_free_cycle) + cycles
    caches.evict_free_cycle = caches.write_free_cycle


@njit
def _fill_line(caches: Any, memory: Any, address: int, now: int, by_store: int) -> int:
    """Begin to read the line of an address into the data cache; return the cycle in which its first beat is there."""
    fill = caches.fill
    if fill.by_store and fill.written != WHOLE_LINE:
        caches.full_fills = 0
    flags = 0 if memory.policy == WRITE_BACK else THROUGH
    if by_store:
        flags |= DIRTY
    begin = now
    replaced = _place(caches.caches[1], address >> LINE_SHIFT, flags)
    if replaced & 1:
        begin = max(begin, caches.evict_free_cycle)
        _evict(caches, replaced >> 1, begin)
    if caches.recent[(replaced >> 1) & (RECENT_LINES - 1)] == replaced >> 1:
        caches.recent[(replaced >> 1) & (RECENT_LINES - 1)] = NO_LINE
    if caches.recent_dirty[(replaced >> 1) & (RECENT_LINES - 1)] == replaced >> 1:
        caches.recent_dirty[(replaced >> 1) & (RECENT_LINES - 1)] = NO_LINE
    there = max(begin + memory.first_cycles, caches.read_free_cycle + memory.beat_cycles)
    fill.line = address >> LINE_SHIFT
    fill.beat = address >> BEAT_SHIFT
    fill.there_cycle = there
    fill.beat_cycles, fill.read_beats, fill.again_cycles = memory.beat_cycles, memory.read_beats, memory.again_cycles
    fill.end_cycle = caches.read_free_cycle = there + rest_cycles(memory)
    fill.written = 0
    fill.by_store = by_store
    return there


@njit
def read(caches: Any, memory: Any, address: int, size_bytes: int, pc: int, now: int) -> int:
    """Load from memory that the data cache has not, or not all of yet; return the cycles that the core waits.

    `memory` is the piece of the map; the access stays within a line. The caches are changed, the clock is not.
    """
    data = caches.caches[1]
    line = address >> LINE_SHIFT
    if memory.data_cache == NO_CACHE or not caches.caches[memory.data_cache].on:
        first = memory.first_cycles
        if pc == caches.burst_pc and address == caches.burst_end and address & (LINE_BYTES - 1):
            first = memory.beat_cycles if address & 7 == 0 else 0
        caches.burst_pc, caches.burst_end = pc, address + size_bytes
        there = max(now + first, caches.read_free_cycle)
        caches.read_free_cycle = there
        return there - now
    if memory.data_cache != 1:  # behind a cache that is the memory's own
        other = caches.caches[memory.data_cache]
        if find(other, line) >= 0:
            return int64(0)
        _place(other, line, 0)
        caches.epoch += 1
        return int64(memory.first_cycles)
    if find(data, line) >= 0:
        fill = caches.fill
        return max(_beat_there(fill, address) - now, 0) if fill.line == line else int64(0)
    if caches.streaming and line == caches.stream_line:
        caches.streaming = 0
    return _fill_line(caches, memory, address, now, 0) - now


@njit
def _buffer_store(caches: Any, now: int) -> int:
    """Wait for room in the store buffer; return the cycles."""
    return max(caches.store_ends[caches.store_slot] - now, 0)


@njit
def _enter_store(caches: Any, end_cycle: int) -> None:
    """Take the oldest entry of the store buffer for a store that is done at a cycle."""
    caches.store_ends[caches.store_slot] = end_cycle
    caches.store_slot = (caches.store_slot + 1) % caches.store_entries


@njit
def _write_memory(caches: Any, memory: Any, address: int, now: int, write_cycles: int) -> int:
    """Send a store to memory by the store buffer, which merges what is in the same 64 bits; return the wait."""
    chunk = address >> BEAT_SHIFT
    youngest = (caches.store_slot + caches.store_entries - 1) % caches.store_entries
    if chunk == caches.last_chunk and caches.store_ends[youngest] > now:
        return int64(0)
    stall = _buffer_store(caches, now)
    caches.write_free_cycle = max(caches.write_free_cycle, now + stall) + write_cycles
    _enter_store(caches, caches.write_free_cycle)
    caches.last_chunk = chunk
    return stall


@njit
def _stream(caches: Any, address: int, size_bytes: int) -> bool:
    """Return whether a store that missed goes on without allocating a line; a line left half written ends that."""
    line = address >> LINE_SHIFT
    if line != caches.stream_line:
        if caches.stream_line != NO_LINE and caches.stream_written != WHOLE_LINE:
            caches.streaming = 0
            caches.full_fills = 0
            caches.stream_line = NO_LINE
            return False
        caches.stream_line = line
        caches.stream_written = 0
    caches.stream_written |= _byte_mask(address, size_bytes)
    return True


@njit
def write(caches: Any, memory: Any, address: int, size_bytes: int, now: int) -> int:
    """Store to memory; return the cycles that the core waits. As `read`."""
    data = caches.caches[1]
    line = address >> LINE_SHIFT
    if memory.data_cache == 1:
        slot = find(data, line)
        if slot >= 0:
            flags = carray(as_pointer(data.flags), (data.slot_count,), uint8)
            fill = caches.fill
            if fill.line == line and fill.by_store and now < fill.end_cycle and fill.written != WHOLE_LINE:
                fill.written |= _byte_mask(address, size_bytes)
                if fill.written == WHOLE_LINE:
                    caches.full_fills += 1
                    if caches.full_fills >= FULL_FILLS and not caches.streaming:
                        caches.streaming = 1
                        caches.stream_line = NO_LINE
            if flags[slot] & THROUGH:
                return _write_memory(caches, memory, address, now, memory.write_cycles)
            flags[slot] |= DIRTY
            return int64(0)
        if data.on and memory.write_allocate and not (caches.streaming and _stream(caches, address, size_bytes)):
            stall = _buffer_store(caches, now)
            _fill_line(caches, memory, address, now + stall, 1)
            caches.fill.written = _byte_mask(address, size_bytes)
            _enter_store(caches, caches.fill.end_cycle)
            return stall
    in_burst = caches.streaming and address & (LINE_BYTES - 1) and address >> BEAT_SHIFT == caches.last_chunk + 1
    return _write_memory(caches, memory, address, now, memory.beat_cycles if in_burst else memory.write_cycles)


@njit
def fetch(caches: Any, memory: Any, line: int, need: int, request: int) -> int:
    """Fetch a line of instructions that is not in a cache; return the cycles that the core waits for it."""
    there = max(request + memory.first_cycles, caches.fetch_free_cycle + memory.beat_cycles)
    caches.fetch_free_cycle = there + rest_cycles(memory)
    if memory.fetch_cache != NO_CACHE and caches.caches[memory.fetch_cache].on:
        _place(caches.caches[memory.fetch_cache], line, 0)
        caches.epoch += 1
    return max(there - need, 0)
