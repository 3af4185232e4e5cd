# SPDX-License-Identifier: Apache-2.0
"""Which memory a load reads, as far as it changes time: memories that answer late, loads from two memories, and loads
that are unaligned, always or at times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from machines import CODE, assemble, firmware_elf, write_image
from msgspec.structs import replace
from thumb_code import Code

from mcusim.attribution import attribute
from mcusim.board import NONE, Board, Sourced, load_board
from mcusim.core import Core, load_core
from mcusim.engine.alignment import FIRST_LOOK, LOOKS_APART, Alignments
from mcusim.engine.engine import Engine
from mcusim.engine.hooks import STEADY_LOOKS
from mcusim.engine.records import CHECKS_ALIGNMENT, NO_LOOK
from mcusim.engine.tables import Tables
from mcusim.isa.decode import decode_block
from mcusim.machine.loop import RunLoop
from mcusim.machine.memory import Memory
from mcusim.machine.result import make_trace
from mcusim.machine.settings import Settings
from mcusim.pipelines import PIPELINES
from mcusim.pipelines.causes import CAUSES
from mcusim.profile import Profile

SRAM, CCM = 0x2000_0000, 0x1000_0000
LATE_CYCLES = 3


def board(**late_cycles: int) -> Board:
    """Return a board with two RAMs, some of which answer late."""
    plain = load_board("stm32f407-discovery")
    late = {name: Sourced(value=value, source="the test") for name, value in late_cycles.items()}
    regions = tuple(
        replace(region, late_cycles=late[region.name]) if region.name in late else region for region in plain.region
    )
    return replace(plain, region=regions)


def profile_of(folder: Path, code: Code, where: Board) -> Profile:
    """Run code to its end, `b .`."""
    code.label("end")
    code.branch("end")
    image = write_image(folder, firmware_elf(code.build(CODE)))
    loop = RunLoop(image, where, Settings(max_cycles=1_000_000, wait_states=0), None, None)
    loop.run()
    return attribute(make_trace(loop, "given"))


def two_pointers(body: str, second: int) -> Code:
    """r1 points to SRAM, r3 to `second`; then a block of its own."""
    code = Code()
    code.load(1, SRAM + 0x100)
    code.load(3, second)
    code.hex("e7ff")  # b.n to the next instruction
    code.hex(body)
    return code


# memory that answers late


@pytest.mark.parametrize(
    ("body", "times"),
    [
        ("6808 3001 3001", 1),  # ldr r0, [r1]; adds; adds
        ("6808 684a 3001", 1),  # ldr r0, [r1]; ldr r2, [r1, #4]: the second follows closely
        ("6808 3001 3001 684a 3001", 2),  # adds between the two
        ("6818 3001 3001", 0),  # ldr r0, [r3]: the other memory
        ("600a 3001 3001", 0),  # str r2, [r1]: the write buffer waits, not the core
    ],
)
def test_memory_that_answers_late_makes_the_first_of_several_reads_wait(body: str, times: int, tmp_path: Path) -> None:
    profile = profile_of(tmp_path, two_pointers(body, CCM), board(sram1=LATE_CYCLES))
    assert profile.totals.causes.get("memory", 0) == times * LATE_CYCLES


@pytest.mark.parametrize(
    ("body", "late", "store"),
    [
        ("6808 604b 6888", 1, 0),  # ldr [r1]; str [r1, #4]; ldr [r1, #8]: the store is on the bus while the load waits
        ("6808 6019 6888", 1, 1),  # ldr [r1]; str [r3]; ldr [r1, #8]: but not on the way to another memory
        ("604b 6888", 0, 1),  # str [r1, #4]; ldr [r1, #8]: it is late while the load waits for the write buffer
        ("6808 604b 608b 3001", 1, 0),  # ldr [r1]; str [r1, #4]; str [r1, #8]: late for the load only
        ("604b 608b 3001", 1, 0),  # str [r1, #4]; str [r1, #8]: late for the first of two
    ],
)
def test_memory_is_ready_for_a_store_right_behind_a_load(body: str, late: int, store: int, tmp_path: Path) -> None:
    causes = profile_of(tmp_path, two_pointers(body, CCM), board(sram1=1)).totals.causes
    assert (causes.get("memory", 0), causes.get("store", 0)) == (late, store)


def test_boards_answer_at_once_unless_they_say_otherwise(tmp_path: Path) -> None:
    assert "memory" not in profile_of(tmp_path, two_pointers("6808 3001 3001", CCM), board()).totals.causes


def test_a_memory_answers_late_at_its_aliases_too(tmp_path: Path) -> None:
    plain = load_board("nucleo-l4r5zi")
    late = {"sram2": Sourced(value=LATE_CYCLES, source="the test")}
    regions = tuple(replace(region, late_cycles=late.get(region.name, NONE)) for region in plain.region)
    loop = RunLoop(write_image(tmp_path, firmware_elf(assemble("e7fe"))), replace(plain, region=regions), Settings(),
                   None, None)  # fmt: skip
    memory = loop.machine.memory
    starts = (0x2003_0000, 0x1000_0000)
    assert [memory.late_cycles(start + offset) for start in starts for offset in (0, 0xFFFC)] == [LATE_CYCLES] * 4
    assert [memory.late_cycles(address) for address in (SRAM, 0x2004_0000, 0x0800_0000, 0x4000_0000)] == [0] * 4
    assert memory.place_of(0x2003_0000) == memory.place_of(0x1000_0000) != memory.place_of(SRAM)


@pytest.mark.parametrize("body", ["f8510b04 3001", "6808 3104", "f8510b04 460b f8532c04"])
def test_a_loop_that_walks_from_one_memory_into_another_is_noticed_in_a_few_turns(body: str, tmp_path: Path) -> None:
    """From SRAM1 to SRAM2 of the STM32L4+: ldr r0, [r1], #4; ldr r0, [r1]; and, last, with ldr r2, [r3, #-4] of MOV."""
    turns, sram2 = 1000, 0x2003_0000
    nucleo = load_board("nucleo-l4r5zi")
    profile = profile_of(tmp_path, loop_of(body, turns, sram2 - 4 * turns // 2), nucleo)
    always = profile_of(tmp_path, loop_of(body, turns, sram2), nucleo).totals.causes["memory"]
    late = profile.totals.causes["memory"]
    assert always >= turns
    assert always // 2 - always // turns * STEADY_LOOKS <= late <= always // 2


# loads from two memories


@pytest.mark.parametrize(
    ("places", "stalls"),
    [((2, 2), 1), ((2, 3), 2), ((2, 0), 1), ((0, 3), 1), ((2, 2, 2), 1), ((2, 3, 2), 3)],
)
@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m4"])
def test_loads_pipeline_in_one_memory_only(core: str, places: tuple[int, ...], stalls: int) -> None:
    """A load of another memory pays the data cycle of the one before; where a memory is unknown it may be the same."""
    table, ops = load_core(core), decode_block(assemble("6808 " * len(places) + "003f"), CODE)[0]
    ops["place"][: len(places)] = places
    assert cycles_by_cause(table, ops)["load"] == stalls


def cycles_by_cause(core: Core, ops: np.ndarray) -> dict[str, int]:
    """Return the cycles of decoded instructions from a quiet pipeline."""
    pipeline = PIPELINES[core.file.pipeline]
    costs, after = np.zeros((len(ops), len(CAUSES)), np.int32), np.zeros(pipeline.STATE_SIZE, np.int64)
    pipeline.price(ops, np.ones(len(ops), np.uint8), False, pipeline.reset_state(), core.class_cycles,
                   core.class_register_cycles, core.rules, after, costs)  # fmt: skip
    return dict(zip(CAUSES, map(int, costs.sum(axis=0)), strict=True))


@pytest.mark.parametrize(("second", "stalls"), [(SRAM + 0x200, 1), (CCM, 2)])
def test_the_machine_tells_the_memories_apart(second: int, stalls: int, tmp_path: Path) -> None:
    before = profile_of(tmp_path, two_pointers("003f", second), board()).totals.causes.get("load", 0)
    profile = profile_of(tmp_path, two_pointers("6808 681a 003f", second), board())  # ldr r0, [r1]; ldr r2, [r3]
    assert profile.totals.causes["load"] - before == stalls


# unaligned loads


def loop_of(body: str, turns: int, pointer: int = SRAM + 0x100) -> Code:
    """A loop of one block around `body`, r1 pointing to SRAM at first."""
    code = Code()
    code.load(1, pointer)
    code.load(5, turns)
    code.hex("e7ff")
    code.label("loop")
    code.hex(body)
    code.hex("3d01")  # subs r5, #1
    code.branch("loop", 1)  # bne
    return code


@pytest.mark.parametrize(
    ("body", "cycles"),
    [
        ("6808", 0),  # ldr r0, [r1]
        ("f8d10001", 20),  # ldr.w r0, [r1, #1]: three transfers
        ("f8d10002", 10),  # ldr.w r0, [r1, #2]: two
        ("f8b10001", 10),  # ldrh.w r0, [r1, #1]
        ("f8510b02", 5),  # ldr r0, [r1], #2: every second one
        ("f8510f01", 20 - 2 - 2 - 3),  # ldr r0, [r1, #1]!: +1, +2 ... +10 take 2 1 2 0 2 1 2 0 2 1
        ("6808 3101", 13 - 1),  # ldr r0, [r1]; adds r1, #1: +0 to +9 take 0 2 1 2 0 2 1 2 0 2
        ("f8d12001 0012", 20),  # with lsls r2, r2, #0
        ("f8110001", 0),  # ldrb.w r0, [r1, r1]: bytes are never unaligned
    ],
)
def test_unaligned_loads_that_show_are_charged_each_time(body: str, cycles: int, tmp_path: Path) -> None:
    profile = profile_of(tmp_path, loop_of(body, 10), board())
    assert profile.totals.causes.get("unaligned", 0) == cycles


def test_a_pointer_that_becomes_unaligned_is_noticed_after_a_few_runs(tmp_path: Path) -> None:
    """The looks come after 4, 16, 64 runs; from the look that sees it every run is charged."""
    turns, moved = 40, 10
    # cmp r5, #30; it eq; addeq r1, #1; ldr r0, [r1]; the pointer moves when r5 is 30, in the eleventh turn.
    body = f"2d{turns - moved:02x} bf08 3101 6808"
    profile = profile_of(tmp_path, loop_of(body, turns), board())
    noticed = FIRST_LOOK * LOOKS_APART
    # The first turn is another outcome where it finds the pipeline in another state than the turns after it.
    assert profile.totals.causes["unaligned"] in (2 * (turns - noticed), 2 * (turns - noticed - 1))


@pytest.mark.parametrize("core", ["generic-cortex-m0plus"])
def test_cores_without_unaligned_loads_look_at_none(core: str, tmp_path: Path) -> None:
    loop = RunLoop(write_image(tmp_path, firmware_elf(loop_of("6808", 3).build(CODE) + assemble("e7fe"))),
                   load_board(core), Settings(max_cycles=1000), None, None)  # fmt: skip
    loop.run()
    assert not loop.machine.pricer.alignments.loads


def made(text: str, known: list[int | None], transfer_cycles: int = 1) -> tuple[Alignments, Tables, np.ndarray]:
    """Sort out the loads of one block."""
    tables = Tables()
    ops = decode_block(assemble(text), CODE)[0]
    alignments = Alignments(tables, transfer_cycles)
    alignments.add_block(tables.add_block(CODE, 2 * len(text.split())), ops, known)
    return alignments, tables, ops


@pytest.mark.parametrize(
    ("text", "known", "checked", "watched", "fixed"),
    [
        ("6808", [SRAM], [], [0], 0),  # ldr r0, [r1]
        ("6808", [None], [], [0], 0),
        ("6808", [SRAM + 2], [0], [], 0),  # unaligned when it was met
        ("f8d10001", [None], [0], [], 0),  # an offset that is no multiple
        ("9800", [SRAM], [], [], 0),  # ldr r0, [sp]: aligned always
        ("6809", [SRAM + 1], [], [], 2),  # ldr r1, [r1]: its base is gone, it stays as it was
        ("7808 4801 c90c", [None] * 3, [], [], 0),  # bytes, literals, several words
    ],
)
def test_loads_are_checked_or_watched(
    text: str, known: list[int | None], checked: list[int], watched: list[int], fixed: int
) -> None:
    alignments, tables, ops = made(text, known)
    loads = alignments.loads.get(0)
    assert (sorted(loads.checked) if loads else []) == checked
    assert (sorted(loads.watched) if loads else []) == watched
    assert ops["further_transfers"].tolist()[0] == fixed
    row = tables.arrays["blocks"][0]
    assert bool(row["flags"] & CHECKS_ALIGNMENT) == bool(checked)
    assert row["alignment_count"] == len(checked)
    assert alignments.first_look(0) == (FIRST_LOOK if watched else NO_LOOK)


def test_no_cycles_for_transfers_no_looks() -> None:
    alignments, _, ops = made("6809 6808", [SRAM + 1, SRAM + 1], transfer_cycles=0)
    assert not alignments.loads
    assert not ops["further_transfers"].any()


def test_a_look_promotes_a_load_and_the_next_look_comes_later() -> None:
    alignments, tables, ops = made("6808 681a", [None, None])  # ldr r0, [r1]; ldr r2, [r3]
    outcome = 2 * tables.add_entry(0, 0, 0)
    row = tables.arrays["outcomes"][outcome]
    row["count"], row["link_key"] = 4, 7
    alignments.look(outcome, ops, {1: SRAM, 3: SRAM}.__getitem__)
    assert (row["look_at"], row["link_key"]) == (16, 7), "all aligned: nothing changes"
    row["count"] = 16
    alignments.look(outcome, ops, {1: SRAM, 3: SRAM + 1}.__getitem__)
    assert row["look_at"] == 64
    assert row["link_key"] == -1, "a link would pass the check by"
    assert list(alignments.loads[0].checked) == [1]
    assert list(alignments.loads[0].watched) == [0]
    alignments.look(outcome, ops, {1: SRAM + 2, 3: SRAM}.__getitem__)
    assert row["look_at"] == NO_LOOK
    assert sorted(alignments.loads[0].checked) == [0, 1]
    assert tables.arrays["blocks"][0]["alignment_count"] == 2


def test_the_engine_gets_the_largest_memories_first(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    plain = Engine.map_memory

    def noting(self: Engine, start: int, array: np.ndarray, *, writable: bool) -> None:
        sizes.append(len(array))
        plain(self, start, array, writable=writable)

    monkeypatch.setattr(Engine, "map_memory", noting)
    Memory(load_board("nucleo-h743zi"), Engine("cortex-m7", Tables()))
    assert len(sizes) > 8
    assert sizes == sorted(sizes, reverse=True)
