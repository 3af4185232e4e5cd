# SPDX-License-Identifier: Apache-2.0
"""Attribute: from a trace's counts to a profile, by function, call tree, instruction and cause.

Each outcome is priced once more, now keeping the cycles of every instruction by cause, and multiplied by its count.
Everything adds up: instructions to functions, functions to the clock. `attribute` checks that and fails if it does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

import numpy as np

from mcusim import __version__
from mcusim.access_trace import AccessTrace
from mcusim.attribution.caches import attribute_caches
from mcusim.attribution.code import attribute_code
from mcusim.attribution.costs import Costs, Counts, named
from mcusim.attribution.heap import path_of
from mcusim.attribution.layers import attribute_layers, gap_note
from mcusim.attribution.memory import attribute_memory
from mcusim.board import Board
from mcusim.disassembly import Disassembler
from mcusim.engine import records as rec
from mcusim.image.model import Image
from mcusim.isa.decode import ALWAYS
from mcusim.pipelines.causes import CAUSE_TITLES
from mcusim.profile import (
    SCHEMA_VERSION,
    Accuracy,
    BacktraceLine,
    BoardInfo,
    ClockPhase,
    EndInfo,
    FaultInfo,
    FunctionCost,
    GuessedRegister,
    ImageInfo,
    Note,
    Profile,
    SectionInfo,
    StackInfo,
    TaskInfo,
    Totals,
    TreeNode,
)
from mcusim.profile_memory import Layers
from mcusim.profile_power import CurrentPoint, PowerInfo
from mcusim.sources import SourceFiles
from mcusim.trace import Trace

KIND_NAMES = {rec.KIND_CALL: "call", rec.KIND_THREAD: "thread", rec.KIND_HANDLER: "handler", rec.KIND_TASK: "task"}
RAM_KINDS = ("sram", "tcm")
FLASH_CAUSES = ("flash-fetch", "flash-literal", "flash-data")
CACHE_CAUSES = ("icache", "dcache", "bus")
CACHE_SHARE = 0.01  # of all cycles, up to which an interval holds that was measured where all was in the caches


def attribute(trace: Trace) -> Profile:
    """Return the profile of a finished run."""
    costs = Costs(trace)
    by_function, instructions_of = costs.by_function()
    order = sorted(range(len(trace.functions)), key=lambda number: trace.functions[number].address)
    position = {number: index for index, number in enumerate(order)}
    tree = _tree(trace, position)
    totals = _totals(trace, by_function, sum(instructions_of))
    functions = []
    for number in order:
        function = trace.functions[number]
        functions.append(
            FunctionCost(
                name=function.name, file=PurePath(function.file).name if function.file else None,
                address=function.address, size_bytes=function.size_bytes,
                calls=0, instructions=instructions_of[number], self_cycles=int(by_function[number].sum()),
                total_cycles=0, causes=named(by_function[number]),
            )
        )  # fmt: skip
    _sum_tree(functions, tree)
    instructions = costs.instructions(position)
    layers, flash, spent = attribute_layers(trace, costs, position)
    profile = Profile(
        schema_version=SCHEMA_VERSION, tool=f"mcusim {__version__}", image=_image_info(trace.image),
        board=_board_info(trace), settings=trace.settings, end=_end_info(trace), totals=totals, functions=functions,
        tree=tree, instructions=instructions, sources=costs.sources.lines(instructions),
        notes=[*_notes(trace), *_layer_notes(trace, layers), *_access_notes(trace.access)],
        guessed=[GuessedRegister(**vars(access)) for access in trace.guessed],
        accuracy=_accuracy(trace, totals), output=trace.output.decode("utf-8", "replace"),
        cause_titles=dict(CAUSE_TITLES), stacks=_stacks(trace), tasks=_tasks(trace, tree),
        fault=_fault(trace, costs.sources), layers=layers, memory=attribute_memory(trace, layers, flash),
        caches=attribute_caches(trace, costs, position, spent), code=attribute_code(trace, costs, functions),
        power=_power(trace.board), flash_on=trace.flash_on,
    )  # fmt: skip
    _check(profile, trace)
    return profile


def _tree(trace: Trace, position: dict[int, int]) -> list[TreeNode]:
    nodes = [
        TreeNode(parent=int(row["parent"]), function=position[int(row["function"])], kind=KIND_NAMES[int(row["kind"])],
                 calls=int(row["calls"]), self_cycles=int(row["self_cycles"]), total_cycles=int(row["self_cycles"]))
        for row in trace.nodes
    ]  # fmt: skip
    for node in reversed(nodes):  # children come after their parents
        if node.parent >= 0:
            nodes[node.parent].total_cycles += node.total_cycles
    return nodes


def _sum_tree(functions: list[FunctionCost], tree: list[TreeNode]) -> None:
    """Fill in calls and total cycles of functions; of a function's nodes on one path only the outermost counts."""
    for node in tree:
        function = functions[node.function]
        function.calls += node.calls
        above = node.parent
        while above >= 0 and tree[above].function != node.function:
            above = tree[above].parent
        if above < 0:
            function.total_cycles += node.total_cycles


