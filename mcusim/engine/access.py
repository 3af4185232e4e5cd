# SPDX-License-Identifier: Apache-2.0
"""The native memory hook that notes which bytes are live, who reads which flash, and how many bytes move.

Of each byte of SRAM three stretches are kept: of its last write (w), of the last read of what was written (r, 0 where
nobody has read it), and the last one in which the byte is already counted as live (e). A read sets r. A write ends what
was there: if it was read, [w, r] is *committed*:

    live      in each stretch from w (or e + 1) to r the byte is counted once, by its zone
    across    it was live across the ends of the stretches w to r - 1
    logged    if w < r, as a part of an interval of neighbouring bytes

A value that is overwritten before anybody reads it was never live. What is written and read within one stretch again
and again, as stack slots are, costs two loads and a store after the first time.

Nothing here is repeated: only accesses to devices are, and those are not memory.
"""

from __future__ import annotations

from typing import Any

from mcusim.engine import access_tables as a
from mcusim.engine import records as rec
from mcusim.engine.intervals import overwrite
from mcusim.engine.native import REG_PC, clear_it_state, register
from mcusim.jit import (
    as_pointer,
    carray,
    int32,
    int64,
    load16,
    load32,
    load64,
    native_callback,
    njit,
    njit_inlined,
    pointer,
    store16,
    store32,
    store64,
    uint8,
    uint16,
    uint32,
    uint64,
    void,
)

TRACK, SPAN, SET, EVENT = a.TRACK, a.SPAN, a.SET, a.EVENT
MACHINE, ENTRY, BLOCK = rec.MACHINE, rec.ENTRY, rec.BLOCK
SETS, LAYERS, FREED = a.SETS, a.LAYERS, a.FREED
ONES = uint64(a.ONES)


# Writes: nothing to commit if nobody has read it, or if all that would be counted is counted already.


@njit_inlined
def _write(t: Any, span: Any, offset: int, size_bytes: int) -> None:
    """Note a write of 1, 2 or 4 bytes that lies in SRAM."""
    at = uint64(2) * uint64(offset)
    if size_bytes == 4:
        now = t.stretch4
        read = load64(span.read + at)
        if read == 0:
            store64(span.written + at, now)
            return
        if read == now and load64(span.written + at) == now and load64(span.counted + at) == now:
            store64(span.read + at, uint64(0))
            return
    elif size_bytes == 1:
        now1 = uint32(t.stretch)
        read1 = load16(span.read + at)
        if read1 == 0:
            store16(span.written + at, now1)
            return
        if read1 == now1 and load16(span.written + at) == now1 and load16(span.counted + at) == now1:
            store16(span.read + at, uint16(0))
            return
    else:
        now2 = uint32(t.stretch4)
        read2 = load32(span.read + at)
        if read2 == 0:
            store32(span.written + at, now2)
            return
        if read2 == now2 and load32(span.written + at) == now2 and load32(span.counted + at) == now2:
            store32(span.read + at, uint32(0))
            return
    overwrite(t, span, offset, size_bytes, t.stretch)


# Flash


@njit
def _with_layer(t: Any, before: int) -> int:
    """Return the set that holds the current layer beside those of another one; a new one, or MANY, if need be."""
    layer = t.layer
    transitions = carray(as_pointer(t.transitions), (SETS, LAYERS), uint16)
    sets = carray(as_pointer(t.sets), (SETS,), SET)
    after = int64(transitions[before, layer])
    if after != 0:
        return after
    ancestor = int64(before)
    while ancestor != 0:
        if sets[ancestor].layer == layer:
            transitions[before, layer] = before
            return int64(before)
        ancestor = int64(sets[ancestor].parent)
    after = int64(a.MANY)
    if t.set_count < a.MANY:
        after = t.set_count
        t.set_count = after + 1
        sets[after].parent = before
        sets[after].layer = layer
        transitions[after, layer] = after
    transitions[before, layer] = after
    return after


