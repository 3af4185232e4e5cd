# SPDX-License-Identifier: Apache-2.0
"""Calls over time: who runs when threads and handlers change, while native code keeps their calls as slices.

`mcusim.engine.slices` says what is kept. Nothing happens, and nothing is kept, unless `start` was called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcusim.engine import calltree
from mcusim.engine.slice_tables import CUT
from mcusim.engine.slices import RESERVE, end_slices
from mcusim.engine.tables import Tables
from mcusim.machine.samples import Sampler
from mcusim.slice_trace import SliceTrace, SliceTrack

if TYPE_CHECKING:
    from mcusim.machine.handlers import Context, Handlers

RESET_TRACK = 0


class SliceLog:
    """Tracks of a run: 0 is the reset thread's, tasks have numbers below, exceptions their own above."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._active = False
        self._tracks: dict[int, int] = {}  # of threads: number -> root in the call tree

    def start(self, capacity: int) -> None:
        """Keep at most `capacity` slices from now on. The machine stands at reset."""
        m = self._tables.m
        self._active = True
        self._tables.trace_slices(capacity)
        self._tracks[RESET_TRACK] = int(m["node"])
        calltree.move_to(self._tables.machine, int(m["node"]))

    def leave(self, *, ends: bool) -> None:
        """Another track is about to run. `ends`: what runs now is a handler that is over; else it waits."""
        if not self._active:
            return
        m = self._tables.m
        number, track = int(m["slice"]), int(m["track"])
        calltree.leave_track(self._tables.machine)
        if ends:
            end_slices(self._tables.machine, number, track, int(m["clock_cycles"]), 0)
        if m["free_slices"] <= RESERVE:
            self._tables.grow_open_slices()

    def new_track(self, root: int) -> int:
        """Return the number of a new thread's track; `root` is its place in the call tree."""
        if not self._active:
            return RESET_TRACK
        number = -len(self._tracks)
        self._tracks[number] = root
        return number

    def finish(self, handlers: Handlers, sampler: Sampler) -> SliceTrace:
        """The run has ended: end what is open, and return all there is."""
        m = self._tables.m
        number, track, now = int(m["slice"]), int(m["track"]), int(m["clock_cycles"])
        calltree.leave_track(self._tables.machine)
        end_slices(self._tables.machine, number, track, now, CUT)
        for context in reversed(handlers.contexts):
            self._cut(context, now)
        for context in handlers.waiting:
            self._cut(context, context.left_cycles if self._replaced(context) else now)
        rows = self._tables.arrays["slices"][: int(m["slice_count"])].copy()
        exceptions = sorted({int(number) for number in rows["track"] if number > 0})
        tracks = [SliceTrack(number, root) for number, root in self._tracks.items()]
        return SliceTrace(
            rows, [*tracks, *(SliceTrack(number, -1) for number in exceptions)],
            int(m["call_tick_cycles"]), int(m["handler_tick_cycles"]), int(m["runs_left_out"]),
            sampler.finish(now),
        )  # fmt: skip

    def _replaced(self, context: Context) -> bool:
        """Return whether a task was created again while this context of it waited."""
        track = context.fields["track"]
        return any(root == self._tracks[track] and number < track for number, root in self._tracks.items())

    def _cut(self, context: Context, cycles: int) -> None:
        end_slices(self._tables.machine, context.fields["slice"], context.fields["track"], cycles, CUT)
