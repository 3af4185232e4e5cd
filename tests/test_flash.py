# SPDX-License-Identifier: Apache-2.0
"""Flash with wait states: the native model against its plain twin, and firmware on parts that have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import CODE, assemble, firmware_elf, prebuilt, run_loop, run_profile, untimed, write_image
from naive_flash import NaiveCache, NaiveFlash
from thumb_code import Code

from mcusim.board import board_names, load_board
from mcusim.engine import flash as native
from mcusim.engine.fetches import moments
from mcusim.engine.flash_tables import FlashRecord
from mcusim.errors import McusimError
from mcusim.image import load
from mcusim.isa.decode import decode_block
from mcusim.jit import int64, njit
from mcusim.machine.flash import parse_memory
from mcusim.pipelines.causes import CAUSES, FETCH, ISSUE
from mcusim.profile import Profile

LINES = 64  # of the flash in the traces
TIMED = [name for name in board_names() if load_board(name).timed_flash is not None]
SELFTESTS = [name for name in TIMED if (Path(__file__).parent / "firmware/selftest" / f"selftest-{name}.elf").is_file()]


@njit
def run_trace(record: Any, kinds: Any, lines: Any, times: Any, leads: Any, stalls: Any) -> None:
    """Let the native model answer a trace; time goes on with the stalls.

    Each line remembers, as the rows of blocks do, when it was found in the cache and nothing else happened.
    """
    flash = record[0]
    clock = int64(0)
    epochs, found = np.zeros(LINES, np.int64), np.zeros(LINES, np.int64)
    for index in range(len(kinds)):
        clock += times[index]
        stall = int64(0)
        if kinds[index] == 0:
            line = lines[index]
            if line != flash.current:
                if epochs[line] == flash.epoch:
                    native.fetch_again(flash, line, found[line])
                else:
                    stall = native.fetch(flash, line, clock, clock - leads[index])
                    epochs[line] = flash.epoch if flash.quiet_slot >= 0 else 0
                    found[line] = flash.quiet_slot
        elif lines[index] != flash.data_line:
            stall = native.read_data(flash, lines[index], clock)
        stalls[index] = stall
        clock += stall


@st.composite
def flashes(draw: st.DrawFn) -> tuple[NaiveFlash, FlashRecord, bool]:
    """A flash, plain and native, and whether it has one cache for both."""
    shapes = []
    for _ in range(2):
        ways, sets = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 4]))
        shapes.append((sets, ways, draw(st.sampled_from([1, 2, 4])), draw(st.booleans())))
    prefetch, buffer, unified = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    waits = draw(st.integers(0, 6))
    record = FlashRecord()
    row = record.row
    row["wait_states"], row["prefetch"], row["data_buffer"] = waits, prefetch, buffer
    row["data_cache"] = 0 if unified else 1
    for number, (sets, ways, sectors, on) in enumerate(shapes):
        record.shape_cache(number, sets * ways, ways, sectors, LINES)
        row["caches"][number]["on"] = on
    return NaiveFlash(waits, prefetch, buffer, [NaiveCache(*shape) for shape in shapes]), record, unified


TRACES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, LINES - 2), st.integers(0, 9), st.integers(1, 6)), max_size=60
)


@settings(max_examples=200, deadline=None)
@given(flashes(), TRACES, st.booleans())
def test_the_native_model_is_the_plain_one(
    flash: tuple[NaiveFlash, FlashRecord, bool], trace: list[tuple[int, int, int, int]], walks: bool
) -> None:
    plain, record, unified = flash
    if walks:  # mostly sequential, as code is
        trace = [(kind, (index + line // 16) % (LINES - 1), *rest) for index, (kind, line, *rest) in enumerate(trace)]  # type: ignore[misc]
    columns = [np.array(column, np.int64) for column in zip(*trace, strict=True)] or [np.zeros(0, np.int64)] * 4
    stalls = np.zeros(len(trace), np.int64)
    run_trace(record.record, *columns, stalls)
    clock, expected = 0, []
    for kind, line, after, lead in trace:
        clock += after
        if kind == 0:
            stall = plain.fetch(line, clock, clock - lead)
        else:
            stall = plain.read_data(line, clock, plain.caches[0 if unified else 1])
        expected.append(stall)
        clock += stall
    assert stalls.tolist() == expected


# what single programs cost


def flash_causes(profile: Profile) -> dict[str, int]:
    return {cause: cycles for cause, cycles in profile.totals.causes.items() if cause.startswith("flash")}


def profile_of(folder: Path, code: str, board: str = "stm32f407-discovery", **given: object) -> Profile:
    return run_profile(write_image(folder, firmware_elf(assemble(code))), board, **given)


NOPS = "f3af8000 " * 32  # 32 NOP.W: eight lines of 128 bits
END = " e7fe"
# Behind 16-bit code the fetch unit asks for a line earlier than 32-bit code would: its words are two instructions each.
LEAD = 4
OFF = ("flash.cache=off", "flash.prefetch=off")


def test_sequential_code_waits_for_each_line_without_prefetch(tmp_path: Path) -> None:
    # RM0090 figure 5: with 3 wait states and no prefetch, four 32-bit instructions go by and three cycles are waited.
    profile = profile_of(tmp_path, NOPS + END, wait_states=3, memory=OFF)
    assert flash_causes(profile) == {"flash-fetch": 9 * 3}  # eight lines, and that of the branch
    waiting = [row.address % 16 for row in profile.instructions if row.causes.get("flash-fetch")]
    assert waiting == [0] * 9


def test_prefetch_hides_three_wait_states_of_32_bit_code(tmp_path: Path) -> None:
    # RM0090 figure 5: with prefetch the lines after the first come without a wait.
    profile = profile_of(tmp_path, NOPS + END, wait_states=3, memory=("flash.cache=off", "flash.prefetch=on"))
    assert flash_causes(profile) == {"flash-fetch": 3}


def test_prefetch_hides_a_part_of_more_wait_states(tmp_path: Path) -> None:
    # A line takes 6 cycles to read and 4 to execute.
    profile = profile_of(tmp_path, NOPS + END, wait_states=5, memory=("flash.cache=off", "flash.prefetch=on"))
    assert flash_causes(profile) == {"flash-fetch": 5 + 8 * 2}


def test_a_loop_in_the_cache_waits_once(tmp_path: Path) -> None:
    # movs r0, #100; 16 NOP.W; subs r0, #1; bne: RM0090 3.5.2: what is in the cache comes without any delay.
    code = "2064 bf00 bf00 bf00 bf00 bf00 bf00 bf00" + " f3af8000" * 16 + " 3801 d1dd" + END
    on, off = (profile_of(tmp_path, code, wait_states=5, memory=memory) for memory in (("flash.cache=on",), OFF))
    assert flash_causes(on)["flash-fetch"] == 6 * 5 - LEAD
    # RM0090: the penalty of a miss is at least the wait states; five lines a turn.
    assert flash_causes(off)["flash-fetch"] >= 100 * 5 * 5


def test_a_loop_in_the_current_line_needs_no_cache(tmp_path: Path) -> None:
    # RM0440 3.3.4: if a loop is present in the current buffer, no new flash access is performed.
    code = "2064 bf00 bf00 bf00 bf00 bf00 bf00 bf00" + " 3801 d1fd" + END
    assert flash_causes(profile_of(tmp_path, code, wait_states=5, memory=OFF)) == {"flash-fetch": 2 * 5 - LEAD}


def literal_loop() -> bytes:
    """A loop that loads one literal and a word through a pointer to another line, ten times."""
    code = Code()
    code.load(0, 10)
    code.load(2, "table")
    code.hex("3a01")  # subs r2, #1: without the Thumb bit
    code.label("loop")
    code.load(1, 0x12345678)
    code.hex("6813 3801")  # ldr r3, [r2]; subs r0, #1
    code.branch("loop", 1)
    code.label("end")
    code.branch("end")
    code.pool()
    while len(code) % 32:
        code.half(0)
    code.label("table")
    code.word(0x01020304)
    return code.build(0x0800_0000 + 4 * 32)


def test_data_reads_wait_and_the_data_cache_keeps_their_lines(tmp_path: Path) -> None:
    image = write_image(tmp_path, firmware_elf(literal_loop()))
    cached = run_profile(image, "stm32f407-discovery", wait_states=5, memory=("flash.cache=on",))
    assert flash_causes(cached) == {
        "flash-fetch": flash_causes(cached)["flash-fetch"],
        "flash-literal": 5,
        "flash-data": 5,
    }
    plain = run_profile(image, "stm32f407-discovery", wait_states=5, memory=("flash.icache=on", "flash.dcache=off"))
    # Each of the ten turns reads two lines in turn, neither of which the buffer still has.
    assert flash_causes(plain)["flash-data"] == 10 * 5
    assert flash_causes(plain)["flash-literal"] == 10 * 5


def test_a_conditional_load_of_flash_leaves_no_it_state_behind(tmp_path: Path) -> None:
    # movs r0, #0; movs r1, #5; cmp r0, #0; it eq; ldreq r2, [pc]; b next; next: cmp r0, #1; adds r1, #1 (not
    # conditional); b .
    code = "2000 2105 2800 bf08 4a02 e7ff 2801 3101 e7fe bf00 12345678 12345678 12345678"
    for waits in (0, 4):
        loop = run_loop(write_image(tmp_path, firmware_elf(assemble(code))), "stm32f407-discovery", wait_states=waits)
        assert loop.machine.engine.read_register("r1") == 6
        assert loop.machine.engine.read_register("r2") != 0


def counted(code: Code, address: int = 0x0800_0080) -> bytes:
    return code.build(address)


def cycle_counter_code() -> Code:
    """Turn CYCCNT on, read it, run two lines of NOP.W, read it again into r5 and r6, all in one block."""
    code = Code()
    code.load(0, 0xE000_EDFC)
    code.load(1, 0x0100_0000)
    code.hex("6001")  # str r1, [r0]: DEMCR.TRCENA
    code.load(0, 0xE000_1000)
    code.hex("2101 6001")  # DWT_CTRL.CYCCNTENA
    while len(code) % 16 != 0:
        code.half(0xBF00)
    code.hex("f3af8000 f3af8000 f3af8000 f8d05004")  # ldr.w r5, [r0, #4]
    code.hex("f3af8000 " * 8)
    code.hex("6846")  # ldr r6, [r0, #4]
    code.label("end")
    code.branch("end")
    return code


@pytest.mark.parametrize("waits", [0, 3, 5])
def test_time_read_in_the_middle_of_a_block_counts_the_waits(waits: int, tmp_path: Path) -> None:
    image = write_image(tmp_path, firmware_elf(counted(cycle_counter_code())))
    loop = run_loop(image, "stm32f407-discovery", wait_states=waits, memory=OFF)
    between = (loop.machine.engine.read_register("r6") - loop.machine.engine.read_register("r5")) & 0xFFFF_FFFF
    quiet = run_loop(image, "stm32f407-discovery", wait_states=0)
    plain = (quiet.machine.engine.read_register("r6") - quiet.machine.engine.read_register("r5")) & 0xFFFF_FFFF
    assert between == plain + 3 * waits  # the lines of eight NOP.W, and the line of the second read


def test_which_fetch_stalls_a_wait_for_data_makes_up_for() -> None:
    """Those of the run of 32-bit instructions that follows, not those behind an instruction of 16 bits."""
    ops, _ = decode_block(assemble("bf00 f1020201 f1020201 bf00 f1020201"), CODE, ())
    costs = np.zeros((5, len(CAUSES)), np.int32)
    costs[:, ISSUE] = 1
    costs[[2, 4], FETCH] = 1
    assert [row[2] - row[3] for row in moments(ops, costs)] == [0, 1, 1, 0, 0, 0, 0, 0]


# what the firmware programs


def set_latency(value: int) -> bytes:
    """Write FLASH_ACR of an STM32F4, then run 32 NOP.W."""
    code = Code()
    code.load(0, 0x4002_3C00)
    code.load(1, value)
    code.hex("6001 f3bf8f6f")  # str r1, [r0]; isb
    code.hex("f3af8000 " * 32)
    code.label("end")
    code.branch("end")
    return code.build(0x0800_0080)


def test_the_firmware_turns_waits_on_and_off(tmp_path: Path) -> None:
    image = write_image(tmp_path, firmware_elf(set_latency(0)))
    assert flash_causes(run_profile(image, "stm32f407-discovery")) == {}
    image = write_image(tmp_path, firmware_elf(set_latency(3)))
    slow = run_profile(image, "stm32f407-discovery")
    assert flash_causes(slow)["flash-fetch"] >= 8 * 3
    assert not any("no flash wait states" in note.text for note in slow.notes)
    image = write_image(tmp_path, firmware_elf(set_latency(3 | 1 << 8)))
    assert flash_causes(run_profile(image, "stm32f407-discovery"))["flash-fetch"] < flash_causes(slow)["flash-fetch"]


def test_what_the_user_fixes_stays(tmp_path: Path) -> None:
    image = write_image(tmp_path, firmware_elf(set_latency(3)))
    assert flash_causes(run_profile(image, "stm32f407-discovery", wait_states=0)) == {}
    fixed = run_profile(image, "stm32f407-discovery", memory=("flash.prefetch=on",))
    assert flash_causes(fixed)["flash-fetch"] <= 2 * 3
    assert fixed.settings["set"] == "flash.prefetch=on"
    assert "wait_states" not in fixed.settings


@pytest.mark.parametrize(
    ("settings_given", "words"),
    [
        ({"memory": ("flash.cash=off",)}, "flash.cash"),
        ({"memory": ("flash.cache",)}, "flash.cache=on or flash.cache=off"),
        ({"wait_states": -1}, "wait states: -1"),
        ({"wait_states": 65}, "wait states: 65"),
    ],
)
def test_settings_that_cannot_be_are_one_clear_line(settings_given: dict, words: str, tmp_path: Path) -> None:
    image = write_image(tmp_path, firmware_elf(assemble("e7fe")))
    with pytest.raises(McusimError, match=words) as raised:
        run_loop(image, "nucleo-l4r5zi", **settings_given)
    assert "\n" not in str(raised.value)


def test_a_board_that_does_not_time_its_flash_says_so(tmp_path: Path) -> None:
    image = write_image(tmp_path, firmware_elf(assemble("e7fe")))
    with pytest.raises(McusimError, match="the timing of its flash is not modelled"):
        run_loop(image, untimed("stm32f746-discovery"), wait_states=5)


def test_items_of_memory() -> None:
    assert parse_memory(("flash.cache=off", "flash.dcache=on")) == {"icache": 0, "dcache": 1}


# whole firmware


@pytest.mark.parametrize("board", SELFTESTS)
def test_waits_change_time_and_nothing_else(board: str) -> None:
    """Attributing checks that instructions, functions, call tree and causes add up to the clock."""
    image = load(prebuilt("selftest", board))
    quick, slow = (run_profile(image, board, wait_states=waits) for waits in (0, 4))
    assert not flash_causes(quick)
    assert flash_causes(slow)["flash-fetch"] > 0
    assert slow.end.kind == quick.end.kind
    assert slow.end.status == quick.end.status
