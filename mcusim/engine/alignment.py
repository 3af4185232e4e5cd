# SPDX-License-Identifier: Apache-2.0
"""Unaligned loads, which take one or two transfers more (DDI 0439D 3.3.2), without looking at every access.

Most loads are aligned always. One whose offset or step is no multiple of its size is *checked*: native code looks at
its address each time its block has ended. The others are *watched*: Python looks at their registers when their block is
met, and again after 4, 16, 64 ... runs; one that was unaligned is checked from then on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mcusim.engine import records as rec
from mcusim.engine.tables import Tables
from mcusim.isa import decode as isa
from mcusim.isa.addressing import EndAddress, access_bytes, end_address, further_transfers, may_be_unaligned

FIRST_LOOK = 4
LOOKS_APART = 4  # each look comes after so many times the runs of the one before


@dataclass
class Loads:
    """Of one block: loads that native code checks, and those that are watched, by their index in the block."""

    checked: dict[int, EndAddress] = field(default_factory=dict)
    watched: dict[int, EndAddress] = field(default_factory=dict)


class Alignments:
    """Which loads of which block are checked, and the native rows for them."""

    def __init__(self, tables: Tables, transfer_cycles: int, byte_transfers: int = 2) -> None:
        self.tables = tables
        self.transfer_cycles = transfer_cycles
        self.eager = False  # check all loads always: slower, and no run depends on what ran before it
        self.loads: dict[int, Loads] = {}  # block -> its loads, where there are any
        tables.m["transfer_cycles"], tables.m["byte_transfers"] = transfer_cycles, byte_transfers

    def add_block(self, block: int, ops: isa.OpArray, known: list[int | None]) -> None:
        """Sort out a block's loads, given the addresses that they have now as far as they are known."""
        if not self.transfer_cycles:
            return
        loads = Loads()
        for index in map(int, np.flatnonzero(ops["flags"] & isa.LOAD)):
            op, address = ops[index], known[index]
            if not may_be_unaligned(op):
                continue
            transfers = further_transfers(address, access_bytes(op)) if address is not None else 0
            shown = None if op["flags"] & isa.CONDITIONAL else end_address(ops, index)
            if shown is None:
                op["further_transfers"] = transfers  # its registers do not last: as it was when it was met
            elif transfers or not shown.steady or (self.eager and shown.base != isa.SP):
                loads.checked[index] = shown
            elif shown.base != isa.SP:
                loads.watched[index] = shown
        if loads.checked or loads.watched:
            self.loads[block] = loads
        self._check(block, ops, loads.checked)

    def _check(self, block: int, ops: isa.OpArray, checked: dict[int, EndAddress]) -> None:
        """Give a block native rows for all the loads that are to be checked."""
        if not checked:
            return
        rows = [
            (block, index, shown.base, shown.index_register, shown.shift, shown.offset, access_bytes(ops[index]))
            for index, shown in sorted(checked.items())
        ]
        row = self.tables.arrays["blocks"][block]
        row["first_alignment"] = self.tables.add_alignments(rows)
        row["alignment_count"] = len(rows)
        row["flags"] |= rec.CHECKS_ALIGNMENT

    def first_look(self, block: int) -> int:
        """Return after how many runs of an outcome Python looks at the block's loads; NO_LOOK for never."""
        loads = self.loads.get(block)
        return FIRST_LOOK if loads is not None and loads.watched else rec.NO_LOOK

    def look(self, outcome: int, ops: isa.OpArray, read_register: Callable[[int], int]) -> None:
        """Look at a block that has just ended; its registers are as it left them."""
        row = self.tables.arrays["outcomes"][outcome]
        block = int(self.tables.arrays["entries"][outcome // 2]["block"])
        loads = self.loads[block]
        found = {
            index: shown for index, shown in loads.watched.items() if _is_unaligned(ops[index], shown, read_register)
        }
        for index, shown in found.items():
            loads.checked[index] = shown
            del loads.watched[index]
        row["look_at"] = int(row["count"]) * LOOKS_APART if loads.watched else rec.NO_LOOK
        if found:
            self._check(block, ops, loads.checked)
            self.tables.cut_links()


def _is_unaligned(op: np.void, shown: EndAddress, read_register: Callable[[int], int]) -> bool:
    address = read_register(shown.base) + shown.offset
    if shown.index_register >= 0:
        address += read_register(shown.index_register) << shown.shift
    return address % access_bytes(op) != 0
