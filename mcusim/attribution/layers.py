# SPDX-License-Identifier: Apache-2.0
"""Layers of a profile: what each place in the network has cost, and what ran outside all of them."""

from __future__ import annotations

import numpy as np

from mcusim.attribution.costs import Costs, Counts, named
from mcusim.attribution.flash import FlashUse
from mcusim.attribution.inferences import Places, find_places
from mcusim.engine import records as rec
from mcusim.layer_trace import LayerTrace, Spending
from mcusim.pipelines.causes import CAUSES, DIVISION, MISPREDICTION, UNALIGNED
from mcusim.profile_memory import Activation, Layer, Layers, Outside
from mcusim.trace import Trace

MAIN = "main"
INFERENCES_BY = {"frame": "calls of one function", "repetition": "repetitions of one sequence of layers"}
PERIPHERALS = "peripherals"  # beside the names of regions
MISS_CYCLES = ("dcache_cycles", "bus_cycles", "flash_cycles")
GAP_SHARE = 0.1  # of an inference, from which on a remark is due
KIND_NAMES = {rec.KIND_CALL: "call", rec.KIND_THREAD: "thread", rec.KIND_HANDLER: "handler", rec.KIND_TASK: "task"}


def attribute_layers(
    trace: Trace, costs: Costs, position: dict[int, int]
) -> tuple[Layers | None, FlashUse, list[Spending]]:
    """Return the layers of a run (None where no rule was asked for or found any), and who used which flash.

    The last is what each layer has spent, still as counts.
    """
    everything = Spending(rows={"outcomes": [(np.arange(len(trace.outcomes)), trace.outcomes["count"])]})
    found = trace.layers
    if found is None or found.rule is None:
        return None, FlashUse(trace, None, [], everything), []
    places = find_places(found.activations, _outermost(trace))
    spent = _by_slot(found, places)
    ledger = Ledger(trace, costs)
    flash = FlashUse(trace, places, spent, everything)
    layers = []
    for slot, spending in zip(places.slots, spent, strict=True):
        first = found.activations[slot.first]
        causes, instructions = ledger.causes(spending)
        function = position[first.identity.function] if first.identity.function >= 0 else -1
        layers.append(
            Layer(
                name=first.identity.name, function=function, parent=slot.parent, index=slot.index, kind=first.kind,
                shape=first.shape, macs=first.macs, instructions=instructions, causes=named(causes),
                read_bytes=traffic(trace, spending, 0), written_bytes=traffic(trace, spending, 1),
                code_bytes=0, code_shared_bytes=0, constant_bytes=0, constant_shared_bytes=0,
            )
        )  # fmt: skip
    flash.fill(layers)
    attributed = Layers(
        rule=found.rule, inferences=places.inferences, layers=layers, activations=_activations(found, places),
        outside=_outside(trace, found, ledger), inferences_by=INFERENCES_BY.get(places.how, places.how),
        left_out=found.left_out,
    )  # fmt: skip
    return attributed, flash, spent


def _outermost(trace: Trace) -> frozenset[int]:
    """Return the nodes of the call tree that are roots, or `main`."""
    return frozenset(
        number
        for number, node in enumerate(trace.nodes)
        if node["parent"] < 0 or trace.functions[int(node["function"])].name == MAIN
    )


def _by_slot(found: LayerTrace, places: Places) -> list[Spending]:
    spent = [Spending() for _ in places.slots]
    for number, activation in enumerate(found.activations):
        spent[places.slot_of[number]].add(activation.spending)
    return spent


def _activations(found: LayerTrace, places: Places) -> list[Activation]:
    rows = [
        Activation(
            layer=places.slot_of[number], inference=places.inference_of[number], parent=each.parent,
            start_cycles=each.start_cycles, end_cycles=each.end_cycles, self_cycles=each.spending.cycles,
            total_cycles=each.spending.cycles, live_peak_bytes=0, stack_bytes=max(each.sp - each.low_sp, 0),
            cut=each.cut,
        )
        for number, each in enumerate(found.activations)
    ]  # fmt: skip
    for row in reversed(rows):  # nested ones come after those that hold them
        if row.parent >= 0:
            rows[row.parent].total_cycles += row.total_cycles
    return rows


