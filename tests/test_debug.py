# SPDX-License-Identifier: Apache-2.0
"""A run that is stopped, looked into and resumed: nothing is lost or done twice, and it stops where it must."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from machines import CODE, RAM, assemble, firmware_elf, prebuilt, run_loop, write_image

from mcusim.board import load_board
from mcusim.errors import McusimError
from mcusim.image import Image, load
from mcusim.machine import Settings
from mcusim.machine.debug import DebugTarget
from mcusim.machine.stoppable import (
    ASKED,
    BREAKPOINT,
    ENDED,
    FAILED,
    FAULT,
    INSTRUCTION,
    STEPPED,
    WATCHPOINT,
    Watchpoint,
)

NUCLEO = "nucleo-l4r5zi"
RAM_IN_R4 = "2401 0764"  # movs r4, #1; lsls r4, r4, #29
# The last instruction leaves the flags alone, so that IT groups are timed as they ran whether cut or not:
# movs r0, #1; cmp r0, #1; ite eq; addeq r1, #1; addne r1, #16; itt ne; addne r1, #2; strne r1, [r4]; mov r5, r0
IT_BLOCKS = "2001 2801 bf0c 3101 3110 bf1c 3102 6021 4605"


def target_of(folder: Path, text: str, handlers: dict[int, int] | None = None, **settings: object) -> DebugTarget:
    """Return a stopped run of code in hexadecimal."""
    image = write_image(folder, firmware_elf(assemble(text), handlers))
    settings.setdefault("max_cycles", 1_000_000)
    return DebugTarget(image, load_board(NUCLEO), Settings(**settings))  # type: ignore[arg-type]


def offset(target: DebugTarget) -> int:
    return target.read_register("pc") - CODE


def steps(target: DebugTarget, count: int) -> list[int]:
    """Step, and return where each step led."""
    places = []
    for _ in range(count):
        assert target.step().reason == STEPPED
        places.append(offset(target))
    return places


def test_it_starts_before_the_first_instruction(tmp_path: Path) -> None:
    target = target_of(tmp_path, "2001 e7fe")
    assert (offset(target), target.cycles, target.read_register("lr")) == (0, 0, 0xFFFF_FFFF)
    assert target.read_register("sp") == target.read_register("msp")


def test_a_step_is_one_instruction_in_it_blocks_too(tmp_path: Path) -> None:
    target = target_of(tmp_path, f"{RAM_IN_R4} {IT_BLOCKS} e7fe")
    assert steps(target, 11) == list(range(2, 24, 2))
    assert (target.read_register("r1"), target.read_register("r5")) == (1, 1)
    assert target.read_memory(RAM, 4) == bytes(4)


def test_a_step_over_long_instructions_branches_and_calls(tmp_path: Path) -> None:
    # nop.w; bl 8; b .; nop; (8:) push {lr}; pop {pc}
    target = target_of(tmp_path, "f3af8000 f000f802 e7fe bf00 b500 bd00")
    assert steps(target, 4) == [4, 12, 14, 8]


@pytest.mark.parametrize("place", range(0, 22, 2))
def test_a_breakpoint_stops_before_any_instruction(tmp_path: Path, place: int) -> None:
    plain = target_of(tmp_path, f"{RAM_IN_R4} {IT_BLOCKS} bf30")
    assert plain.resume().reason == ENDED
    target = target_of(tmp_path, f"{RAM_IN_R4} {IT_BLOCKS} bf30")
    target.set_breakpoint(CODE + place)
    if place:  # the first instruction has been reached already
        assert target.resume().reason == BREAKPOINT
    assert offset(target) == place
    assert target.resume().reason == ENDED
    assert target.cycles == plain.cycles
    assert [target.read_register(f"r{number}") for number in range(8)] == [
        plain.read_register(f"r{number}") for number in range(8)
    ]


def test_a_breakpoint_in_a_loop_stops_each_turn_once(tmp_path: Path) -> None:
    # movs r0, #3; (2:) subs r0, #1; bne 2b; b .
    target = target_of(tmp_path, "2003 3801 d1fd e7fe")
    target.set_breakpoint(CODE + 2)
    for left in (3, 2, 1):
        assert target.resume().reason == BREAKPOINT
        assert (offset(target), target.read_register("r0")) == (2, left)
    assert target.resume().reason == ENDED


def test_a_breakpoint_set_while_stopped_there_does_not_stop_again(tmp_path: Path) -> None:
    target = target_of(tmp_path, "2003 3801 bf00 e7fe")
    assert steps(target, 1) == [2]
    target.set_breakpoint(CODE + 2)
    assert target.resume().reason == ENDED


def test_a_breakpoint_in_a_loop_of_one_instruction(tmp_path: Path) -> None:
    target = target_of(tmp_path, "2003 e7fe")
    target.set_breakpoint(CODE + 2)
    assert target.resume().reason == BREAKPOINT
    assert target.resume().reason == ENDED


def test_a_cleared_breakpoint_is_gone(tmp_path: Path) -> None:
    target = target_of(tmp_path, "2003 3801 d1fd e7fe")
    target.set_breakpoint(CODE + 2)
    assert target.resume().reason == BREAKPOINT
    target.clear_breakpoint(CODE + 2)
    assert target.resume().reason == ENDED
    assert target.read_register("r0") == 0


def test_stepping_in_a_range_runs_until_it_is_left(tmp_path: Path) -> None:
    target = target_of(tmp_path, "2003 3801 d1fd bf00 e7fe")
    assert target.step(range(CODE, CODE + 6)).reason == STEPPED
    assert (offset(target), target.read_register("r0")) == (6, 0)
    target.restart()
    target.set_breakpoint(CODE + 4)
    assert target.step(range(CODE, CODE + 6)).reason == BREAKPOINT
    assert offset(target) == 4


# watchpoints

WRITES_TWO = f"{RAM_IN_R4} 2107 6021 7161 c406 e7fe"  # movs r1, #7; str r1, [r4]; strb r1, [r4, #5]; stm r4!, {r1, r2}


@pytest.mark.parametrize(
    ("start", "size", "places"),
    [(RAM, 4, [6, 10]), (RAM + 1, 1, [6, 10]), (RAM + 5, 1, [8, 10]), (RAM + 4, 1, [10]), (RAM + 8, 4, [])],
)
def test_a_watchpoint_stops_before_the_store(tmp_path: Path, start: int, size: int, places: list[int]) -> None:
    target = target_of(tmp_path, WRITES_TWO)
    watchpoint = Watchpoint(start, size, reads=False, writes=True)
    target.set_watchpoint(watchpoint)
    for place in places:
        before = target.read_memory(RAM, 8)
        stop = target.resume()
        assert (stop.reason, stop.watchpoint, offset(target)) == (WATCHPOINT, watchpoint, place)
        if place == places[0]:
            assert target.read_memory(start, size) == before[start - RAM : start - RAM + size] == bytes(size)
    assert target.resume().reason == ENDED
    assert target.read_memory(RAM, 8) == bytes([7, 0, 0, 0, 0, 0, 0, 0])
    assert target.read_register("r4") == RAM + 8


def test_a_step_reports_a_watchpoint_and_the_next_one_passes_it(tmp_path: Path) -> None:
    target = target_of(tmp_path, WRITES_TWO)
    target.set_watchpoint(Watchpoint(RAM, 1, reads=False, writes=True))
    assert steps(target, 3) == [2, 4, 6]
    assert target.step().reason == WATCHPOINT
    assert (offset(target), target.read_memory(RAM, 1)) == (6, b"\0")
    assert steps(target, 1) == [8]
    assert target.read_memory(RAM, 1) == b"\7"


def test_reads_and_all_accesses_can_be_watched(tmp_path: Path) -> None:
    # str r0, [r4]; ldr r1, [r4]; ldr r2, [r4, #4]
    text = f"{RAM_IN_R4} 6020 6821 6862 e7fe"
    for reads, writes, places in ((True, False, [6]), (True, True, [4, 6]), (False, True, [4])):
        target = target_of(tmp_path, text)
        watchpoint = Watchpoint(RAM, 4, reads, writes)
        target.set_watchpoint(watchpoint)
        for place in places:
            assert target.resume().reason == WATCHPOINT
            assert offset(target) == place
        target.clear_watchpoint(watchpoint)
        assert target.resume().reason == ENDED


def test_a_watched_store_in_an_it_block_is_reported_after_its_block(tmp_path: Path) -> None:
    # movs r1, #7; cmp r0, r0; it eq; streq r1, [r4]; movs r2, #1; b 0f; 0: b .
    target = target_of(tmp_path, f"{RAM_IN_R4} 2107 4280 bf08 6021 2201 e7ff e7fe")
    target.set_watchpoint(Watchpoint(RAM, 4, reads=False, writes=True))
    assert target.resume().reason == WATCHPOINT
    assert target.read_memory(RAM, 1) == b"\7"
    assert offset(target) > 10
    assert target.resume().reason == ENDED


@pytest.mark.parametrize("watched", [RAM, RAM + 4])  # hit, and near enough for the hook to be asked
def test_watching_leaves_the_conditions_of_later_blocks_alone(tmp_path: Path, watched: int) -> None:
    # movs r0, #3; cmp r4, r0; itt ne; strne r1, [r4]; addne r3, #1; (0:) subs r0, #1; bne 0b; wfi
    target = target_of(tmp_path, f"{RAM_IN_R4} 2003 4284 bf1c 6021 3301 3801 d1fd bf30")
    target.set_watchpoint(Watchpoint(watched, 4, reads=False, writes=True))
    if watched == RAM:
        assert target.resume().reason == WATCHPOINT
    assert target.resume().reason == ENDED
    assert (target.read_register("r0"), target.read_register("r3")) == (0, 1)


def test_watching_does_not_change_the_clock(tmp_path: Path) -> None:
    image = load(prebuilt("calls", "mps2-an386"))
    plain = run_loop(image, "mps2-an386")
    target = DebugTarget(image, load_board("mps2-an386"))
    sram = image.vectors.initial_sp - 64
    target.set_watchpoint(Watchpoint(sram, 64, reads=True, writes=True))
    hits = 0
    while target.resume().reason == WATCHPOINT:
        hits += 1
    assert hits > 10
    assert target.cycles == plain.machine.clock.cycles


# exceptions

SVC, SYSTICK = 11, 15


def test_a_step_over_svc_ends_in_its_handler_and_one_over_the_return_behind_it(tmp_path: Path) -> None:
    # svc 0; b .; (4:) nop; bx lr
    target = target_of(tmp_path, "df00 e7fe bf00 4770", {SVC: 4})
    assert steps(target, 3) == [4, 6, 2]


def systick_code() -> str:
    # r1 = 0xE000E010; movs r0, #50; str r0, [r1, #4]; movs r0, #7; str r0, [r1]; then adds r2, #1 for ever
    # handler at 0x40: adds r5, #1; nop; bx lr
    start = "f24e0110 f2ce0100 2032 6048 2007 6008"
    loop = "3201 3201 e7fc"
    pad = " bf00" * ((0x40 - 16 - 6) // 2)
    return f"{start} {loop}{pad} 3501 bf00 4770"


def test_steps_do_not_enter_handlers_but_these_run(tmp_path: Path) -> None:
    target = target_of(tmp_path, systick_code(), {SYSTICK: 0x40})
    places = steps(target, 200)
    assert max(places) < 0x20
    assert target.read_register("r5") > 2


def test_breakpoints_in_handlers_count_during_a_step(tmp_path: Path) -> None:
    target = target_of(tmp_path, systick_code(), {SYSTICK: 0x40})
    target.set_breakpoint(CODE + 0x42)
    for _ in range(100):
        stop = target.step()
        if stop.reason == BREAKPOINT:
            break
    assert (stop.reason, offset(target), target.read_register("xpsr") & 0x1FF) == (BREAKPOINT, 0x42, SYSTICK)
    assert steps(target, 1) == [0x44]
    assert steps(target, 1)[0] < 0x20  # back in what it interrupted


def test_wfi_before_a_breakpoint_sleeps_first(tmp_path: Path) -> None:
    code = systick_code().replace("3201 3201", "bf30 3201", 1)
    target = target_of(tmp_path, code, {SYSTICK: 0x40})
    target.set_breakpoint(CODE + 18)
    assert target.resume().reason == BREAKPOINT
    assert target.cycles > 45
    assert (offset(target), target.read_register("r5")) == (18, 1)  # the handler has run


# ends


def test_a_breakpoint_instruction_stops_and_is_passed(tmp_path: Path) -> None:
    target = target_of(tmp_path, "2001 be05 2002 e7fe")
    stop = target.resume()
    assert (stop.reason, offset(target), target.read_register("r0")) == (INSTRUCTION, 2, 1)
    assert "0x05" in stop.text
    assert target.resume().reason == ENDED
    assert target.read_register("r0") == 2


def test_without_a_debugger_a_breakpoint_instruction_ends_the_run(tmp_path: Path) -> None:
    target = target_of(tmp_path, "2001 be05 2002 e7fe")
    target.set_breakpoint(CODE)
    target.run_on()
    assert target.finish("given").end.kind == "breakpoint"


def test_semihosting_goes_on_and_gives_the_status(tmp_path: Path) -> None:
    # SYS_EXIT, ADP_Stopped_ApplicationExit
    target = target_of(tmp_path, "2018 f2400126 f2c00102 beab")
    assert len(steps(target, 3)) == 3
    assert target.step().reason == ENDED
    assert target.exit_status == 0
    assert target.finish("given").end.kind == "exit"


READS_NOTHING = "2001 0600 6801 2207 e7fe"  # lsls r0, r0, #24; ldr r1, [r0]: no memory at 0x01000000
HARD_FAULT = 3


def test_a_fault_stops_before_its_handler(tmp_path: Path) -> None:
    target = target_of(tmp_path, f"{READS_NOTHING} e7fe", {HARD_FAULT: 10})
    stop = target.resume()
    assert (stop.reason, offset(target), target.read_register("r0")) == (FAULT, 4, 0x0100_0000)
    assert "0x01000000" in stop.text
    assert steps(target, 1) == [10]
    assert target.read_register("xpsr") & 0x1FF == HARD_FAULT
    assert target.resume().reason == FAILED  # the handler is an endless loop
    assert target.finish("given").end.kind == "fault"


def test_a_breakpoint_at_a_fault_s_handler(tmp_path: Path) -> None:
    target = target_of(tmp_path, f"{READS_NOTHING} e7fe", {HARD_FAULT: 10})
    target.set_breakpoint(CODE + 10)
    assert [target.resume().reason, target.resume().reason] == [FAULT, BREAKPOINT]
    assert offset(target) == 10


def test_what_faulted_can_be_mended_and_run_again(tmp_path: Path) -> None:
    target = target_of(tmp_path, f"{READS_NOTHING} e7fe", {HARD_FAULT: 10})
    assert target.resume().reason == FAULT
    target.write_register("r0", RAM)
    target.write_register("pc", target.read_register("pc"))
    assert target.resume().reason == ENDED
    assert target.read_register("r2") == 7


@pytest.mark.parametrize(
    "text",
    [
        "2001 de00",  # undefined
        "4678 3008 4700 bf00 bf00",  # mov r0, pc; adds r0, #8; bx r0: to an even address
        "2001 0600 3001 4700",  # to nowhere
        # CCR.DIV_0_TRP; udiv r0, r0, r2
        "f64e5114 f2ce0100 2010 6008 2200 fbb0f0f2 e7fe",
    ],
)
def test_each_fault_stops_once_and_then_goes_to_its_handler(tmp_path: Path, text: str) -> None:
    code = assemble(text)
    target = target_of(tmp_path, f"{text} e7fe", {HARD_FAULT: len(code)})
    assert target.resume().reason == FAULT
    assert steps(target, 1) == [len(code)]
    assert target.resume().reason == FAILED


def test_a_fault_after_a_detach_is_as_without_a_debugger(tmp_path: Path) -> None:
    target = target_of(tmp_path, f"{READS_NOTHING} e7fe", {HARD_FAULT: 10})
    target.run_on()
    assert target.finish("given").end.kind == "fault"


def test_what_mcusim_cannot_do_is_raised_at_the_end(tmp_path: Path) -> None:
    image = write_image(tmp_path, firmware_elf(assemble("2001 fbb0f0f2 e7fe")))  # udiv, which a Cortex-M0+ lacks
    target = DebugTarget(image, load_board("generic-cortex-m0plus"))
    stop = target.resume()
    assert stop.reason == FAILED
    assert "has no timing" in stop.text
    assert target.step() == stop
    with pytest.raises(McusimError, match="has no timing"):
        target.finish("given")


def test_a_run_that_is_given_up_has_a_trace(tmp_path: Path) -> None:
    target = target_of(tmp_path, "2001 2002 e7fe")
    steps(target, 1)
    trace = target.finish("given")
    assert (trace.end.kind, trace.end.address, trace.clock_cycles) == ("killed", CODE + 2, 1)


def test_limits_end_the_run(tmp_path: Path) -> None:
    target = target_of(tmp_path, "3001 e7fd", max_cycles=1000)
    assert target.resume().reason == ENDED
    assert target.finish("given").end.kind == "max-cycles"


def test_asking_stops_an_endless_loop(tmp_path: Path) -> None:
    image = write_image(tmp_path, firmware_elf(assemble("3001 e7fd")))
    target = DebugTarget(image, load_board(NUCLEO), is_asked=lambda: True)
    for _ in range(2):
        assert target.resume().reason == ASKED
        assert offset(target) in (0, 2)
    assert target.step(range(CODE, CODE + 4)).reason == ASKED


def test_restart_begins_again(tmp_path: Path) -> None:
    target = target_of(tmp_path, f"{RAM_IN_R4} 6024 e7fe")
    target.set_breakpoint(CODE + 4)
    assert target.resume().reason == BREAKPOINT
    target.write_memory(RAM, b"abcd")
    target.restart()
    assert (offset(target), target.cycles, target.read_memory(RAM, 4)) == (0, 0, bytes(4))
    assert target.resume().reason == BREAKPOINT


# what is written


def test_registers_can_be_written(tmp_path: Path) -> None:
    target = target_of(tmp_path, "2001 2002 2003 e7fe")
    for name in [f"r{number}" for number in range(13)] + ["lr", "basepri"]:
        target.write_register(name, 0x40)
        assert target.read_register(name) == 0x40
    target.write_register("d3", 0x0123_4567_89AB_CDEF)
    assert (target.read_register("s6"), target.read_register("s7")) == (0x89AB_CDEF, 0x0123_4567)
    assert target.read_register("d3") == 0x0123_4567_89AB_CDEF
    target.write_register("pc", CODE + 4 | 1)
    assert steps(target, 1) == [6]
    assert target.read_register("r0") == 3


def test_leaving_an_it_block_by_the_pc_leaves_its_condition(tmp_path: Path) -> None:
    # cmp r0, r0; itt ne; addne; addne; movs r1, #1; b .
    target = target_of(tmp_path, "4280 bf1c 3001 3001 2101 e7fe")
    assert steps(target, 3) == [2, 4, 6]
    target.write_register("pc", CODE + 8)
    assert steps(target, 1) == [10]
    assert target.read_register("r1") == 1


def test_code_can_be_written(tmp_path: Path) -> None:
    # movs r0, #3; (2:) subs r0, #1; bne 2b; b .
    target = target_of(tmp_path, "2003 3801 d1fd e7fe")
    target.set_breakpoint(CODE + 2)
    assert target.resume().reason == BREAKPOINT
    assert target.resume().reason == BREAKPOINT
    target.write_memory(CODE + 2, bytes.fromhex("0238"))  # subs r0, #2
    assert target.resume().reason == ENDED
    assert target.read_register("r0") == 0


def test_memory_ends_where_it_ends(tmp_path: Path) -> None:
    target = target_of(tmp_path, "e7fe")
    end = 0x200A_0000
    assert len(target.read_memory(end - 16, 64)) == 16
    assert target.read_memory(0xE000_ED00, 4) == (0x410F_C241).to_bytes(4, "little")
    assert target.read_memory(0xE000_ED02, 4)[:2] == b"\x0f\x41"
    for address in (end, 0x4000_4400, 0xE000_E010):
        with pytest.raises(McusimError):
            target.read_memory(address, 4)
    with pytest.raises(McusimError):
        target.write_memory(end - 2, b"abcd")
    assert target.read_memory(end - 2, 2) == b"\0\0"
    assert not target.holds(end - 2, 4)


# the same run


@pytest.fixture(scope="module")
def calls() -> tuple[Image, int, bytes]:
    """A firmware that calls, returns, divides and prints: the image, its cycles and its output."""
    image = load(prebuilt("calls", "mps2-an386"))
    loop = run_loop(image, "mps2-an386")
    return image, loop.machine.clock.cycles, bytes(loop.machine.output)


@hypothesis_settings(max_examples=10)
@given(data=st.data())
def test_a_run_with_stops_is_the_same_run(calls: tuple[Image, int, bytes], data: st.DataObject) -> None:
    image, cycles, output = calls
    printed = bytearray()
    target = DebugTarget(image, load_board("mps2-an386"), console=printed.extend)
    functions = [symbol.address for symbol in image.functions]
    for address in data.draw(st.lists(st.sampled_from(functions), max_size=4)):
        target.set_breakpoint(address)
    for _ in range(30):
        for _ in range(data.draw(st.integers(0, 20))):
            target.step()
        if target.resume().reason == ENDED:
            break
    target.run_on()
    assert (target.cycles, bytes(printed)) == (cycles, output)
