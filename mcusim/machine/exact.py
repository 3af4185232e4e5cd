# SPDX-License-Identifier: Apache-2.0
"""When does a device access happen? Exactly, for registers that read time.

The clock stands at the start of the running block. An access that needs its cycle is refused at first: the engine
stops, which leaves PC at the instruction and discards the access. The run loop charges the block up to there and
resumes; then the access is the first of its block and is answered, its instruction's own stalls added.

At an instruction in an IT block the engine cannot be stopped like that (the access completes and execution goes on).
Such an instruction is found by its address register and answered at once, with the cycles of the block before it, as
if every IT group in it ran.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mcusim.engine.engine import Engine
from mcusim.engine.pricing import Pricer
from mcusim.engine.tables import Tables
from mcusim.isa import decode as isa
from mcusim.machine.clock import Clock

REACH_BYTES = 4096  # the largest immediate offset of a load or store


class ExactAccesses:
    """Decides whether the access being served has its exact cycle; if not, stops the engine so that it will have."""

    def __init__(
        self, engine: Engine, tables: Tables, pricer: Pricer, clock: Clock, charge_fetch: Callable[[int], None]
    ) -> None:
        self._engine, self._tables, self._pricer, self._clock = engine, tables, pricer, clock
        self._charge_fetch = charge_fetch  # what the running block has waited to be fetched, up to an instruction
        self.wanted = False  # the engine was stopped for an access
        self.place: int | None = None  # where the block starts whose first access may be answered
        self._words_left = (-1, 0)  # (block, how many more words its first instruction moves)
        self._stopped_at = (-1, -1)  # (pc, cycle) of the last stop
        self._attempts = 0  # stops there: an instruction may make more accesses than its encoding tells us
        self._last_found = (-1, -1, -1)  # (block, cycle, index) of the access answered last

    def ask(self, address: int, writes: bool) -> bool:
        """Return whether the access may be answered now; the clock then shows its cycle."""
        block = self.current_block()
        if block < 0:
            return True
        ops = self._pricer.decoded[block].ops
        if self.place is not None and int(ops[0]["address"]) == self.place:
            self.place = None
            self._words_left = (block, max(_words(ops[0]), self._attempts) - 1)
            self._charge_fetch(0)
            self._last_found = (block, self._cycle(), 0)
            self._clock.access_offset = self._pricer.cycles_before(block, self.entry_state(), 0)
            return True
        if self._words_left[0] == block and self._words_left[1] > 0:
            self._words_left = (block, self._words_left[1] - 1)
            return True
        index = self._find(block, address, writes)
        if index is not None and ops[index]["flags"] & isa.CONDITIONAL:
            self._charge_fetch(index)
            self._last_found = (block, self._cycle(), index)
            self._clock.access_offset = self._pricer.cycles_before(block, self.entry_state(), index)
            return True
        self.wanted = True
        self._engine.stop()
        return False

    def resume_at(self, pc: int) -> None:
        """The engine stopped for an access and stands at `pc`, everything before it charged: answer it next time."""
        here = (pc, self._cycle())
        self._attempts = self._attempts + 1 if here == self._stopped_at else 1
        self._stopped_at = here
        self.wanted, self.place = False, pc

    def _cycle(self) -> int:
        return int(self._tables.m["clock_cycles"])

    def _find(self, block: int, address: int, writes: bool) -> int | None:
        """Return the index of the access that is being served, if the block holds a conditional one; else None."""
        ops = self._pricer.decoded[block].ops
        accesses = ops["flags"] & (isa.STORE if writes else isa.LOAD) != 0
        if not (ops["flags"][accesses] & isa.CONDITIONAL).any():
            return None
        after = self._last_found[2] if self._last_found[:2] == (block, self._cycle()) else -1
        for index in np.flatnonzero(accesses):
            if index > after and self._reaches(ops[index], address):
                return int(index)
        return None

    def _reaches(self, op: np.void, address: int) -> bool:
        registers = [number for number in range(13) if op["address_reads"] >> number & 1]
        values = [self._engine.read_register(f"r{number}") for number in registers]
        offset = _immediate_offset(op)
        if offset is not None:  # other accesses of the block may have the same base
            return any(address & ~3 == value + offset & ~3 for value in values)
        return any(abs(address - value) < REACH_BYTES for value in values)

    def current_block(self) -> int:
        """Return the number of the block that is running, -1 between blocks."""
        entry = int(self._tables.m["current_entry"])
        return int(self._tables.arrays["entries"][entry]["block"]) if entry >= 0 else -1

    def entry_state(self) -> int:
        """Return the pipeline state in which the running block was entered."""
        return int(self._tables.arrays["entries"][int(self._tables.m["current_entry"])]["state"])


def _immediate_offset(op: np.void) -> int | None:
    """Return the offset of a load or store by base and immediate (A7.7.43, A7.7.161); None for other forms."""
    opcode = int(op["opcode"])
    if op["size_bytes"] == 2:
        scale = {0b0110: 4, 0b0111: 1, 0b1000: 2}.get(opcode >> 12)
        return None if scale is None else (opcode >> 6 & 31) * scale
    return opcode & 0xFFF if opcode & 0xFE80_0000 == 0xF880_0000 else None


def _words(op: np.void) -> int:
    """Return how many words an instruction may move."""
    return max(int(op["registers"]), 1)