def _outside(trace: Trace, found: LayerTrace, ledger: Ledger) -> list[Outside]:
    tasks = {task.root: task.name for task in trace.tasks}
    rows = []
    for root, spending in found.outside.items():
        node = trace.nodes[root]
        causes, instructions = ledger.causes(spending)
        name = tasks.get(root, trace.functions[int(node["function"])].name)
        rows.append(
            Outside(
                name, KIND_NAMES[int(node["kind"])], spending.cycles, instructions, named(causes),
                traffic(trace, spending, 0), traffic(trace, spending, 1),
            )
        )  # fmt: skip
    return [row for row in rows if row.self_cycles or row.read_bytes or row.written_bytes]


def traffic(trace: Trace, spending: Spending, column: int) -> dict[str, int]:
    """Return bytes read (column 0) or written (1) by region; regions without any are left out."""
    if spending.traffic is None:
        return {}
    names = [*(region.name for region in trace.board.region), PERIPHERALS]
    return {name: int(row[column]) for name, row in zip(names, spending.traffic, strict=True) if row[column]}


class Ledger:
    """Turns counts of outcomes and the like into cycles by cause."""

    def __init__(self, trace: Trace, costs: Costs) -> None:
        self._trace, self._costs = trace, costs
        used = len(trace.outcomes)
        self._causes = np.zeros((used, len(CAUSES)), np.int64)
        for outcome, causes in costs.outcome_causes.items():
            self._causes[outcome] = causes
        lengths = np.array([len(decoded.ops) for decoded in trace.pricer.decoded], np.int64)
        blocks = trace.entries["block"]
        self._lengths = np.repeat(lengths[blocks], 2) if len(blocks) else np.zeros(0, np.int64)

    def causes(self, spending: Spending) -> tuple[Counts, int]:
        """Return cycles by cause, and instructions. They add up to the cycles, or it is a bug in mcusim."""
        trace = self._trace
        counts = spending.dense("outcomes", len(trace.outcomes))
        causes: Counts = counts @ self._causes
        causes[DIVISION] += spending.dense("divisions", len(trace.divisions)).sum()
        probes = spending.dense("probes", len(trace.probes))
        causes[DIVISION] += probes[trace.probes["kind"] == rec.PROBE_DIVISION].sum()
        causes[UNALIGNED] += spending.dense("alignments", len(trace.alignments)).sum()
        causes[MISPREDICTION] += spending.dense("branches", len(trace.branches)).sum()
        for name, of_lines in zip(("lines", "line_bus"), self._costs.line_causes, strict=True):
            np.add.at(causes, of_lines, spending.dense(name, len(trace.lines)))
        self._add_misses(spending, causes)
        for address, cycles in spending.stalls.items():
            causes[self._costs.wait_cause(address)] += cycles
        for (_, cause), cycles in spending.extra.items():
            causes[CAUSES.index(cause)] += cycles
        if int(causes.sum()) != spending.cycles:
            raise AssertionError(f"cycles of a layer do not add up to {spending.cycles}: {named(causes)}")
        return causes, int(counts @ self._lengths)

    def _add_misses(self, spending: Spending, causes: Counts) -> None:
        misses = self._trace.misses
        if not misses:
            return
        grown = {name: spending.dense(name, len(misses)) for name in MISS_CYCLES}
        for number, address in enumerate(misses):
            row = {name: grown[name][number] for name in MISS_CYCLES}
            for cause, cycles in self._costs.miss_cycles(address, row):
                causes[cause] += cycles


def gap_note(layers: Layers, handler_cycles: int) -> str | None:
    """Return a remark where much of an inference is in no layer: what the compiler inlines is no call."""
    inside = span = 0
    for inference in range(layers.inferences):
        runs = [run for run in layers.activations if run.inference == inference and run.parent < 0]
        inside += sum(run.total_cycles for run in runs)
        span += max((run.end_cycles for run in runs), default=0) - min((run.start_cycles for run in runs), default=0)
    gap = span - inside - handler_cycles
    if span <= 0 or gap < GAP_SHARE * span:
        return None
    return (
        f"{100 * gap / span:.0f} % of the cycles between the first layer and the last are in none: other code, or "
        "layers that the compiler inlined into their caller, which are no calls"
    )