def _totals(trace: Trace, by_function: Counts, instructions: int) -> Totals:
    return Totals(
        cycles=trace.clock_cycles,
        instructions=instructions,
        time_s=trace.seconds,
        causes=named(by_function.sum(axis=0)),
        clock=[ClockPhase(start, core_hz) for start, core_hz in trace.clock_phases],
    )


def _image_info(image: Image) -> ImageInfo:
    sections = [
        SectionInfo(
            section.name, section.run_address, section.size_bytes, section.kind, section.flash_bytes, section.sram_bytes
        )
        for section in image.sections
    ]
    return ImageInfo(image.name, image.sha256, image.format, image.flash_bytes, image.sram_bytes, sections)


def _board_info(trace: Trace) -> BoardInfo:
    board = trace.board
    flash = sum(region.size_bytes for region in board.region if region.kind == "flash")
    sram = sum(region.size_bytes for region in board.region if region.kind in RAM_KINDS)
    return BoardInfo(board.name, board.title, trace.core.name, trace.core.title, trace.board_reason, flash, sram)


def _power(board: Board) -> PowerInfo | None:
    """Return the currents that the board's file gives, as a profile keeps them."""
    power = board.power
    if power is None:
        return None
    active, sleep = (
        [CurrentPoint(point.hz, point.ma, point.source) for point in points] for points in (power.active, power.sleep)
    )
    deep = (power.deep.ua, power.deep.name, power.deep.source) if power.deep is not None else (None, "", "")
    return PowerInfo(power.supply_v, power.conditions, active, sleep, *deep)


def _end_info(trace: Trace) -> EndInfo:
    end = trace.end
    symbol = trace.image.function_at(end.address)
    before = [function for function in trace.functions if function.address <= end.address]
    nearest = max(before, key=lambda function: function.address, default=None)
    unnamed = nearest.name if nearest is not None and nearest.size_bytes == 0 else ""
    return EndInfo(end.kind, end.text, end.status, end.address, symbol.name if symbol else unnamed)


def _stacks(trace: Trace) -> list[StackInfo]:
    return [
        StackInfo(use.name, use.limit, use.top, use.top - use.low, use.overflow, path_of(trace, use.low_node))
        for use in trace.stacks
    ]


def _tasks(trace: Trace, tree: list[TreeNode]) -> list[TaskInfo]:
    return [TaskInfo(use.name, use.root, use.stack, use.switches, tree[use.root].total_cycles) for use in trace.tasks]


def _fault(trace: Trace, sources: SourceFiles) -> FaultInfo | None:
    record, image = trace.fault, trace.image
    if record is None:
        return None
    lines = []
    for place in record.backtrace:
        symbol, line = image.function_at(place.address), image.line_at(place.address)
        offset = place.address - symbol.address if symbol else 0
        lines.append(
            BacktraceLine(
                place.address, place.how, symbol.name if symbol else "", offset,
                sources.shown(line.file) if line else None, line.line if line else None,
            )
        )  # fmt: skip
    return FaultInfo(
        exception=record.exception, words=record.words, address=record.address, cycles=record.cycles,
        instruction=_instruction_at(trace, record.pc), registers=record.registers, status=dict(record.status),
        backtrace=lines, cause=record.cause, outcome=record.outcome,
    )  # fmt: skip


