# SPDX-License-Identifier: Apache-2.0
"""The native memory hooks of the sanitizer: they note what is wrong with an access, then do what `access` does.

An *event* is kept once for each kind, instruction and place in the call tree. Which events are findings, and what they
mean, is found out afterwards (`mcusim.attribution.findings`).

Each byte of SRAM has an *author*: the activation and the instruction that wrote it. A byte of an arena or of the heap
that one activation wrote and another one overwrites unread is *lost*; neighbours are one row.
"""

from __future__ import annotations

from typing import Any

from mcusim.engine import access_tables as a
from mcusim.engine import records as rec
from mcusim.engine.access import note_access, span_at
from mcusim.engine.native import REG_PC, REG_SP, register
from mcusim.jit import as_pointer, carray, int32, int64, native_callback, njit, pointer, uint8, uint16, uint64, void

TRACK, SPAN, EVENT, HABIT, LOST = a.TRACK, a.SPAN, a.EVENT, a.HABIT, a.LOST
MACHINE, FREED = rec.MACHINE, a.FREED
PUSHED_BYTES = 128  # at most, by one PUSH or VPUSH, whose SP is still the old one


@njit
def _event(t: Any, m: Any, kind: int, address: int, size_bytes: int, node: int, before: int) -> None:
    """Note what the running instruction did, once for each kind, instruction and node."""
    pc = register(m, REG_PC) & ~1
    events = carray(as_pointer(t.events), (a.EVENTS,), EVENT)
    slot = (pc * 5 + kind + node * 31) & (a.EVENTS - 1)
    while events[slot].kind != 0:
        if events[slot].kind == kind and events[slot].pc == pc and events[slot].node == node:
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
    events[slot].activation = m.activation
    events[slot].node = node
    events[slot].cycles = m.clock_cycles
    events[slot].count = 1
    events[slot].before = before


@njit
def _look_at_bytes(t: Any, m: Any, span: Any, writes: bool, address: int, size_bytes: int) -> None:
    """Note an access of freed memory, or a read of what nobody has written."""
    ws = carray(as_pointer(span.written), (span.size_bytes,), uint16)
    offset = address - span.start
    for index in range(offset, min(offset + size_bytes, span.size_bytes)):
        if ws[index] == FREED:
            _event(t, m, a.FREED_WRITTEN if writes else a.FREED_READ, address, size_bytes, m.node, 0)
            return
        if ws[index] == 0 and not writes:
            _event(t, m, a.UNWRITTEN, address, size_bytes, m.node, 0)
            return


@njit
def _is_unused_stack(m: Any, span: Any, zones: Any, address: int) -> bool:
    """Return whether a byte of the stack lies below SP, further than one instruction pushes."""
    sp = register(m, REG_SP)
    offset = sp - 1 - span.start
    same = 0 <= offset < span.size_bytes and zones[offset] == a.STACK
    return bool(same and address < sp - PUSHED_BYTES)


@njit
def _look_at_zone(t: Any, m: Any, span: Any, address: int, size_bytes: int) -> None:
    """Note a write to where none should be. Of the first and the last byte that is looked at which is wrong."""
    zones = carray(as_pointer(span.zones), (span.size_bytes,), uint8)
    habits = carray(as_pointer(t.habits), (a.HABITS,), HABIT)
    for each in range(2):
        place = address + (size_bytes - 1) * each
        offset = place - span.start
        if offset >= span.size_bytes:
            return
        zone = zones[offset]
        if zone == a.OTHER_ZONE:
            _event(t, m, a.UNRESERVED, place, size_bytes, m.node, 0)
            return
        if zone == a.STACK:
            if _is_unused_stack(m, span, zones, place):
                _event(t, m, a.BELOW_STACK, place, size_bytes, m.node, 0)
                return
        elif m.activation >= 0:
            pc = register(m, REG_PC) & ~1
            habit = habits[(pc >> 1) & (a.HABITS - 1)]
            if zone != a.STATICS:
                habit.pc = pc
                habit.activation = m.activation
                habit.address = place
            elif habit.pc == pc and habit.activation == m.activation:
                _event(t, m, a.OVERRUN, place, size_bytes, m.node, habit.address)
                return
            else:
                _event(t, m, a.OUTSIDE, place, size_bytes, m.node, 0)
                return


# Lost bytes


@njit
def _stored_by(span: Any, activation: int, offset: int) -> int:
    """Return the instruction of an activation that wrote a byte; 0 if it holds something else."""
    if offset < 0 or offset >= span.size_bytes:
        return 0
    written = carray(as_pointer(span.written), (span.size_bytes,), uint16)[offset]
    author = carray(as_pointer(span.authors), (span.size_bytes,), uint64)[offset]
    same = int64(author >> uint64(32)) == activation + 1 and written != 0 and written != FREED
    return int64(author & uint64(0xFFFF_FFFF)) if same else 0


