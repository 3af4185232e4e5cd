# SPDX-License-Identifier: Apache-2.0
"""What instructions cost: each outcome priced once more, instruction by instruction, times its count."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.disassembly import Disassembler
from mcusim.engine import records as rec
from mcusim.isa.decode import ALWAYS, CONDITIONAL, LITERAL
from mcusim.pipelines.causes import (
    BUS,
    CAUSES,
    DCACHE,
    DIVISION,
    FLASH_DATA,
    FLASH_FETCH,
    FLASH_LITERAL,
    ICACHE,
    MISPREDICTION,
    UNALIGNED,
)
from mcusim.profile import InstructionCost
from mcusim.sources import SourceFiles
from mcusim.trace import Trace

Counts = npt.NDArray[np.int64]


def named(cycles: Counts) -> dict[str, int]:
    """Return the cycles of causes that have any, by name."""
    return {cause: int(value) for cause, value in zip(CAUSES, cycles, strict=True) if value}


def fetch_causes(trace: Trace) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return for each row of the trace's lines the cause of its `stall_cycles`, and that of its `bus_cycles`."""
    stall = np.full(len(trace.lines), ICACHE if trace.cached else FLASH_FETCH, np.int64)
    bus = np.full(len(trace.lines), BUS, np.int64)
    for region in trace.board.region if trace.cached else ():
        for start, end in region.ranges:
            used = region.alias_bus if region.alias_bus is not None and start != region.start else region.bus
            if used is not None and used.tightly_coupled.value:
                first, last = start >> 5, end >> 5
                inside = (trace.lines["line"] >= first) & (trace.lines["line"] < last)
                stall[inside] = bus[inside] = FLASH_FETCH
    return stall, bus


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
        for address, row in trace.misses.items():
            for cause, cycles in self.miss_cycles(address, row):
                self._add_to(address, cause, cycles)

    def miss_cycles(self, address: int, row: Any) -> list[tuple[int, int]]:
        """Return what a row of the trace's misses, or as much as grew of it, has waited: (cause, cycles)."""
        waits = ((DCACHE, "dcache_cycles"), (BUS, "bus_cycles"), (self.wait_cause(address), "flash_cycles"))
        return [(cause, int(row[name])) for cause, name in waits if row[name]]

    def _add_fetch_waits(self) -> None:
        stall_causes, bus_causes = self.line_causes = fetch_causes(self.trace)
        for outcome in np.flatnonzero(self.trace.fetches["line_count"] > 0):
            fetch, block = self.trace.fetches[outcome], int(self.trace.entries[outcome // 2]["block"])
            first = int(fetch["first_line"])
            for number in range(first, first + int(fetch["line_count"])):
                line = self.trace.lines[number]
                for name, cause in (("stall_cycles", stall_causes[number]), ("bus_cycles", bus_causes[number])):
                    if line[name]:
                        self.costs_of(block)[int(line["op_index"]), cause] += int(line[name])

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
        block, index, _ = self.place_of(address)
        if cause is None:
            cause = self.wait_cause(address)
        self.costs_of(block)[index, cause] += cycles

    def wait_cause(self, address: int) -> int:
        """Return the cause of what a load, by its address, waits for flash."""
        return FLASH_LITERAL if self.place_of(address)[2] else FLASH_DATA

    def place_of(self, address: int) -> tuple[int, int, bool]:
        """Return a block that holds an instruction, its index there, and whether it loads relative to PC."""
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