def _instruction_at(trace: Trace, address: int) -> str:
    for decoded in trace.pricer.decoded:
        for op in decoded.ops[decoded.ops["address"] == address]:
            return Disassembler(trace.image).text(address, int(op["opcode"]), int(op["size_bytes"]), ALWAYS)
    return ""


def _accuracy(trace: Trace, totals: Totals) -> Accuracy:
    """Return the core's statement. Its interval was measured without wait states, so it does not hold with them.

    On a core with caches, misses make no difference as long as they are few.
    """
    statement = trace.core.file.accuracy
    if _ideal(trace):
        text = f"caches are taken to hit always (--set cache=ideal): memory may make it slower. Else: {statement.text}"
        return Accuracy("ideal caches", None, text)
    if trace.wait_states_in_doubt:
        return Accuracy("estimate", None, f"an estimate: {trace.wait_states_in_doubt}. Else: {statement.text}")
    if totals.causes.get("sram-fetch", 0) > CACHE_SHARE * totals.cycles:
        figures = statement.code_in_sram or "nothing was measured"
        return Accuracy("estimate", None, f"an estimate, since code runs from SRAM: {figures}. Else: {statement.text}")
    waited = sum(totals.causes.get(cause, 0) for cause in (*CACHE_CAUSES, *FLASH_CAUSES))
    if trace.cached and statement.interval_percent is not None and waited > CACHE_SHARE * totals.cycles:
        text = "an estimate, since memory makes the core wait here, by latencies of which many are estimates"
        return Accuracy("estimate", None, f"{text}. Of this core: {statement.text}")
    flash_waits = not trace.cached and statement.interval_percent is not None
    if flash_waits and any(totals.causes.get(cause) for cause in FLASH_CAUSES):
        return Accuracy("estimate", None, f"an estimate, since flash has wait states here. Without: {statement.text}")
    return Accuracy(statement.level, statement.interval_percent, statement.text)


def _notes(trace: Trace) -> list[Note]:
    notes = [Note("not-modelled", text, 0) for text in trace.core.file.accuracy.not_modelled]
    notes += _memory_notes(trace)
    for text in trace.refused:
        notes.append(Note("not-modelled", f"refused: {text}", 0))
    for klass, address in trace.unknown_classes.items():
        notes.append(Note("assumed", f"one cycle for instructions of class {klass}, as at 0x{address:08x}", 0))
    if trace.wait_states_in_doubt:
        notes.append(Note("too-few-waits", trace.wait_states_in_doubt, 0))
    notes += [Note("assumed", text, 0) for text in trace.assumptions]
    notes += [Note("detour", text, 0) for text in trace.detours]
    notes += [
        Note("stack", f"stack '{use.name}' overflowed: {use.overflow}", 0) for use in trace.stacks if use.overflow
    ]
    if trace.layers is not None and trace.layers.unbalanced_ends:
        text = "mcusim_layer_end where no layer was active that mcusim_layer_begin began there: ignored"
        notes.append(Note("assumed", text, trace.layers.unbalanced_ends))
    if trace.faults_handled:
        notes.append(Note("assumed", "faults that the firmware's handlers dealt with", trace.faults_handled))
    notes += _timing_assumptions(trace)
    if trace.worst_lateness_cycles:
        text = f"interrupts arrive at block boundaries: up to {trace.worst_lateness_cycles} cycles late"
        notes.append(Note("assumed", text, trace.interrupts))
    if trace.output_cut:
        notes.append(Note("not-modelled", "the firmware's output was cut after 1 MiB", 0))
    return notes


def _layer_notes(trace: Trace, layers: Layers | None) -> Iterable[Note]:
    if layers is None:
        if trace.layers_sought and trace.image.functions:
            text = "no framework was recognised: --layers callees-of=FUNCTION names the function that calls the layers"
            yield Note("layers", text, 0)
        return
    handlers = sum(part.self_cycles for part in layers.outside if part.kind == "handler")
    gap = gap_note(layers, handlers)
    if gap is not None:
        yield Note("layers", gap, 0)
    if layers.left_out:
        yield Note(
            "layers", "runs of layers beyond the limit: their cycles are in what was around them", layers.left_out
        )


