# SPDX-License-Identifier: Apache-2.0
"""Pass over the turns of a polling loop that cannot end yet.

A loop such as `while (!(USART->ISR & TXE));` reads a register until it changes. When the device knows that it will read
the same until some cycle, and the loop is one block that depends on nothing but that read, every turn until then is the
same: same price, same registers at its end. They are counted and charged at once instead of run. The profile is the
same, byte for byte, as if they had run. Where each turn waits for its instructions, past a cache, as long as the one
before, that is charged as well.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mcusim.engine.pricing import Pricer, sets_flags
from mcusim.engine.tables import Tables
from mcusim.isa import decode as isa

Counts = npt.NDArray[np.int64]
_CLASSES = tuple(isa.CLASS_NUMBER[name] for name in ("load", "alu", "branch_conditional", "compare_branch"))
_FLAG_READERS = (0xA, 0xB)  # ADC, SBC in the operation field of 32-bit data processing (A5.3.1, A5.3.11)
_NARROW_FLAG_READERS = (0x4140, 0x4180)  # ADCS, SBCS


class PollingLoops:
    """Knows which blocks are polling loops, and passes over their turns."""

    def __init__(self, tables: Tables, pricer: Pricer) -> None:
        self._tables, self._pricer = tables, pricer
        self._known: dict[int, bool] = {}  # block -> is it a polling loop?
        self._last_turn = (-1, 0, 0)  # (entry, value, cycle) of the last read in such a loop
        self._last_waits: Counts = np.zeros((0, 2), np.int64)  # and what its instructions had waited until then
        self._last_growth: Counts = self._last_waits  # and since the turn before

    def pass_over(self, value: int, until_cycles: int) -> None:
        """Charge the turns of the running loop that start before `until_cycles` and before anything is due.

        The register just gave `value` and will give it until then. Only if the turn before this one read the same is it
        known that the loop goes on with it.
        """
        m, arrays = self._tables.m, self._tables.arrays
        number = int(m["current_entry"])
        if number < 0:
            return
        block = int(arrays["entries"][number]["block"])
        taken = arrays["outcomes"][2 * number + 1]
        if taken["link_entry"] != number or taken["cycles"] <= 0 or not self._is_polling_loop(block):
            return
        if taken["branch"] >= 0 and not arrays["branches"][taken["branch"]]["quiet_taken"]:
            return  # its turns are not the same yet: the predictor is still learning from them
        now, waits = int(m["clock_cycles"]), self._waits(number)
        before, known, growth = self._last_turn, self._last_growth, self._growth(waits)
        self._last_turn, self._last_waits, self._last_growth = (number, value, now), waits, growth
        cycles = int(taken["cycles"]) + int(growth[:, 0].sum())
        if before != (number, value, now - cycles) or (growth.any() and not np.array_equal(growth, known)):
            return
        turns = (min(until_cycles, int(m["due_cycles"])) - now - 1) // cycles
        if turns > 0:
            taken["count"] += turns
            m["clock_cycles"] = now + turns * cycles
            self._charge_waits(number, turns * growth)
            self._last_turn = (number, value, now + turns * cycles)
            self._last_waits = waits + turns * growth

    def _rows(self, entry: int) -> npt.NDArray[np.intp]:
        """Return the numbers of the lines of instructions that an entry fetches, on a core with caches."""
        if not self._tables.m["caches"]:
            return np.zeros(0, np.intp)
        fetches = self._tables.arrays["fetches"][2 * entry : 2 * entry + 2]
        spans = [np.arange(each["first_line"], each["first_line"] + max(each["line_count"], 0)) for each in fetches]
        return np.concatenate(spans)

    def _waits(self, entry: int) -> Counts:
        """Return the cycles that each of those lines has been waited for past a cache, and how often."""
        rows = self._tables.arrays["lines"][self._rows(entry)]
        return np.stack([rows["bus_cycles"], rows["misses"]], axis=1)

    def _growth(self, waits: Counts) -> Counts:
        """Return by how much waits have grown since the last turn, if it was of the same block."""
        return waits - self._last_waits if waits.shape == self._last_waits.shape else np.zeros_like(waits)

    def _charge_waits(self, entry: int, growth: Counts) -> None:
        lines = self._tables.arrays["lines"]
        for number, (cycles, misses) in zip(self._rows(entry), growth.tolist(), strict=True):
            lines[number]["bus_cycles"] += cycles
            lines[number]["misses"] += misses

    def _is_polling_loop(self, block: int) -> bool:
        if block not in self._known:
            self._known[block] = _depends_on_one_read(self._pricer.decoded[block].ops)
        return self._known[block]


def _depends_on_one_read(ops: isa.OpArray) -> bool:
    """Return whether each turn of this block, as a loop, is the same while its one read gives the same."""
    if np.count_nonzero(ops["flags"] & isa.LOAD) != 1 or not np.isin(ops["klass"], _CLASSES).all():
        return False
    if (ops["flags"] & (isa.CONDITIONAL | isa.WRITEBACK)).any() or any(_reads_flags(op) for op in ops):
        return False
    written = needed = 0
    for op in ops:
        needed |= int(op["reads"]) & ~written
        written |= int(op["writes"])
    flags_are_set = ops[-1]["klass"] != isa.CLASS_NUMBER["branch_conditional"] or any(sets_flags(op) for op in ops)
    return not needed & written and flags_are_set


def _reads_flags(op: np.void) -> bool:
    opcode = int(op["opcode"])
    if op["size_bytes"] == 2:
        return opcode & 0xFFC0 in _NARROW_FLAG_READERS
    rotate_with_carry = opcode & 0xFFEF_F0F0 == 0xEA4F_0030  # RRX
    data_processing = opcode & 0xFA00_8000 == 0xF000_0000 or opcode & 0xFE00_0000 == 0xEA00_0000
    return rotate_with_carry or (data_processing and opcode >> 21 & 15 in _FLAG_READERS)
