# SPDX-License-Identifier: Apache-2.0
"""What looks on while the firmware runs and changes nothing: layers, memory accesses, the heap.

All of it is off unless the settings ask for it. Layers may be followed without their memory, and memory without layers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcusim.access_trace import AccessTrace
from mcusim.engine import records as rec
from mcusim.engine.tables import Tables
from mcusim.image.model import Image
from mcusim.layer_trace import HeapTrace, LayerTrace
from mcusim.layers import LayerReader, find_rule
from mcusim.machine.calls import Calls
from mcusim.machine.heap import HeapModel
from mcusim.machine.layers import LayerRun, flag_functions
from mcusim.machine.samples import Sampler
from mcusim.machine.settings import Settings
from mcusim.machine.slices import SliceLog
from mcusim.machine.spending import Meter
from mcusim.machine.tracking import AccessTracker
from mcusim.machine.zones import arenas, set_zones
from mcusim.slice_trace import SliceTrace

if TYPE_CHECKING:
    from mcusim.engine.engine import EngineFault
    from mcusim.machine.handlers import Handlers
    from mcusim.machine.loop import RunLoop
    from mcusim.machine.machine import Machine


class Observation:
    """Who looks on. `calls` must know of the functions before the first of them is met: `start` comes later."""

    def __init__(self, image: Image, settings: Settings, tables: Tables) -> None:
        self.calls = Calls(tables)
        self.rule = find_rule(settings.layers, image)
        if self.rule is not None:
            flag_functions(self.rule, self.calls)
        asked = settings.memory_tracking
        self._tracks = settings.sanitize or (self.rule is not None if asked is None else asked)
        self._sanitizes = settings.sanitize
        self.arenas = arenas(image, self.rule, settings.arenas)
        self.slices = SliceLog(tables)
        self._trace_slices = settings.trace_slices
        self.sampler: Sampler | None = None
        self.layers: LayerRun | None = None
        self.tracker: AccessTracker | None = None
        self.heap: HeapModel | None = None

    def start(self, machine: Machine) -> None:
        """Begin to look on, when the machine is complete and has not run."""
        if self._trace_slices:
            self.sampler = Sampler(machine.tables, machine.instructions)
            self.slices.start(self._trace_slices)
        if self.rule is None and not self._tracks:
            return
        self.calls.attach(machine.engine.read_register)
        self.layers = LayerRun(
            machine.engine, machine.tables, machine.memory, machine.stacks, self.calls,
            Meter(machine.tables, machine.extra_cycles), self.rule,
            LayerReader(machine.image, self.rule) if self.rule is not None else None,
        )  # fmt: skip
        if not self._tracks:
            return
        self.tracker = AccessTracker(
            machine.engine, machine.tables, machine.memory, machine.board, sanitize=self._sanitizes
        )
        set_zones(self.tracker, machine.image, machine.board, self.arenas, machine.stacks.main)
        self.heap = HeapModel(machine.image, machine.engine, machine.tables, self.calls, self.tracker)
        if self._sanitizes:
            self.heap.on_reserved = machine.stacks.guard_main
        self.layers.attach(self.tracker, self.heap)
        self.tracker.start()

    def account(self, *, ends: bool = False) -> None:
        """Give what was spent so far to what is current; something else is about to be. `ends`: a handler is over."""
        if self.layers is not None:
            self.layers.account()
            if ends:
                self.layers.handler_ends()

    def handler_ends(self, depth: int, link: int) -> None:
        """The current handler is about to return by EXC_RETURN `link` to what has so many frames."""
        self.calls.handler_ends(depth, link)

    def switched(self) -> None:
        """A handler or a task has become current, or the layer that it interrupted."""
        if self.layers is not None:
            self.layers.switched()

    def device_access(self, size_bytes: int, writes: bool) -> None:
        """The core has accessed a peripheral."""
        if self.tracker is not None:
            self.tracker.device_access(size_bytes, writes)

    def run(self, loop: RunLoop, due_cycles: int) -> EngineFault | None:
        """Let the engine run until something has to be done; stretches of the timeline begin on the way."""
        machine, m = loop.machine, loop.machine.tables.m
        m["due_cycles"] = due_cycles
        ticking = [each for each in (self.tracker, self.sampler) if each is not None]
        if not ticking or not due_cycles:
            return machine.engine.run(loop.pc)
        while True:
            for each in ticking:
                each.look(machine.clock.cycles)
            m["due_cycles"] = tick = min(due_cycles, *(each.next_tick_cycles for each in ticking))
            fault = machine.engine.run(loop.pc)
            only_tick = m["stop_reason"] == rec.DUE and m["due_cycles"] == tick < due_cycles and not m["even_jump"]
            if not only_tick or loop.limits.interrupted or machine.clock.cycles >= due_cycles or fault is not None:
                return fault
            loop.pc = machine.engine.read_register("pc") & ~1
            m["stop_reason"] = rec.RUNNING

    def finish_slices(self, handlers: Handlers) -> SliceTrace | None:
        """The run has ended; return its calls over time, where they were kept."""
        return self.slices.finish(handlers, self.sampler) if self.sampler is not None else None

    def finish(self, cycles: int) -> tuple[LayerTrace | None, AccessTrace | None, HeapTrace | None]:
        """The run has ended; return what was seen."""
        layers = self.layers.finish() if self.layers is not None else None
        access = self.tracker.finish(cycles) if self.tracker is not None else None
        return layers, access, self.heap.finish() if self.heap is not None else None
