# SPDX-License-Identifier: Apache-2.0
"""The dual-issue pipeline once more, the slow way: absolute times, one table of latencies, no state to pack.

It knows core registers, flags, units, pairing and fetch; nothing of floating point, IT and unaligned accesses. When a
result is made and an operand is read is looked up in a table written down here, not worked out from stages.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mcusim.isa import decode as isa
from mcusim.pipelines import dual_issue_operands as units
from mcusim.pipelines.operands import accumulator_of, makes_flags, reads_carry

# Producer -> cycles from issue to issue, by how the consumer reads: base of an address, index, shifted operand,
# early adder, ALU, ALU or multiplier beside a shifted operand, addend.
LATENCIES = {
    "early": (1, 1, 1, 1, 0, 0, 0),
    "updated": (1, 1, 1, 2, 0, 0, 0),
    "late": (2, 2, 2, 2, 1, 1, 0),
    "reversed": (2, 2, 2, 2, 0, 0, 0),
    "load": (2, 3, 2, 2, 1, 2, 1),
    "narrow load": (3, 3, 3, 3, 2, 2, 1),
    "multiply": (4, 4, 3, 3, 2, 2, 1),
    "saturated": (3, 3, 3, 3, 2, 2, 1),
}
BASE, INDEX, SHIFTED, ADDER, ALU, BESIDE, ADDEND = range(7)
ALONE = {"divide", "load_pair", "load_multiple", "store_pair", "store_multiple", "store_exclusive"}
MULTIPLIES = {"multiply", "multiply_accumulate", "multiply_long", "dsp_multiply"}


@dataclass
class _Slot:
    """The older instruction of a cycle, while one may issue beside it."""

    op: np.void
    unit: int
    early_shifter: bool
    late_shifter: bool


@dataclass
class Naive:
    """One run of straight code: `issue` each instruction in turn; `cycle` is the one in which the last one issued."""

    cycle: int = -1
    open: _Slot | None = None
    written: list[tuple[str, int]] = field(default_factory=lambda: [("early", -100)] * 16)
    flags_at: int = -100
    fetched: int = 0  # 64-bit words that have come
    used: int = 0  # words left behind
    fetch_cycle: int = -1

    def _words(self, cycle: int) -> int:
        """Return how many words are in the queue in a cycle: one comes a cycle, unless four are there."""
        ready = self.fetched - self.used
        for _ in range(cycle - self.fetch_cycle):
            ready = min(ready + 1, 4)
        return ready

    def _ready_at(self, register: int, way: int) -> int:
        made_by, at = self.written[register]
        return at + LATENCIES[made_by][way]

    def _reads(self, op: np.void, unit: int) -> list[tuple[int, int]]:
        """Return (register, way) of each operand that can keep an instruction waiting."""
        klass = isa.CLASSES[op["klass"]]
        if op["flow"] != isa.FLOW_NEXT:
            return []
        shifted = units.shifted_reads(op, unit)
        multiplies = klass in MULTIPLIES and not units.sums_differences(op)
        addend = accumulator_of(op) if klass in MULTIPLIES else 0
        beside = multiplies or klass == "divide" or unit in (units.INLINE, units.BITS)
        found = []
        for register in range(15):
            bit = 1 << register
            if not int(op["reads"]) & bit:
                continue
            if int(op["address_reads"]) & bit:
                two = op["flags"] & isa.REGISTER_OFFSET
                last = int(op["opcode"]) >> 6 & 7 if op["size_bytes"] == 2 else int(op["opcode"]) & 15
                found.append((register, INDEX if two and register == last else BASE))
            elif not op["flags"] & isa.STORE:
                way = ADDEND if addend & bit else SHIFTED if shifted & bit else BESIDE if beside else ALU
                found.append((register, way))
        return found

    def _earliest(self, op: np.void, unit: int) -> int:
        times = [self._ready_at(register, way) for register, way in self._reads(op, unit)]
        if reads_carry(op):
            times.append(self.flags_at)
        return max(times, default=0)

    def _all_at(self, op: np.void, way: int, cycle: int) -> bool:
        return all(self._ready_at(n, way) <= cycle for n in range(15) if int(op["reads"]) >> n & 1)

    def _shifters(self, op: np.void, unit: int, cycle: int, taken: tuple[bool, bool]) -> tuple[bool, bool] | None:
        """Return which shifters an instruction takes (first stage, second stage), None where it gets none."""
        if unit in (units.INLINE, units.BITS, units.REVERSES, units.CLIPS):
            return None if taken[0] else (True, False)
        if unit == units.SHIFTS and not taken[0] and self._all_at(op, SHIFTED, cycle):
            return True, False
        if unit in (units.SHIFTS, units.LATE_SHIFT):
            return None if taken[1] else (False, True)
        return False, False

    def _pairs(self, op: np.void, unit: int) -> bool:
        older = self.open
        klass = isa.CLASSES[op["klass"]]
        if older is None or klass in ALONE or unit >= units.DSP or klass == "load_exclusive":
            return False
        first = isa.CLASSES[older.op["klass"]]
        multiplies = [
            name in MULTIPLIES and not units.sums_differences(one) for name, one in ((first, older.op), (klass, op))
        ]
        stores = [bool(one["flags"] & isa.STORE) for one in (older.op, op)]
        loads = [bool(one["flags"] & isa.LOAD) for one in (older.op, op)]
        branches = [one["flow"] != isa.FLOW_NEXT for one in (older.op, op)]
        if all(multiplies) or all(stores) or all(branches) or (any(multiplies) and any(stores)):
            return False
        if all(loads) and not (older.op["bank"] and op["bank"] and older.op["bank"] != op["bank"]):
            return False
        if self._shifters(op, unit, self.cycle, (older.early_shifter, older.late_shifter)) is None:
            return False
        return self._earliest(op, unit) <= self.cycle and self._words(self.cycle) >= _needed(op)

    def issue(self, op: np.void) -> None:
        """Issue the next instruction: `cycle` becomes the one in which it does, or its last for one of several."""
        unit, klass = units.unit_of(op), isa.CLASSES[op["klass"]]
        if self._pairs(op, unit):
            assert self.open is not None
            shifters = self._shifters(op, unit, self.cycle, (self.open.early_shifter, self.open.late_shifter))
            self.open = None
            older = False
        else:
            self.cycle = max(self.cycle + 1, self._earliest(op, unit))
            while self._words(self.cycle) < _needed(op):
                self.cycle += 1
            shifters = self._shifters(op, unit, self.cycle, (False, False))
            older = True
            self.open = None
        assert shifters is not None
        made_by = self._made_by(op, unit, klass, older, shifters)
        if klass in ALONE:
            self.cycle += {"divide": 2, "store_exclusive": 2}.get(klass, -(-int(op["registers"]) // 2)) - 1
        elif older:
            self.open = _Slot(op, unit, *shifters)
        self._write(op, made_by)
        self.fetched = self._words(self.cycle) + self.used
        self.fetch_cycle = self.cycle
        self.used += (int(op["address"]) + int(op["size_bytes"])) // 8 - int(op["address"]) // 8

    def _made_by(self, op: np.void, unit: int, klass: str, older: bool, shifters: tuple[bool, bool]) -> str:
        if klass in MULTIPLIES and not units.sums_differences(op):
            return "multiply"
        if op["flags"] & isa.LOAD:
            return "narrow load" if klass not in ALONE and units.is_narrow_load(op) else "load"
        if unit in (units.SATURATES, units.CLIPS):
            return "saturated"
        if unit == units.REVERSES:
            return "reversed"
        if op["flow"] != isa.FLOW_NEXT:
            return "early"
        early_add = unit == units.ADDS and older and self._all_at(op, ADDER, self.cycle)
        return "early" if early_add or (unit == units.SHIFTS and shifters[0]) else "late"

    def _write(self, op: np.void, made_by: str) -> None:
        base = int(op["address_reads"]) if op["flags"] & isa.WRITEBACK else 0
        loaded = [n for n in range(16) if (int(op["writes"]) & ~base) >> n & 1]
        is_multiple = isa.CLASSES[op["klass"]] == "load_multiple"
        before_last = set(loaded[: (len(loaded) - 1) // 2 * 2]) if is_multiple else set()
        for register in range(15):
            if int(op["writes"]) >> register & 1:
                at = self.cycle - (register in before_last)  # two a cycle: counted as if all came in the one before
                self.written[register] = ("updated" if base >> register & 1 else made_by, at)
        if makes_flags(op):
            self.flags_at = self.cycle + (2 if isa.CLASSES[op["klass"]] == "multiply" else 1)


def _needed(op: np.void) -> int:
    last = int(op["address"]) + int(op["size_bytes"]) - 1
    return last // 8 - int(op["address"]) // 8 + 1


def cycles_of(ops: isa.OpArray) -> int:
    """Return the cycles of a straight piece of code, from a quiet pipeline."""
    naive = Naive()
    for op in ops:
        naive.issue(op)
    return naive.cycle + 1
