# SPDX-License-Identifier: Apache-2.0
"""Layers of a run: which activation is current, what it spends, which inference it belongs to.

An activation begins with a call that the rule names, or a marker, and ends when the frame that it began in is left, in
whatever way (a return, a tail call's return, longjmp): frames of the shadow call stack remember which activation they
interrupt. Handlers and other tasks are outside it; it goes on when they return.

Which activations are the same layer of different inferences is found out afterwards (`mcusim.attribution.inferences`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mcusim.engine import records as rec
from mcusim.engine.engine import Engine
from mcusim.engine.tables import Tables
from mcusim.layer_trace import Identity, LayerActivation, LayerTrace, Spending
from mcusim.layers import LayerFacts, LayerReader, LayerRule, text_at
from mcusim.machine.calls import Calls, OnReturn
from mcusim.machine.memory import Memory
from mcusim.machine.spending import Meter
from mcusim.machine.stacks import Stack, Stacks
from mcusim.profile_memory import ZONES

MAX_ACTIVATIONS = 20_000
STACK = ZONES.index("stack")


class Tracker(Protocol):
    """What layers ask of the tracking of memory accesses (`mcusim.machine.tracking`)."""

    levels: Callable[[], tuple[int, int]] | None  # asked for the bytes of stack and heap when a stretch ends

    def begin_stretch(self, cycles: int, activation: int, *, kept: bool) -> None:
        """A new stretch of the timeline begins."""

    def note_levels(self, stack_bytes: int, heap_bytes: int) -> None:
        """How much of stack and heap the current stretch has used at most."""

    def set_layer(self, layer: int) -> None:
        """Who reads flash from now on; 0: no layer."""

    def set_zone(self, start: int, end: int, zone: int) -> None:
        """What the bytes of a range are reserved for."""

    def traffic(self) -> npt.NDArray[np.int64]:
        """Bytes so far: regions x (read, written)."""


class LayerObserver(Protocol):
    """Who looks at memory as layers begin and end (`mcusim.machine.capture`). It sees activations by their numbers."""

    def began(self, number: int, parent: int, facts: LayerFacts) -> None:
        """A layer is about to run its first instruction."""

    def detailed(self, number: int, facts: LayerFacts) -> None:
        """A kernel in it tells more."""

    def ended(self, number: int) -> None:
        """It has returned."""


class Heap(Protocol):
    """What layers ask of the heap."""

    bytes_now: int


def flag_functions(rule: LayerRule, calls: Calls) -> None:
    """Let native code stop at the calls that begin layers. No function may have been met yet."""
    for address in rule.starts:
        calls.add_flags(address, rec.BEGINS_LAYER)
    for address in rule.outermost:
        calls.add_flags(address, rec.BEGINS_OUTERMOST)
    for address in (*rule.begin_markers, *rule.end_markers, *rule.details):
        calls.add_flags(address, rec.WATCHED)
    for parent, callees in rule.parents.items():
        calls.add_flags(parent, rec.CALLS_LAYERS)
        if callees is None:
            calls.every_function, calls.exempt = rec.MAY_BE_CALLED, rule.helpers
        for address in callees or ():
            calls.add_flags(address, rec.MAY_BE_CALLED)


class LayerRun:
    """Follows layers while the firmware runs, and gives what is spent to whom it belongs."""

    def __init__(
        self,
        engine: Engine,
        tables: Tables,
        memory: Memory,
        stacks: Stacks,
        calls: Calls,
        meter: Meter,
        rule: LayerRule | None,
        reader: LayerReader | None,
    ) -> None:
        self._engine, self._tables, self._memory, self._stacks, self._meter = engine, tables, memory, stacks, meter
        self.rule, self._reader = rule, reader
        self.tracker: Tracker | None = None
        self.observer: LayerObserver | None = None
        self._heap: Heap | None = None
        self._stacks_seen: set[tuple[int, int]] = set()  # whose bytes are known to be a stack's
        self._activations: list[LayerActivation] = []
        self._stack_of: list[Stack] = []  # by activation: the one that it began on
        self._children: dict[tuple[int, int], int] = {}  # activation, root (at the top: -1, root) -> layers begun in it
        self._outside: dict[int, Spending] = {}
        self._current = -1
        self._root = int(tables.m["node"])
        self._by_marker: set[int] = set()
        self._skipped_markers = 0  # begun when there were too many activations, and not ended yet
        self._unbalanced_ends = 0
        if rule is None:
            return
        calls.listener = self
        for address in rule.begin_markers:
            calls.watch(address, self._marked)
        for address in rule.end_markers:
            calls.watch(address, lambda: self._unmark)
        for address in rule.details:
            calls.watch(address, self._detail)

    def attach(self, tracker: Tracker, heap: Heap) -> None:
        """Memory is tracked: tell it of layers and levels."""
        self.tracker, self._heap = tracker, heap
        tracker.levels = self._levels

    # who is current

    def account(self) -> None:
        """Give what was spent since the last look to whoever was current, and see how deep the stack has been."""
        if self._current >= 0:
            spending = self._activations[self._current].spending
        else:
            spending = self._outside.setdefault(self._root, Spending())
        self._meter.give_to(spending, self.tracker.traffic() if self.tracker is not None else None)
        levels = self._levels()
        if self.tracker is not None:
            self.tracker.note_levels(*levels)

    def _levels(self) -> tuple[int, int]:
        """Return how deep the stack has been since the last look, and what is allocated."""
        low = self._stacks.take(self._engine.read_register("sp"))
        stack = self._stacks.current
        if self._current >= 0 and self._stack_of[self._current] is stack:  # a handler that begins may have another
            activation = self._activations[self._current]
            activation.low_sp = min(activation.low_sp, low)
        return stack.top - low, self._heap.bytes_now if self._heap is not None else 0

    def switched(self) -> None:
        """A handler or a task has been entered or left: `account` was called before that."""
        m = self._tables.m
        self._current = int(m["activation"])
        self._root = self._tables.root_of(int(m["node"]))
        self._stacks.take(self._engine.read_register("sp"))
        if self.tracker is not None:
            self._note_stack(self.tracker)
            self.tracker.set_layer(self._current + 1)

    def _note_stack(self, tracker: Tracker) -> None:
        """Say which bytes are a stack, when one is used for the first time."""
        stack = self._stacks.current
        bounds = (stack.limit, stack.top)
        if stack.limit and stack is not self._stacks.main and bounds not in self._stacks_seen:
            self._stacks_seen.add(bounds)
            tracker.set_zone(*bounds, STACK)

    def handler_ends(self) -> None:
        """A handler is about to return: `account` was called. What it began and has not left ends with it."""
        now = int(self._tables.m["clock_cycles"])
        number = self._current
        while number >= 0:
            self._end(number, now)
            number = self._activations[number].parent

    # activations

    def returned(self) -> None:
        """Activations have been left."""
        if int(self._tables.m["activation"]) != self._current:
            self._go_to(int(self._tables.m["activation"]))

    def _go_to(self, number: int) -> None:
        """Make another activation current: a new one in the current one, or one around that, which then has ended."""
        now = int(self._tables.m["clock_cycles"])
        self.account()
        left = self._current
        while left > number:  # those in others have greater numbers
            self._end(left, now)
            left = self._activations[left].parent
        self._current = number
        if self.tracker is not None:
            self.tracker.begin_stretch(now, number, kept=True)
            self.tracker.set_layer(number + 1)

    def _end(self, number: int, now: int) -> None:
        """An activation has been left."""
        if self.observer is not None and self._activations[number].end_cycles < 0:
            self.observer.ended(number)
        self._activations[number].end_cycles = now

    def entered(self, node: int) -> None:
        """A function that begins a layer is about to run."""
        row = self._tables.arrays["nodes"][node]
        function = int(row["function"])
        site = int(self._tables.m["return_address"])
        self._begin(node, int(row["parent"]), function, site, self._facts())

    def _begin(self, node: int, caller: int, function: int, site: int, facts: LayerFacts) -> None:
        m = self._tables.m
        parent, number = int(m["activation"]), len(self._activations)
        place = (parent, self._root if parent < 0 else 0)
        index = self._children.get(place, 0)
        self._children[place] = index + 1
        sp = self._engine.read_register("sp")
        identity = Identity(facts.name, function, site)
        path = self._path(caller) if parent < 0 else ()
        self._activations.append(
            LayerActivation(
                identity, facts.kind, facts.shape, facts.macs, parent, index, path, int(m["clock_cycles"]), sp, sp
            )
        )
        self._stack_of.append(self._stacks.current)
        if self.observer is not None:
            self.observer.began(number, parent, facts)
        m["activation"] = number
        m["layers_full"] = number + 1 >= MAX_ACTIVATIONS
        self._tables.arrays["nodes"][node]["activation"] = number
        self._go_to(number)

    def _path(self, node: int) -> tuple[tuple[int, int], ...]:
        """Return a node and those above it, outermost first, each with the number of its present call."""
        nodes, path = self._tables.arrays["nodes"], []
        while node >= 0:
            path.append((node, int(nodes[node]["calls"])))
            node = int(nodes[node]["parent"])
        return tuple(reversed(path))

    def _facts(self) -> LayerFacts:
        assert self._reader is not None
        return self._reader.read(
            int(self._engine.read_register("pc")) & ~1,
            lambda number: self._engine.read_register(f"r{number}" if number < 13 else "sp"),
            self._read_memory,
        )

    def _read_memory(self, address: int, size_bytes: int) -> bytes | None:
        if not self._memory.holds(address) or not self._memory.holds(address + size_bytes - 1):
            return None
        return self._memory.read(address, size_bytes)

    def _detail(self) -> None:
        """A kernel runs that may tell what the layer around it is: the first one does."""
        if self._current < 0:
            return
        activation = self._activations[self._current]
        if self.observer is not None:
            self.observer.detailed(self._current, self._facts())
        if activation.kind and activation.shape:
            return
        facts = LayerFacts(activation.identity.name, activation.kind, activation.shape, activation.macs)
        facts = facts.completed_by(self._facts())
        activation.kind, activation.shape, activation.macs = facts.kind, facts.shape, facts.macs

    # markers

    def _marked(self) -> OnReturn:
        """`mcusim_layer_begin(name)` runs: the layer begins when it has returned."""
        name = text_at(self._engine.read_register("r0"), self._read_memory) or "(no name)"
        site = self._engine.read_register("lr") & ~1

        def begin(returned: bool) -> None:
            m = self._tables.m
            node = int(m["node"])
            if m["layers_full"]:
                m["layers_left_out"] += 1
                self._skipped_markers += 1
            elif returned:
                self._begin(node, node, -1, site, LayerFacts(name, "", "", None))
                self._by_marker.add(int(m["activation"]))

        return begin

    def _unmark(self, _returned: bool) -> None:
        """`mcusim_layer_end()` has returned: the innermost layer that a marker began ends."""
        m = self._tables.m
        number = int(m["activation"])
        if self._skipped_markers:
            self._skipped_markers -= 1  # of a layer that was one too many
            return
        if number not in self._by_marker:
            self._unbalanced_ends += 1
            return
        m["activation"] = parent = self._activations[number].parent
        # It may have begun further up: the functions between here and there must not return to it.
        frames = self._tables.arrays["frames"][: int(m["depth"])]
        frames["activation"][frames["activation"] == number] = parent
        nodes, node = self._tables.arrays["nodes"], int(m["node"])
        while node >= 0 and nodes[node]["activation"] == number:
            nodes[node]["activation"] = parent
            node = int(nodes[node]["parent"])
        self._go_to(parent)

    # the end

    def finish(self) -> LayerTrace:
        """The run has ended; return what there is."""
        self.account()
        now = int(self._tables.m["clock_cycles"])
        for number in range(len(self._activations) - 1, -1, -1):  # nested ones come after those around them
            activation, parent = self._activations[number], self._activations[number].parent
            if activation.end_cycles < 0:
                activation.end_cycles, activation.cut = now, True
            if parent >= 0 and self._stack_of[parent] is self._stack_of[number]:
                self._activations[parent].low_sp = min(self._activations[parent].low_sp, activation.low_sp)
        rule = self.rule.text if self.rule is not None else None
        left_out = int(self._tables.m["layers_left_out"])
        return LayerTrace(rule, self._activations, self._outside, left_out, self._unbalanced_ends)
