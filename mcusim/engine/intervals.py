# SPDX-License-Identifier: Apache-2.0
"""Values of bytes and the intervals in which they are live, natively: see `mcusim.engine.access`."""

from __future__ import annotations

from typing import Any

from mcusim.engine import access_tables as a
from mcusim.engine import records as rec
from mcusim.jit import as_pointer, carray, int32, int64, njit, uint8, uint16, uint64

SPAN, INTERVAL, MACHINE = a.SPAN, a.INTERVAL, rec.MACHINE
LEVELS, ZONES, WIDTH, FREED = a.LEVELS, a.ZONES, a.WIDTH, a.FREED


@njit
def _log(t: Any, start: int, end: int, writer: int, reader: int) -> None:
    """Note an interval: as a part of one that it continues, if that is still known, else as one of its own."""
    log = carray(as_pointer(t.log), (t.log_capacity,), INTERVAL)
    open_runs = carray(as_pointer(t.open_runs), (a.OPEN_RUNS,), int64)
    slot = uint64((start >> 10) + writer * 31 + reader * 17) & uint64(a.OPEN_RUNS - 1)
    index = open_runs[slot]
    if index >= 0:
        row = log[index]
        if row.writer == writer and row.reader == reader:
            if row.end == start:
                row.end = end
                return
            if row.start == end:
                row.start = start
                return
    index = t.log_count
    if index >= t.log_wanted:
        carray(as_pointer(t.machine), (1,), MACHINE)[0].due_cycles = 0  # stop at the next block: Python compacts
    if index >= t.log_capacity:
        t.dropped_bytes += end - start
        return
    log[index].start = start
    log[index].end = end
    log[index].writer = writer
    log[index].reader = reader
    open_runs[slot] = index
    t.log_count = index + 1


@njit
def _commit(t: Any, address: int, count: int, w: int, r: int, e: int, zone: int) -> None:
    """Count `count` neighbouring bytes as live from stretch w to stretch r; up to e they are counted already."""
    if r > e:
        maps = carray(as_pointer(t.maps), (LEVELS, WIDTH), uint16)
        live = carray(as_pointer(t.live), (LEVELS, ZONES, WIDTH), int32)
        for level in range(t.levels):
            last, done = int64(maps[level, r]), int64(maps[level, e])
            if last <= done:
                break  # nor is there anything new where the cut is coarser
            live[level, zone, max(int64(maps[level, w]), done + 1)] += count
            live[level, zone, last + 1] -= count
    if w < r:
        cross = carray(as_pointer(t.cross), (WIDTH,), int64)
        cross[w] += count
        cross[r] -= count
        _log(t, address, address + count, w, r)


@njit
def end_values(t: Any, span: Any, offset: int, size_bytes: int) -> None:
    """Commit what the bytes of a range hold, where somebody has read it."""
    ws = carray(as_pointer(span.written), (span.size_bytes,), uint16)
    rs = carray(as_pointer(span.read), (span.size_bytes,), uint16)
    es = carray(as_pointer(span.counted), (span.size_bytes,), uint16)
    zones = carray(as_pointer(span.zones), (span.size_bytes,), uint8)
    end = offset + size_bytes
    first = offset
    while first < end:
        w, r, e, zone = int64(ws[first]), int64(rs[first]), int64(es[first]), int64(zones[first])
        last = first + 1
        while last < end and ws[last] == w and rs[last] == r and es[last] == e and zones[last] == zone:
            last += 1
        if r != 0 and w != 0 and w != FREED:
            _commit(t, span.own_start + first, last - first, w, r, e, zone)
            if r > e:
                for index in range(first, last):
                    es[index] = r
        first = last


@njit
def overwrite(t: Any, span: Any, offset: int, size_bytes: int, stretch: int) -> None:
    """Commit what the bytes of a range hold, and put a new value there."""
    end_values(t, span, offset, size_bytes)
    ws = carray(as_pointer(span.written), (span.size_bytes,), uint16)
    rs = carray(as_pointer(span.read), (span.size_bytes,), uint16)
    for index in range(offset, offset + size_bytes):
        ws[index] = stretch
        rs[index] = 0


# From Python


@njit
def forget(track: Any, number: int, offset: int, size_bytes: int, mark: int) -> None:
    """End the values of a span's bytes; in place of their last write stands `mark`: 0 (never) or FREED."""
    t = track[0]
    overwrite(t, carray(as_pointer(t.spans), (256,), SPAN)[number], offset, size_bytes, mark)


@njit
def end_all_values(track: Any, number: int) -> None:
    """Commit what all bytes of a span hold, at the end of the run."""
    t = track[0]
    span = carray(as_pointer(t.spans), (256,), SPAN)[number]
    end_values(t, span, 0, span.size_bytes)


@njit
def renumber(array: Any, numbers: Any) -> None:
    """Replace stretches by their new numbers. 0 and FREED stay."""
    for index in range(len(array)):
        value = array[index]
        if value != 0 and value != FREED:
            array[index] = numbers[value]


@njit
def merge_intervals(rows: Any, writers: Any, readers: Any) -> int:
    """Merge neighbours of sorted rows in place and return how many are left.

    `writers` and `readers` name what wrote and read each row. Rows of the same two that touch or overlap become one. A
    number below zero is a time outside layers; there, rows must overlap in time as well, or all times would be one.
    """
    kept = 0
    for index in range(len(rows)):
        if index:
            last = rows[kept - 1]
            row = rows[index]
            same = writers[kept - 1] == writers[index] and readers[kept - 1] == readers[index]
            together = writers[index] >= 0 and readers[index] >= 0
            if not together:
                together = row.writer <= last.reader and last.writer <= row.reader
            if same and together and row.start <= last.end:
                last.end = max(last.end, row.end)
                last.writer = min(last.writer, row.writer)
                last.reader = max(last.reader, row.reader)
                continue
        rows[kept] = rows[index]
        writers[kept] = writers[index]
        readers[kept] = readers[index]
        kept += 1
    return kept
