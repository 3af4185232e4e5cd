# SPDX-License-Identifier: Apache-2.0
"""Calls that somebody waits for: native code stops at them, and here is who is told.

A function may be watched (its calls and their returns), may begin a layer, or may call layers; its flags are known
before anything calls it. Returns are found again by the depth of the shadow call stack and the root of the call tree,
so that a handler or another task that runs meanwhile changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mcusim.engine import records as rec
from mcusim.engine.tables import Tables

# Told when a watched call is over: True, it has returned to where its caller wanted it; False, control has left it
# otherwise (longjmp, a C++ exception), and r0 holds nothing of it.
OnReturn = Callable[[bool], None]
OnCall = Callable[[], OnReturn | None]  # told when the function is about to run; what it returns, when that is over


class Listener(Protocol):
    """Who follows layers."""

    def returned(self) -> None:
        """Control has left activations, or watched calls have returned: `MACHINE.activation` is the current one."""

    def entered(self, node: int) -> None:
        """A function that begins a layer is about to run."""


@dataclass
class _Pending:
    """A watched call that has not returned: the frames below its return, whose, and where it returns to."""

    depth: int
    root: int
    link: int
    told: OnReturn


class Calls:
    """The functions that are waited for, and their calls that have not returned."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._read_register: Callable[[str], int] = lambda _name: 0
        self._flags: dict[int, int] = {}
        self._watchers: dict[int, OnCall] = {}
        self._addresses: dict[int, int] = {}  # function number -> address
        self._pending: list[_Pending] = []
        self.listener: Listener | None = None
        self.every_function = 0  # flags that each function has, except these
        self.exempt: frozenset[int] = frozenset()

    def attach(self, read_register: Callable[[str], int]) -> None:
        """The machine is there, and this reads its registers."""
        self._read_register = read_register

    def add_flags(self, address: int, flags: int) -> None:
        """Give a function flags (`mcusim.engine.records`), before it is met."""
        self._flags[address] = self._flags.get(address, 0) | flags

    def watch(self, address: int, told: OnCall) -> None:
        """Tell `told` of each call of the function at an address."""
        self.add_flags(address, rec.WATCHED)
        self._watchers[address] = told

    def note_function(self, number: int, address: int) -> None:
        """A function has been met for the first time."""
        flags = self._flags.get(address, 0) | (0 if address in self.exempt else self.every_function)
        if flags or number >= len(self._tables.arrays["function_flags"]):
            self._addresses[number] = address
            self._tables.set_function_flags(number, flags)

    def on_event(self) -> None:
        """Native code has stopped at a call or a return."""
        m = self._tables.m
        events = int(m["call_events"])
        m["call_events"] = 0
        if events & rec.TRACE_FULL:
            self._tables.grow_open_slices()
        if events & rec.RETURNED:
            if self.listener is not None:
                self.listener.returned()
            self._over(int(m["depth"]), self._read_register("pc"))
        if events & rec.ENTERED:
            self._enter(int(m["node"]))

    def handler_ends(self, depth: int, link: int) -> None:
        """The current handler returns by EXC_RETURN `link`, perhaps from within a watched function that it jumped to.

        `depth` counts the frames of what it has interrupted.
        """
        self._over(depth, link)

    def _over(self, depth: int, to: int) -> None:
        """Control goes to an address with so many frames left: the watched calls above them are over."""
        if not self._pending:
            return
        root = self.root
        for pending in [each for each in self._pending if each.root == root and each.depth > depth][::-1]:
            self._pending.remove(pending)
            pending.told(pending.link == to & ~1)

    @property
    def root(self) -> int:
        """The root of the call tree that is current: it tells the thread, tasks and handlers apart."""
        return self._tables.root_of(int(self._tables.m["node"]))

    def _enter(self, node: int) -> None:
        m, row = self._tables.m, self._tables.arrays["nodes"][node]
        events = int(row["events"])
        if events & rec.WATCHED:
            told = self._watchers[self._addresses[int(row["function"])]]()
            if told is not None:
                self._pending.append(_Pending(int(m["depth"]), self.root, self._read_register("lr") & ~1, told))
        begins = events & rec.BEGINS_LAYER or (events & rec.BEGINS_OUTERMOST and int(m["activation"]) < 0)
        if begins and not m["layers_full"] and self.listener is not None:
            self.listener.entered(node)