@njit
def _read_flash(t: Any, span: Any, offset: int, size_bytes: int) -> None:
    """Note that the current layer reads bytes of flash."""
    sets = carray(as_pointer(span.sets), (span.size_bytes,), uint16)
    quiet = int64(t.quiet4 & uint64(0xFFFF))
    for index in range(offset, offset + size_bytes):
        if sets[index] != quiet:
            quiet = _with_layer(t, int64(sets[index]))
            sets[index] = quiet
    t.quiet4 = uint64(quiet) * ONES


# Accesses


@njit_inlined
def _read_sram(t: Any, span: Any, offset: int, size_bytes: int) -> None:
    """Note a read of 1, 2 or 4 bytes of SRAM."""
    at = span.read + uint64(2) * uint64(offset)
    if size_bytes == 4:
        store64(at, t.stretch4)
    elif size_bytes == 1:
        store16(at, uint16(t.stretch))
    else:
        store32(at, uint32(t.stretch4))


@njit_inlined
def _known_reader(t: Any, span: Any, offset: int, size_bytes: int) -> bool:
    """Return whether 1, 2 or 4 bytes of flash belong to the set met last, which holds the current layer."""
    at = span.sets + uint64(2) * uint64(offset)
    if size_bytes == 4:
        return bool(load64(at) == t.quiet4)
    if size_bytes == 1:
        return bool(load16(at) == uint16(t.quiet4))
    return bool(load32(at) == uint32(t.quiet4))


@njit
def _access(t: Any, span: Any, writes: bool, offset: int, size_bytes: int) -> None:
    """Note an access of any size that lies in one span."""
    traffic = carray(as_pointer(t.traffic), (512,), int64)
    if span.written == 0:
        if not writes:  # a write faults
            traffic[2 * span.region] += size_bytes
            _read_flash(t, span, offset, size_bytes)
    elif writes:
        traffic[2 * span.region + 1] += size_bytes
        overwrite(t, span, offset, size_bytes, t.stretch)
    else:
        traffic[2 * span.region] += size_bytes
        rs = carray(as_pointer(span.read), (span.size_bytes,), uint16)
        for index in range(offset, offset + size_bytes):
            rs[index] = t.stretch


@njit_inlined
def _span_at(t: Any, address: int) -> int:
    """Return the number of the span that an address is in, 0 for none."""
    return int64(carray(as_pointer(t.pages), (a.PAGES,), uint8)[uint64(address) >> uint64(a.PAGE_SHIFT)])


@njit
def _note(t: Any, writes: bool, address: int, size_bytes: int) -> None:
    """Note an access at any address; the parts of it that are in no memory are left out."""
    spans = carray(as_pointer(t.spans), (256,), SPAN)
    while size_bytes > 0:
        number = _span_at(t, address)
        span = spans[number]
        part = int64(1)
        offset = address - span.start
        if number != 0 and offset < span.size_bytes:
            part = min(size_bytes, span.size_bytes - offset)
            _access(t, span, writes, offset, part)
        address = (address + part) & 0xFFFF_FFFF
        size_bytes -= part


@njit
def note_host_access(track: Any, writes: bool, address: int, size_bytes: int) -> None:
    """Note, from Python, an access that the engine does not see."""
    _note(track[0], writes, address, size_bytes)


@njit_inlined
def _leave_it_block(t: Any) -> None:
    """Clear the IT state if the running block holds an access that an IT instruction governs."""
    m = carray(as_pointer(t.machine), (1,), MACHINE)[0]
    number = m.current_entry
    if number >= 0:
        block = carray(as_pointer(m.entries), (m.entry_capacity,), ENTRY)[uint64(number)].block
        flags = carray(as_pointer(m.blocks), (m.block_capacity,), BLOCK)[uint64(block)].flags
        if flags & rec.ACCESSES_IN_IT:
            clear_it_state(m)