@njit
def _lose(t: Any, m: Any, span: Any, offset: int, writer: int, writer_pc: int, pc: int) -> None:
    """Note that the current activation overwrites a byte of another one unread."""
    value = int64(carray(as_pointer(span.content), (span.size_bytes,), uint8)[offset])
    address = span.own_start + offset
    rows = carray(as_pointer(t.lost), (a.LOST_ROWS,), LOST)
    open_lost = carray(as_pointer(t.open_lost), (a.OPEN_RUNS,), int64)
    slot = ((address >> 10) + writer * 31 + m.activation * 17) & (a.OPEN_RUNS - 1)
    index = open_lost[slot]
    below, above = _stored_by(span, writer, offset - 1), _stored_by(span, writer, offset + 1)
    if index >= 0:
        row = rows[index]
        if row.writer == writer and row.activation == m.activation and row.start - 1 <= address <= row.end:
            if address == row.end:
                row.end += 1
                row.above_pc = above
            elif address == row.start - 1:
                row.start -= 1
                row.below_pc = below
            row.low = min(row.low, value)
            row.high = max(row.high, value)
            return
    index = t.lost_count
    if index >= a.LOST_ROWS:
        t.lost_left_out += 1
        return
    t.lost_count = index + 1
    open_lost[slot] = index
    row = rows[index]
    row.start, row.end = address, address + 1
    row.writer, row.writer_pc = writer, writer_pc
    row.activation, row.pc, row.node, row.cycles = m.activation, pc, m.node, m.clock_cycles
    row.below_pc, row.above_pc = below, above
    row.low, row.high = value, value


@njit
def _sign(t: Any, m: Any, span: Any, offset: int, size_bytes: int) -> None:
    """Note what is lost by a write, and who its author is."""
    ws = carray(as_pointer(span.written), (span.size_bytes,), uint16)
    rs = carray(as_pointer(span.read), (span.size_bytes,), uint16)
    zones = carray(as_pointer(span.zones), (span.size_bytes,), uint8)
    authors = carray(as_pointer(span.authors), (span.size_bytes,), uint64)
    pc = register(m, REG_PC) & ~1
    author = uint64(m.activation + 1) << uint64(32) | uint64(pc)
    end = min(offset + size_bytes, span.size_bytes)
    for index in range(offset, end):
        writer = int64(authors[index] >> uint64(32)) - 1
        unread = rs[index] == 0 and ws[index] != 0 and ws[index] != FREED
        planned = zones[index] == a.ARENA or zones[index] == a.HEAP
        if unread and planned and writer >= 0 and m.activation >= 0 and writer != m.activation:
            _lose(t, m, span, index, writer, int64(authors[index] & uint64(0xFFFF_FFFF)), pc)
    for index in range(offset, end):
        authors[index] = author


# Hooks


@njit
def _inspect(t: Any, writes: bool, address: int, size_bytes: int) -> None:
    """Note what is wrong with an access before it happens."""
    number = span_at(t, address)
    if number == 0:
        return
    m = carray(as_pointer(t.machine), (1,), MACHINE)[0]
    if address & (min(size_bytes, 4) - 1):
        _event(t, m, a.MISALIGNED, address, size_bytes, -1, 0)
    span = carray(as_pointer(t.spans), (256,), SPAN)[number]
    if span.written == 0:
        return
    if t.allocating == 0:
        _look_at_bytes(t, m, span, writes, address, size_bytes)
        if writes:
            _look_at_zone(t, m, span, address, size_bytes)
    if writes:
        _sign(t, m, span, address - span.start, size_bytes)


@native_callback(void, pointer, int32, uint64, int32, int64, pointer)
def on_read_sanitized(uc: Any, kind: int, address: int, size_bytes: int, value: int, user: Any) -> None:
    """Do what `on_read` does, and look for what is wrong."""
    t = carray(user, (1,), TRACK)[0]
    _inspect(t, False, int64(address), int64(size_bytes))
    note_access(t, False, int64(address), int64(size_bytes))


@native_callback(void, pointer, int32, uint64, int32, int64, pointer)
def on_write_sanitized(uc: Any, kind: int, address: int, size_bytes: int, value: int, user: Any) -> None:
    """Do what `on_write` does, and look for what is wrong."""
    t = carray(user, (1,), TRACK)[0]
    _inspect(t, True, int64(address), int64(size_bytes))
    note_access(t, True, int64(address), int64(size_bytes))
