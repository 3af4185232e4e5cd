# SPDX-License-Identifier: Apache-2.0
"""Entering and leaving exception handlers: the frame, the cycles, and a root of its own in the call tree."""

from __future__ import annotations

from mcusim.engine import tables as t
from mcusim.isa.decode import FLOW_NEXT
from mcusim.machine.machine import Machine

# What an exception interrupts, besides the registers: how control was moving, and where in the call tree.
INTERRUPTED = ("flow", "return_address", "depth", "last_block")


class Handlers:
    """Keeps what each active handler has interrupted, innermost last."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._contexts: list[dict[str, int]] = []
        self.entered = 0

    def __len__(self) -> int:
        return len(self._contexts)

    def enter(self, number: int, pc: int, chained_link: int | None = None) -> int:
        """Take an exception at `pc` and return its handler's address; `chained_link` tail-chains it after another."""
        machine, m = self._machine, self._machine.tables.m
        if chained_link is None:
            self._push()
            handler = machine.exceptions.enter(number, pc)
        else:
            handler = machine.exceptions.vector(number, chained_link)
        function = machine.functions.number_at(handler, called=True, current=None)
        root = machine.tables.add_root(function, t.KIND_HANDLER)
        machine.tables.arrays["nodes"][root]["calls"] += 1
        machine.move_to(root)
        m["flow"], m["last_block"], m["state"] = FLOW_NEXT, -1, machine.pricer.reset_state
        key = "entry_cycles" if chained_link is None else "tail_chain_cycles"
        machine.charge(machine.core.exception_cycles(key), "exception")
        self.entered += 1
        return handler

    def _push(self) -> None:
        tables = self._machine.tables
        m = tables.m
        tables.grow_tree()
        frame = tables.arrays["frames"][int(m["depth"])]
        frame["node"], frame["is_exception"] = m["node"], 1
        self._contexts.append({name: int(m[name]) for name in INTERRUPTED})
        m["depth"] += 1

    def leave(self, link: int) -> int:
        """Return from the innermost handler, or tail-chain into the next; return where execution goes on."""
        machine, m = self._machine, self._machine.tables.m
        machine.exceptions.deactivate()
        following = machine.exceptions.next_taken()
        if following is not None:
            m["depth"] = self._contexts[-1]["depth"] + 1
            return self.enter(following, 0, chained_link=link)
        machine.charge(machine.core.exception_cycles("return_cycles"), "exception")
        pc = machine.exceptions.unstack(link)
        context = self._contexts.pop()
        for name, value in context.items():
            m[name] = value
        machine.move_to(int(machine.tables.arrays["frames"][context["depth"]]["node"]))
        m["state"] = machine.pricer.reset_state
        return pc