@njit_inlined
def _on_access(t: Any, writes: bool, address: int, size_bytes: int) -> None:
    """Note an access of the core."""
    _leave_it_block(t)
    span = carray(as_pointer(t.spans), (256,), SPAN)[uint64(_span_at(t, address))]
    offset = address - span.start
    if size_bytes > 4 or offset + size_bytes > span.size_bytes:  # the empty span 0 of what is no memory among them
        _note(t, writes, address, size_bytes)
        return
    place = t.traffic + (uint64(span.region) << uint64(4))
    if writes:
        if span.written != 0:
            carray(as_pointer(place), (2,), int64)[uint64(1)] += size_bytes
            _write(t, span, offset, size_bytes)
        return
    carray(as_pointer(place), (2,), int64)[uint64(0)] += size_bytes
    if span.written != 0:
        _read_sram(t, span, offset, size_bytes)
    elif not _known_reader(t, span, offset, size_bytes):
        _read_flash(t, span, offset, size_bytes)


@native_callback(void, pointer, int32, uint64, int32, int64, pointer)
def on_read(uc: Any, kind: int, address: int, size_bytes: int, value: int, user: Any) -> None:
    """Unicorn's memory hook (uc_cb_hookmem_t) on all reads."""
    _on_access(carray(user, (1,), TRACK)[0], False, int64(address), int64(size_bytes))


@native_callback(void, pointer, int32, uint64, int32, int64, pointer)
def on_write(uc: Any, kind: int, address: int, size_bytes: int, value: int, user: Any) -> None:
    """Unicorn's memory hook on all writes."""
    _on_access(carray(user, (1,), TRACK)[0], True, int64(address), int64(size_bytes))


# The sanitizer


@njit
def _event(t: Any, m: Any, kind: int, address: int, size_bytes: int) -> None:
    """Note what the running instruction did, once for each kind and instruction."""
    pc = register(m, REG_PC) & ~1
    events = carray(as_pointer(t.events), (a.EVENTS,), EVENT)
    slot = (pc * 5 + kind) & (a.EVENTS - 1)
    while events[slot].kind != 0:
        if events[slot].kind == kind and events[slot].pc == pc:
            events[slot].count += 1
            return
        slot = (slot + 1) & (a.EVENTS - 1)
    if t.event_count >= a.EVENTS // 2:
        t.events_lost += 1
        return
    t.event_count += 1
    events[slot].kind = kind
    events[slot].pc = pc
    events[slot].address = address
    events[slot].size_bytes = size_bytes
    events[slot].layer = t.layer
    events[slot].cycles = m.clock_cycles
    events[slot].count = 1


@njit
def _inspect(t: Any, writes: bool, address: int, size_bytes: int) -> None:
    """Note what is wrong with an access before it happens."""
    number = _span_at(t, address)
    if number == 0:
        return
    m = carray(as_pointer(t.machine), (1,), MACHINE)[0]
    if address & (min(size_bytes, 4) - 1):
        _event(t, m, a.MISALIGNED, address, size_bytes)
    span = carray(as_pointer(t.spans), (256,), SPAN)[number]
    if span.written == 0:
        return
    ws = carray(as_pointer(span.written), (span.size_bytes,), uint16)
    offset = address - span.start
    for index in range(offset, min(offset + size_bytes, span.size_bytes)):
        if ws[index] == FREED:
            _event(t, m, a.FREED_WRITTEN if writes else a.FREED_READ, address, size_bytes)
            return
        if ws[index] == 0 and not writes:
            _event(t, m, a.UNWRITTEN, address, size_bytes)
            return


@native_callback(void, pointer, int32, uint64, int32, int64, pointer)
def on_read_sanitized(uc: Any, kind: int, address: int, size_bytes: int, value: int, user: Any) -> None:
    """Do what `on_read` does, and look for what is wrong."""
    t = carray(user, (1,), TRACK)[0]
    _inspect(t, False, int64(address), int64(size_bytes))
    _on_access(t, False, int64(address), int64(size_bytes))


@native_callback(void, pointer, int32, uint64, int32, int64, pointer)
def on_write_sanitized(uc: Any, kind: int, address: int, size_bytes: int, value: int, user: Any) -> None:
    """Do what `on_write` does, and look for what is wrong."""
    t = carray(user, (1,), TRACK)[0]
    _inspect(t, True, int64(address), int64(size_bytes))
    _on_access(t, True, int64(address), int64(size_bytes))
