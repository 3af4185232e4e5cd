# SPDX-License-Identifier: Apache-2.0
"""What instructions cost: each outcome priced once more, instruction by instruction, times its count."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mcusim.disassembly import Disassembler
from mcusim.engine import records as rec
from mcusim.isa.decode import ALWAYS, CONDITIONAL, LITERAL
from mcusim.pipelines.causes import CAUSES, DIVISION, FLASH_DATA, FLASH_FETCH, FLASH_LITERAL, MISPREDICTION, UNALIGNED
from mcusim.profile import InstructionCost
from mcusim.sources import SourceFiles
from mcusim.trace import Trace

Counts = npt.NDArray[np.int64]


def named(cycles: Counts) -> dict[str, int]:
    """Return the cycles of causes that have any, by name."""
    return {cause: int(value) for cause, value in zip(CAUSES, cycles, strict=True) if value}


class Costs:
    """Counts and cycles of every block's instructions, summed over its outcomes."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.sources = SourceFiles(trace.image.folders)
        self.counts: dict[int, int] = {}  # block -> how often it ran
        self.cycles: dict[int, Counts] = {}  # block -> instructions x causes
        self.outcome_causes: dict[int, Counts] = {}  # outcome -> cycles by cause each time
        self._places: dict[int, tuple[int, int, bool]] = {}  # address -> block, index in it, is it a literal load?
        for outcome in np.flatnonzero(trace.outcomes["count"]):
            entry, count = trace.entries[outcome // 2], int(trace.outcomes[outcome]["count"])
            block, state, predicates = int(entry["block"]), int(entry["state"]), int(entry["predicates"])
            _, costs, _ = trace.pricer.costs(block, state, predicates, bool(outcome & 1))
            scaled = costs.astype(np.int64) * count
            self.outcome_causes[int(outcome)] = costs.sum(axis=0, dtype=np.int64)
            self.cycles[block] = self.cycles[block] + scaled if block in self.cycles else scaled
            self.counts[block] = self.counts.get(block, 0) + count
        self._add_fetch_waits()
        for block in self.cycles:
            self._add_divisions(block)
        for row in trace.alignments[trace.alignments["extra_cycles"] > 0]:
            self.costs_of(int(row["block"]))[int(row["op_index"]), UNALIGNED] += int(row["extra_cycles"])
        divisions = trace.probes["kind"] == rec.PROBE_DIVISION
        for probe in trace.probes[divisions & (trace.probes["extra_cycles"] > 0)]:
            self._add_to(int(probe["address"]), DIVISION, int(probe["extra_cycles"]))
        for branch in trace.branches[trace.branches["extra_cycles"] > 0]:
            self._add_to(int(branch["address"]), MISPREDICTION, int(branch["extra_cycles"]))
        for address, cycles in trace.data_stalls.items():
            self._add_to(address, None, cycles)

    def _add_fetch_waits(self) -> None:
        for outcome in np.flatnonzero(self.trace.fetches["line_count"] > 0):
            fetch, block = self.trace.fetches[outcome], int(self.trace.entries[outcome // 2]["block"])
            lines = self.trace.lines[fetch["first_line"] :][: fetch["line_count"]]
            for line in lines[lines["stall_cycles"] > 0]:
                self.costs_of(block)[int(line["op_index"]), FLASH_FETCH] += int(line["stall_cycles"])

    def costs_of(self, block: int) -> Counts:
        """Return the costs of a block; one that never came to its end (a fault, lines only asked for) has none yet."""
        if block not in self.cycles:
            self.cycles[block] = np.zeros((len(self.trace.pricer.decoded[block].ops), len(CAUSES)), np.int64)
            self.counts[block] = 0
        return self.cycles[block]

    def _add_divisions(self, block: int) -> None:
        row = self.trace.blocks[block]
        first = int(row["first_division"])
        for division in self.trace.divisions[first : first + int(row["division_count"])] if first >= 0 else ():
            self.cycles[block][int(division["op_index"]), DIVISION] += int(division["extra_cycles"])

    def _add_to(self, address: int, cause: int | None, cycles: int) -> None:
        """Give cycles to an instruction, in one of the blocks that hold it: their instructions are merged anyway.

        Without a cause they are a load's waits for flash.
        """
        block, index, _ = self._place(address)
        if cause is None:
            cause = self.wait_cause(address)
        self.costs_of(block)[index, cause] += cycles

    def wait_cause(self, address: int) -> int:
        """Return the cause of what a load, by its address, waits for flash."""
        return FLASH_LITERAL if self._place(address)[2] else FLASH_DATA

    def _place(self, address: int) -> tuple[int, int, bool]:
        if not self._places:
            decoded = self.trace.pricer.decoded
            unfinished = [block for block in range(len(decoded)) if block not in self.cycles]
            for block in (*unfinished, *self.cycles):  # those that came to their end take precedence
                for index, op in enumerate(decoded[block].ops):
                    self._places[int(op["address"])] = (block, index, bool(op["flags"] & LITERAL))
        return self._places[address]

    def by_function(self) -> tuple[Counts, list[int]]:
        """Return cycles (functions x causes) and instructions of each function."""
        cycles = np.zeros((len(self.trace.functions), len(CAUSES)), np.int64)
        instructions = [0] * len(self.trace.functions)
        for block, costs in self.cycles.items():
            function = int(self.trace.blocks[block]["function"])
            cycles[function] += costs.sum(axis=0)
            instructions[function] += len(costs) * self.counts[block]
        for (function, cause), extra in self.trace.extra_cycles.items():
            cycles[function, CAUSES.index(cause)] += extra
        return cycles, instructions

    def instructions(self, position: dict[int, int]) -> list[InstructionCost]:
        """Return one row for each executed instruction, by address. Overlapping blocks add up."""
        merged: dict[tuple[int, int, int], tuple[int, Counts]] = {}  # (address, opcode, function) -> count, cycles
        sizes: dict[tuple[int, int, int], tuple[int, int]] = {}  # size in bytes, condition imposed by IT
        for block, costs in self.cycles.items():
            function, count = int(self.trace.blocks[block]["function"]), self.counts[block]
            for op, cost in zip(self.trace.pricer.decoded[block].ops, costs, strict=True):
                key = (int(op["address"]), int(op["opcode"]), function)
                before, cycles = merged.get(key, (0, np.zeros(len(CAUSES), np.int64)))
                merged[key] = (before + count, cycles + cost)
                in_it = bool(op["flags"] & CONDITIONAL)
                sizes[key] = (int(op["size_bytes"]), int(op["condition"]) if in_it else ALWAYS)
        disassembler, shown = Disassembler(self.trace.image), self.sources.shown
        rows = []
        for key in sorted(merged):
            (address, opcode, function), (count, cycles) = key, merged[key]
            line = self.trace.image.line_at(address)
            rows.append(
                InstructionCost(
                    address=address, function=position[function], text=disassembler.text(address, opcode, *sizes[key]),
                    encoding=f"{opcode:0{2 * sizes[key][0]}x}", count=count, cycles=int(cycles.sum()),
                    causes=named(cycles),
                    file=shown(line.file) if line else None, line=line.line if line else None,
                )
            )  # fmt: skip
        return rows
