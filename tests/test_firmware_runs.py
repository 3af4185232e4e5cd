# SPDX-License-Identifier: Apache-2.0
"""What the test firmwares print, and the cycles that they measure themselves, held against counts made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import LONG
from machines import FIRMWARE, prebuilt, run_loop, run_profile
from msgspec.structs import replace

from mcusim.attribution import attribute
from mcusim.board import NONE, load_board
from mcusim.image import load
from mcusim.machine.loop import RunLoop
from mcusim.machine.result import make_trace
from mcusim.machine.settings import Settings

NUCLEO, MPS2 = "nucleo-l4r5zi", "mps2-an386"
H743, F746 = "nucleo-h743zi", "stm32f746-discovery"
# Each variant of training on each board in a long run, else each once.
TRAINED = (
    [(f"training_{variant}", board) for variant in ("full", "sparse", "reordered") for board in (NUCLEO, F746, H743)]
    if LONG
    else [("training_sparse", NUCLEO), ("training_reordered", F746), ("training_full", H743)]
)


def run_firmware(name: str, board: str, **settings: object) -> RunLoop:
    return run_loop(load(prebuilt(name, board)), board, **settings)


def printed(loop: RunLoop) -> str:
    return bytes(loop.machine.output).decode()


@pytest.mark.parametrize(
    ("name", "board"), [("calls", MPS2), ("interrupts", MPS2), ("overlays", NUCLEO), ("peripherals", NUCLEO)]
)
def test_firmware_prints_what_it_should(name: str, board: str) -> None:
    assert printed(run_firmware(name, board)) == (FIRMWARE / name / "expected.txt").read_text()


@pytest.mark.parametrize(
    ("name", "board"),
    [
        ("hello", NUCLEO),
        ("keyword_spotting", NUCLEO),
        ("keyword_spotting", MPS2),
        ("keyword_spotting", "nucleo-h743zi"),
        ("two_tasks", NUCLEO),
        ("two_tasks", MPS2),
        ("memory_plan_bad", NUCLEO),
        ("memory_plan_good", NUCLEO),
        ("heap", NUCLEO),
        ("patches", NUCLEO),
        ("kernel_speed", NUCLEO),
        ("kernel_speed", H743),
        ("gestures_before", NUCLEO),
        ("gestures_after", NUCLEO),
        ("vww_layers", NUCLEO),
        ("vww_patches", NUCLEO),
        ("vww_layers", F746),
        ("vww_patches", H743),
        *TRAINED,
    ],
)
def test_examples_print_what_they_should(name: str, board: str) -> None:
    lines = printed(run_firmware(name, board, max_cycles=100_000_000)).splitlines(keepends=True)
    kept = "".join(line for line in lines if not line.startswith("cycles: "))
    # A variant may print something else: it has a file of its own then.
    folder, variant = prebuilt(name, board).parent, name.rpartition("_")[2]
    own = folder / f"expected_{variant}.txt"
    assert kept == (own if own.exists() else folder / "expected.txt").read_text()


# Cycles from the issue of the first read to that of the second: Arm DDI 0439D 3.3, and cores/cortex-m4.toml.
# The first read is a load of one cycle, whose data cycle the next instruction pays unless it is a store, a NOP, or a
# load from the same memory: the counters are in the core's own peripherals, `memory` is in SRAM.
HAND_COUNTS = {
    "nothing": 1,  # two loads, pipelined
    "nop": 1 + 1,  # the NOP hides the data cycle
    "add": 1 + (1 + 1),
    "adds": 1 + (1 + 1) + 1 + 1,
    "multiply": 1 + (1 + 1),
    "load": 1 + (1 + 1) + 1,  # another memory than the counter: neither read pipelines with it
    "load add": 1 + (1 + 1) + (1 + 1),
    "load address": 1 + (1 + 1) + (1 + 1) + 1,  # the address is the load's result: not pipelined
    "store": 1 + 1 + 1,  # the store hides the data cycle, the read waits until it has left the write buffer
    "store add": 1 + 1 + 1,  # it leaves meanwhile
    "push pop": 1 + (1 + 1 + 2) + (1 + 1 + 2),
    "address": 1 + (1 + 1) + (1 + 1) + 1,  # the address comes from the instruction before
    "it load": 1 + (1 + 1) + 0 + 1 + (1 + 1),  # IT is folded
    "it skipped load": 1 + (1 + 1) + 0 + 1 + 1,
    "it skipped load, flags lost": 1 + (1 + 1) + 0 + 1 + 1,
    "not taken": 1 + (1 + 1) + 1,
    "taken": 1 + (1 + 1) + 1,
    "call": 1 + (1 + 1 + 1) + (1 + 1),  # BL and BX LR both branch in decode
    "barrier": 1 + (1 + 4),
    "float": 1 + (1 + 1) + (1 + 1),  # the result is used by the next instruction
    "float divide": 1 + 1 + 14 + 1,  # 14 from VDIV to the next that needs the unit, whatever runs between
}
ASSUMED = ("it skipped load, flags lost",)  # documented: what was skipped cannot be seen after the block


@pytest.fixture(scope="module")
def timing() -> RunLoop:
    """The timing firmware after its run, on a board whose SRAM answers at once, as the counts have it."""
    board = load_board(NUCLEO)
    regions = tuple(replace(region, late_cycles=NONE) for region in board.region)
    loop = RunLoop(load(prebuilt("timing", NUCLEO)), replace(board, region=regions), Settings(), None, None)
    loop.run()
    return loop


@pytest.mark.parametrize("counter", ["", "systick "])
def test_cycles_between_two_reads_are_those_counted_by_hand(timing: RunLoop, counter: str) -> None:
    measured = dict(line.rsplit(": ", 1) for line in printed(timing).splitlines())
    found = {name: int(measured[counter + name]) for name in HAND_COUNTS if name not in ASSUMED}
    assert found == {name: cycles for name, cycles in HAND_COUNTS.items() if name not in ASSUMED}
    assert len(measured) == 2 * len(HAND_COUNTS)


def test_what_it_skips_is_right_or_assumed_to_run_with_a_note(timing: RunLoop) -> None:
    measured = dict(line.rsplit(": ", 1) for line in printed(timing).splitlines())
    notes = [note.text for note in attribute(make_trace(timing, "given")).notes if note.kind == "assumed"]
    for name in ASSUMED:
        if int(measured[name]) != HAND_COUNTS[name]:
            assert int(measured[name]) == HAND_COUNTS[name] + 1  # the data cycle of a load that never was
            assert any("condition" in text for text in notes)


OPERANDS = (0, 1, 2, 3, 7, 15, 16, 255, 256, 65535, 0x12345, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)


def division_by_hand(dividend: int, divisor: int, signed: bool) -> int:
    """2 for a zero operand, 3 where the quotient is 0 by size, else 5 and one for every four bits of the quotient."""
    if signed:
        dividend, divisor = (abs(x - (1 << 32) if x >> 31 else x) for x in (dividend, divisor))
    if not dividend or not divisor:
        return 2
    difference = dividend.bit_length() - divisor.bit_length()
    return 3 if difference < 0 else 5 + difference // 4


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["udiv", "sdiv", "udiv-overwritten"])
def test_divisions_take_the_cycles_that_their_operands_need(timing: RunLoop, kind: int) -> None:
    symbol = timing.machine.image.find_symbol("division_cycles")
    assert symbol is not None
    found, wanted = {}, {}
    for i, dividend in enumerate(OPERANDS):
        for j, divisor in enumerate(OPERANDS):
            index = (kind * len(OPERANDS) + i) * len(OPERANDS) + j
            found[dividend, divisor] = timing.machine.memory.read_word(symbol.address + 4 * index) - 2
            wanted[dividend, divisor] = division_by_hand(dividend, divisor, kind == 1)
    assert found == wanted
    assert {min(found.values()), max(found.values())} == {2, 12}  # DDI 0439D table 3-1


SEMIHOSTING = """\
write0
c
write
is a terminal: 1
ticks per second: 1000000
elapsed ticks: 30000
clock: 3
time: 0
unknown: -1
"""


def test_semihosting_with_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "in.txt").write_text("abcdefgh")
    (folder / "old.txt").write_text("")
    (tmp_path / "secret.txt").write_text("secret")
    loop = run_firmware("semihosting", MPS2, files=folder)
    assert printed(loop) == SEMIHOSTING + (
        "open for writing: 1\nnot written: 0\nclose: 0\nopen for reading: 1\nlength: 8\nseek: 0\nnot read: 4\n"
        "read: cdefgh\nclose: 0\nclose again: -1\noutside: -1\nabsolute: -1\nremove: 0\n"
    )
    assert loop.end is not None
    assert (loop.end.kind, loop.end.status) == ("exit", 42)
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"in.txt": "abcdefgh", "out.txt": "12345"}
    assert loop.semihosting.refused == {
        "semihosting call 0x77",
        "file '../secret.txt' (outside the folder given by --files)",
        "file '/etc/hostname' (outside the folder given by --files)",
    }


def test_semihosting_without_a_folder() -> None:
    loop = run_firmware("semihosting", MPS2)
    assert printed(loop) == SEMIHOSTING + (
        "open for writing: 0\nnot written: 5\nclose: -1\nopen for reading: 0\nlength: -1\nseek: -1\nnot read: 10\n"
        "read: \nclose: -1\nclose again: -1\noutside: -1\nabsolute: -1\nremove: -1\n"
    )
    notes = [note.text for note in attribute(make_trace(loop, "given")).notes]
    assert "refused: file 'out.txt' (give --files DIR to allow it)" in notes


def test_uart_input_is_received_and_the_run_ends_where_it_lacks() -> None:
    loop = run_firmware("echo", NUCLEO, uart_input=b"Hello, world. And more.")
    assert printed(loop) == "HELLO, WORLD.\nreceived 13\n"
    loop = run_firmware("echo", NUCLEO, uart_input=b"no full stop", max_cycles=1_000_000)
    assert printed(loop) == "NO FULL STOP"
    assert loop.end is not None
    assert loop.end.kind == "max-cycles"


def test_sleep_passes_time_and_a_masked_interrupt_wakes() -> None:
    loop = run_firmware("sleep", NUCLEO)
    assert printed(loop) == "three periods\nawake, masked\ntaken\n"
    assert loop.end is not None
    assert loop.end.kind == "sleep"
    profile = attribute(make_trace(loop, "given"))
    assert profile.totals.causes["sleep"] > 300_000
    assert profile.end.function == "main"


def test_cortex_m0plus_firmware() -> None:
    loop = run_firmware("m0plus", "generic-cortex-m0plus")
    symbol = loop.machine.image.find_symbol("results")
    assert symbol is not None
    assert [loop.machine.memory.read_word(symbol.address + 4 * index) for index in range(4)] == [55, 132, 105, 78]
    profile = attribute(make_trace(loop, "given"))
    cycles = {function.name: (function.calls, function.self_cycles) for function in profile.functions}
    # DDI 0484C table 3-1: PUSH 1 + 2; 1; ten times ADDS 1, SUBS 1, BNE 2 or at last 1; MOV 1; POP with PC 3 + 2.
    assert cycles["sum_to"] == (1, 3 + 1 + 10 * 4 - 1 + 1 + 5)
    # Entry 15; MRS 3, LDR 2, ADDS 1, STR 2, BX 2 - 1 + 1; return 13.
    assert cycles["SVC_Handler"] == (1, 15 + 3 + 2 + 1 + 2 + 2 + 13)
    assert cycles["finish"][0] == 1
    assert profile.end.kind == "loop"


def test_tasks_have_trees_and_stacks_of_their_own() -> None:
    profile = run_profile(load(prebuilt("two_tasks", NUCLEO)), NUCLEO)
    assert [task.name for task in profile.tasks] == ["reset", "filter_task", "sort_task"]
    roots = {task.name: profile.tree[task.root] for task in profile.tasks}
    assert [roots[name].kind for name in roots] == ["thread", "task", "task"]
    children = {
        name: {profile.functions[node.function].name for node in profile.tree if node.parent == task.root}
        for name, task in zip(roots, profile.tasks, strict=True)
    }
    assert children["filter_task"] == {"low_pass", "task_yield"}
    assert {"sort.constprop.0", "scheduler_stop"} <= children["sort_task"]
    assert "main" in children["reset"]
    stacks = {stack.name: stack for stack in profile.stacks}
    assert stacks["filter_task"].size_bytes == 512
    assert stacks["sort_task"].size_bytes == 768
    assert stacks["filter_task"].used_bytes >= 0x68  # the frame of an exception with floating point
    assert not any(stack.overflow for stack in profile.stacks)
    assert sum(task.total_cycles for task in profile.tasks) < profile.totals.cycles
