# SPDX-License-Identifier: Apache-2.0
"""Calls over time, kept natively while a run is traced: when each began and ended, and what it spent.

The call tree's node says which calls are open, so a move in the tree is either to a child, which begins a slice, or
back to an ancestor, which ends the slices below it.

A slice that is over is kept if a *tick* fell into it: a cycle that is a multiple of so many, a power of two. When there
is no room for another slice, ticks become half as many, and what has none any more is dropped. So all slices are kept
that are at least a tick long, and of shorter ones a sample, spread evenly over the run; a caller is kept with what it
calls. Nodes count what is left out. Handlers have ticks of their own, never fewer, which only become less when handlers
are what fills the room.
"""

from __future__ import annotations

from typing import Any

from mcusim.engine import records as rec
from mcusim.engine.slice_tables import OPEN_SLICE, RUN, SLICE
from mcusim.jit import as_pointer, carray, int64, njit

NODE = rec.NODE
RESERVE = 2  # open slices that one step of the call tree may begin


@njit
def _leave_out(m: Any, nodes: Any, node: int, self_cycles: int, kind: int) -> None:
    if kind & RUN:
        m.runs_left_out += 1
    else:
        nodes[node].calls_left_out += 1
        nodes[node].cycles_left_out += self_cycles


@njit
def _has_tick(m: Any, nodes: Any, start: int, end: int, node: int, kind: int) -> bool:
    """Return whether a slice is kept: a multiple of the tick, which is a power of two, is in (start, end]."""
    tick_cycles = int64(m.handler_tick_cycles if kind & RUN or nodes[node].parent < 0 else m.call_tick_cycles)
    return tick_cycles == 0 or start & -tick_cycles != end & -tick_cycles


@njit
def _halve_ticks(m: Any, nodes: Any, slices: Any) -> None:
    """Let there be half as many ticks for what there is most of."""
    handlers = 0
    for index in range(m.slice_count):
        handlers += slices[index].kind & RUN != 0 or nodes[slices[index].node].parent < 0
    if 2 * handlers > m.slice_count:
        m.handler_tick_cycles = max(1, 2 * m.handler_tick_cycles)
        m.call_tick_cycles = max(m.call_tick_cycles, m.handler_tick_cycles)
    else:
        m.call_tick_cycles = max(1, 2 * m.call_tick_cycles)


@njit
def _make_room(m: Any, nodes: Any) -> None:
    """Drop slices, at least a quarter of them."""
    slices = carray(as_pointer(m.slices), (m.slice_capacity,), SLICE)
    while 4 * m.slice_count > 3 * m.slice_capacity:
        _halve_ticks(m, nodes, slices)
        kept = 0
        for index in range(m.slice_count):
            row = slices[index]
            start, end = int64(row.start_cycles), int64(row.end_cycles)
            if _has_tick(m, nodes, start, end, int64(row.node), int64(row.kind)):
                slices[kept] = row
                kept += 1
            else:
                _leave_out(m, nodes, int64(row.node), int64(row.self_cycles), int64(row.kind))
        m.slice_count = kept


@njit
def _keep(m: Any, start: int, end: int, self_cycles: int, total_cycles: int, node: int, kind: int) -> None:
    """Keep a slice that is over, if it has a tick."""
    nodes = carray(as_pointer(m.nodes), (m.node_capacity,), NODE)
    if m.slice_count == m.slice_capacity:
        _make_room(m, nodes)
    if not _has_tick(m, nodes, start, end, node, kind):
        _leave_out(m, nodes, node, self_cycles, kind)
        return
    row = carray(as_pointer(m.slices), (m.slice_capacity,), SLICE)[m.slice_count]
    row.start_cycles, row.end_cycles = start, end
    row.self_cycles, row.total_cycles = self_cycles, total_cycles
    row.node, row.track, row.kind = node, m.track, kind
    m.slice_count += 1


@njit
def _begin(m: Any, node: int) -> None:
    """Begin a slice in the current one. There is room."""
    number = m.free_slice
    row = carray(as_pointer(m.open_slices), (m.open_slice_capacity,), OPEN_SLICE)[number]
    m.free_slice = row.parent
    m.free_slices -= 1
    row.start_cycles, row.self_cycles, row.called_cycles = m.clock_cycles, 0, 0
    row.node, row.parent = node, m.slice
    m.slice = number
    if m.free_slices < RESERVE:
        m.call_events |= rec.TRACE_FULL


@njit
def _end(m: Any, end_cycles: int, kind: int) -> None:
    """End the current slice; the one that it is in is current again."""
    opened = carray(as_pointer(m.open_slices), (m.open_slice_capacity,), OPEN_SLICE)
    number = int64(m.slice)
    row = opened[number]
    parent, total_cycles = int64(row.parent), int64(row.self_cycles) + int64(row.called_cycles)
    if parent >= 0:
        opened[parent].called_cycles += total_cycles
    _keep(m, int64(row.start_cycles), end_cycles, int64(row.self_cycles), total_cycles, int64(row.node), kind)
    row.parent = m.free_slice
    m.free_slice = number
    m.free_slices += 1
    m.slice = parent


@njit
def move_slices(m: Any, node: int, spent_cycles: int) -> None:
    """A node becomes current, the one before it has spent so much."""
    opened = carray(as_pointer(m.open_slices), (m.open_slice_capacity,), OPEN_SLICE)
    parent = int64(carray(as_pointer(m.nodes), (m.node_capacity,), NODE)[node].parent)
    if m.slice >= 0:
        opened[m.slice].self_cycles += spent_cycles
        while m.slice >= 0 and opened[m.slice].node != node and opened[m.slice].node != parent:
            _end(m, int64(m.clock_cycles), 0)
    if m.slice < 0 or opened[m.slice].node != node:
        _begin(m, node)


@njit
def leave_track(m: Any) -> None:
    """Another track is about to run. What is current stays open."""
    if m.clock_cycles > m.track_since_cycles:
        spent = m.clock_cycles - m.track_since_cycles
        _keep(m, int64(m.track_since_cycles), int64(m.clock_cycles), spent, spent, int64(m.node), RUN)
    m.track_since_cycles = m.clock_cycles
    m.slice = -1


@njit
def end_slices(machine: Any, number: int, track: int, end_cycles: int, kind: int) -> None:
    """End an open slice, and all that it is in, from Python; no slice is current afterwards."""
    m = machine[0]
    m.slice, m.track = number, track
    while m.slice >= 0:
        _end(m, end_cycles, kind)
