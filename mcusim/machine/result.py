# SPDX-License-Identifier: Apache-2.0
"""What a finished run leaves behind: from the machine's tables to a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mcusim.engine.records import NO_KEY
from mcusim.engine.tables import Tables
from mcusim.machine.parts import wait_states_in_doubt
from mcusim.machine.stacks import Stacks
from mcusim.trace import OverflowPlace, StackUse, TaskUse, Trace

if TYPE_CHECKING:
    from mcusim.machine.loop import RunLoop


def make_trace(loop: RunLoop, board_reason: str) -> Trace:
    """Return what a run that has ended has measured."""
    machine = loop.machine
    assert loop.end is not None
    tables, cycles = machine.tables, machine.clock.cycles
    machine.move_to(int(tables.m["node"]))  # so that it has all its cycles
    slices = machine.observation.finish_slices(loop.handlers)  # before its nodes, which count what it leaves out
    layers, access, heap = machine.observation.finish(cycles)
    machine.stacks.flush()
    faulted = loop.end.kind == "fault" or loop.faulting.active
    assumptions = sorted(machine.host.remarks) + (loop.script.unfinished() if loop.script is not None else [])
    return Trace(
        image=machine.image, board=machine.board, board_reason=board_reason, core=machine.timing_core,
        settings=loop.settings.recorded(), end=loop.end, clock_cycles=cycles,
        seconds=machine.clock.seconds_at(cycles), clock_phases=list(machine.clock.phases),
        functions=list(machine.functions.list), pricer=machine.pricer,
        blocks=tables.arrays["blocks"][: tables.block_count].copy(),
        entries=tables.arrays["entries"][: tables.entry_count].copy(),
        outcomes=tables.arrays["outcomes"][: 2 * tables.entry_count].copy(),
        nodes=tables.arrays["nodes"][: int(tables.m["node_count"])].copy(),
        divisions=tables.arrays["divisions"][: tables.division_count].copy(),
        alignments=tables.arrays["alignments"][: tables.alignment_count].copy(),
        probes=tables.probes[: tables.probe_count].copy(),
        fetches=tables.arrays["fetches"][: 2 * tables.entry_count].copy(),
        lines=tables.arrays["lines"][: tables.line_count].copy(), data_stalls=_data_stalls(tables),
        branches=tables.arrays["branches"][: tables.branch_count].copy(),
        misses=_misses(tables), cached=bool(tables.m["caches"]), icache_used=machine.flash.icache_used,
        extra_cycles=dict(machine.extra_cycles),
        guessed=machine.guesses.listed(),
        refused=sorted(loop.semihosting.refused), unknown_classes=dict(loop.untimed.classes),
        interrupts=loop.handlers.entered, worst_lateness_cycles=loop.worst_lateness_cycles,
        flash_on=machine.flash.parts_on,
        wait_states_in_doubt=wait_states_in_doubt(loop.settings, machine.board, machine.flash.most_wait_states),
        output=bytes(machine.output), output_cut=machine.output_cut, assumptions=assumptions,
        detours=loop.detours.notes(), spans={text: span.times for text, span in loop.detours.spans.items()},
        fault=loop.faulting.record if faulted else None,
        faults_handled=loop.faulting.handled, stacks=_stacks(machine.stacks),
        tasks=[TaskUse(task.name, task.root, task.stack.name, task.switches) for task in loop.handlers.tasks],
        layers=layers, access=access, heap=heap, rule=machine.observation.rule, arenas=machine.observation.arenas,
        sanitized=loop.settings.sanitize, layers_sought=loop.settings.layers == "auto",
        refused_accesses=loop.faulting.refused_accesses(),
        slices=slices, unaligned_traps_since=machine.system.scb.unaligned_traps_since,
    )  # fmt: skip


def _data_stalls(tables: Tables) -> dict[int, int]:
    """Return the cycles that each load, by its address, has waited for flash."""
    index = tables.arrays["stall_index"]
    return {int(row["key"]): int(row["id"]) for row in np.sort(index[index["key"] != NO_KEY], order="key")}


def _misses(tables: Tables) -> dict[int, npt.NDArray[np.void]]:
    """Return the row of each instruction, by its address, that a cache or the bus made wait; in the table's order."""
    index, rows = tables.arrays["miss_index"], tables.arrays["misses"]
    used = np.sort(index[index["key"] != NO_KEY], order="id")
    return {int(each["key"]): rows[int(each["id"])].copy() for each in used}


def _stacks(stacks: Stacks) -> list[StackUse]:
    uses = []
    for stack in stacks.all:
        overflow = ""
        if stack.overflow_sp is not None:
            overflow = f"{stack.floor - stack.overflow_sp} bytes below its limit, first in {stack.overflow_place}"
        first = None
        if stack.overflow_sp is not None:
            first = OverflowPlace(
                stack.floor, stack.overflow_sp, stack.overflow_pc, stack.overflow_node, stack.overflow_cycles
            )
        uses.append(StackUse(stack.name, stack.limit, stack.top, stack.low, overflow, stack.low_node, first))
    return uses