def _access_notes(access: AccessTrace | None) -> Iterable[Note]:
    """Say what was left out of the tracking of accesses: nothing, as a rule."""
    if access is None:
        return
    for count, text in (
        (access.boundaries_left_out, "boundaries of layers at which no stretch of the timeline could begin"),
        (access.interval_bytes_left_out, "bytes of buffers for which there was no room in the log"),
        (access.crowded_flash_bytes, "bytes of flash that were read by too many sets of layers to tell which"),
        (access.events_left_out, "places that the sanitizer had no room for"),
        (access.lost_left_out, "overwritten bytes that the sanitizer had no room for"),
    ):
        if count:
            yield Note("memory", text, count)


def _memory_notes(trace: Trace) -> Iterable[Note]:
    """Say what is not known of the board's memory: all of its timing, or some numbers of it."""
    flash = trace.board.timed_flash
    if trace.cached:
        yield from _bus_notes(trace)
    elif _ideal(trace):
        yield Note("assumed", "every access hits the caches, and no memory makes the core wait (--set cache=ideal)", 0)
    elif flash is None or flash.timing is None:
        yield Note(
            "not-modelled", "wait states, caches and prefetch of the board's memory: all of it answers at once", 0
        )
    elif trace.data_stalls or (trace.lines["stall_cycles"] > 0).any():
        guessed = [key for key, number in flash.timing.numbers.items() if "estimate" in number.source]
        if guessed:
            text = f"flash timing of the board where no document gives it: {', '.join(guessed)}"
            yield Note("assumed", text, 0)


def _ideal(trace: Trace) -> bool:
    """Return whether caches that the board has were taken to hit always."""
    return trace.board.cache is not None and not trace.cached and any(region.bus for region in trace.board.region)


def _bus_notes(trace: Trace) -> Iterable[Note]:
    """Say which memories' latencies are estimates, and what of the caches is not modelled."""
    buses = [(region.name, bus) for region in trace.board.region for bus in (region.bus, region.alias_bus) if bus]
    guessed = {name: None for name, bus in buses if any("estimate" in each.source for each in bus.numbers.values())}
    if guessed:
        text = f"latencies of memory on the core's bus, which no document gives ('mcusim show {trace.board.name}')"
        yield Note("assumed", f"{text}: {', '.join(guessed)}", 0)
    yield Note(
        "not-modelled",
        "which line of a full set is replaced (a pseudo-random one here), stale lines, exception frames and DMA in "
        "caches, what data, writes and fetches do to each other on the bus",
        0,
    )


def _timing_assumptions(trace: Trace) -> Iterable[Note]:
    """Say how often the price of a block rested on an assumption."""
    skipped = divided = 0
    for number in np.flatnonzero(trace.blocks["assumed_runs"]):
        decoded, runs = trace.pricer.decoded[number], int(trace.blocks[number]["assumed_runs"])
        divisions = sum(kind == rec.PROBE_DIVISION for _, kind in decoded.assumed)
        divided += runs * divisions
        skipped += runs * (len(decoded.assumed) - divisions)
    if skipped:
        yield Note("assumed", "IT instructions timed as if their condition held (divisions at two cycles)", skipped)
    if divided:
        yield Note(
            "assumed",
            "divisions timed at two cycles, long multiplies at their longest: their operands could not be seen",
            divided,
        )


def _check(profile: Profile, trace: Trace) -> None:
    """Fail loudly if anything does not add up: it would be a bug in mcusim."""
    total = profile.totals.cycles
    sums = {
        "causes": sum(profile.totals.causes.values()),
        "functions": sum(function.self_cycles for function in profile.functions),
        "call tree": sum(node.self_cycles for node in profile.tree),
        "instructions": sum(row.cycles for row in profile.instructions) + sum(trace.extra_cycles.values()),
    }
    wrong = {name: value for name, value in sums.items() if value != total}
    if wrong:
        raise AssertionError(f"cycles do not add up to {total}: {wrong}")
