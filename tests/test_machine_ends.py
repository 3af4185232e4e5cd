# SPDX-License-Identifier: Apache-2.0
"""How runs end, and that every run ends: firmware of a few instructions, from reset."""

from __future__ import annotations

from pathlib import Path

import pytest
from machines import CODE, assemble, firmware_elf, run_code, run_loop, run_profile, write_image

from mcusim.board import load_board
from mcusim.errors import McusimError
from mcusim.machine import Settings
from mcusim.machine.loop import RunLoop

NUCLEO = "nucleo-l4r5zi"
MOVW_R1_DWT = "f2410100 f2ce0100"  # r1 = 0xE0001000
ENABLE_FPU = "f64e5188 f2ce0100 f44f0270 600a"  # r1 = 0xE000ED88 (CPACR); mov r2, #0xf00000; str r2, [r1]
MOVW_R1_SYSTICK = "f24e0114 f2ce0100"  # r1 = 0xE000E014


def end_of(loop: RunLoop) -> tuple[str, int]:
    assert loop.end is not None
    return loop.end.kind, loop.end.address - CODE


@pytest.mark.parametrize(
    ("text", "kind", "offset"),
    [
        ("2001 e7fe", "loop", 2),  # b .
        ("bf00 bf00 e7fd", "loop", 2),  # nop; 1: nop; b 1b: nothing but time passes
        ("2001 bf30", "sleep", 4),  # wfi, with nothing that can wake it
        ("2001 f3af8003", "sleep", 6),  # wfi.w
        ("4770", "return", 0),  # the reset handler returns
        ("2001 be00", "breakpoint", 2),
        ("2018 f2400126 f2c00102 beab", "exit", 10),  # SYS_EXIT, ADP_Stopped_ApplicationExit
    ],
)
def test_how_a_run_ends(tmp_path: Path, text: str, kind: str, offset: int) -> None:
    assert end_of(run_code(tmp_path, text)) == (kind, offset)


def test_a_system_reset_ends_the_run(tmp_path: Path) -> None:
    # movw r1, #0xed0c; movt r1, #0xe000; movw r0, #4; movt r0, #0x05fa; str r0, [r1]
    loop = run_code(tmp_path, "f64e510c f2ce0100 f2400004 f2c050fa 6008 e7fe")
    assert end_of(loop)[0] == "reset"


def run_bounded(folder: Path, text: str, steps: int = 2000) -> RunLoop:
    """Run code, but not for ever: fail after so many returns from the engine."""
    image = write_image(folder, firmware_elf(assemble(text)))

    class Bounded(RunLoop):
        """Counts its steps."""

        steps_left = steps

        def _step(self) -> None:
            self.steps_left -= 1
            assert self.steps_left > 0, "the run makes no progress"
            super()._step()

    loop = Bounded(image, load_board(NUCLEO), Settings(max_cycles=100_000), None, None)
    loop.run()
    return loop


def test_one_instruction_may_read_two_counters(tmp_path: Path) -> None:
    # movs r0, #1; str r0, [r1]; ldrd r2, r3, [r1] (CTRL and CYCCNT)
    loop = run_bounded(tmp_path, f"{MOVW_R1_DWT} 2001 6008 e9d12300 e7fe")
    assert loop.machine.engine.read_register("r2") & 1
    assert 0 < loop.machine.engine.read_register("r3") < 10


def test_one_instruction_may_write_two_counters(tmp_path: Path) -> None:
    # movs r2, #9; movs r3, #0; stm r1, {r2, r3} (RVR and CVR)
    loop = run_bounded(tmp_path, f"{MOVW_R1_SYSTICK} 2209 2300 e881000c e7fe")
    assert loop.machine.system.counter.reload == 9


@pytest.mark.parametrize(
    "text",
    [
        "f8d12005",  # ldr r2, [r1, #5]: unaligned, done in parts
        "f8b12007",  # ldrh r2, [r1, #7]: half in the next register
        "ed910b00",  # vldr d0, [r1]
        "ec910a02",  # vldmia r1, {s0, s1}
        "f9216813",  # vld2.8: no instruction of the core, though the engine knows it
    ],
    ids=["ldr", "ldrh", "vldr", "vldm", "vld2"],
)
def test_any_access_to_a_counter_makes_progress(tmp_path: Path, text: str) -> None:
    loop = run_bounded(tmp_path, f"{ENABLE_FPU} {MOVW_R1_DWT} 2001 6008 {text} e7fe")
    assert end_of(loop)[0] in ("loop", "fault")


def test_an_instruction_that_the_core_lacks_is_undefined_though_the_engine_knows_it(tmp_path: Path) -> None:
    """NEON: movs r2, #0; vmov.i32 d0, #0 in a Cortex-M4 is a usage fault."""
    loop = run_bounded(tmp_path, "2200 ef800010 e7fe")
    assert end_of(loop) == ("fault", 2)


def test_a_block_of_loads_of_one_counter_reads_it_each_time(tmp_path: Path) -> None:
    # four ldr in a row, pipelined: one cycle apart
    loop = run_bounded(tmp_path, f"{MOVW_R1_DWT} 2001 6008 684a 684b 684c 684d e7fe")
    values = [loop.machine.engine.read_register(name) for name in ("r2", "r3", "r4", "r5")]
    assert [value - values[0] for value in values] == [0, 1, 2, 3]


def test_a_loop_on_a_counter_sees_it_move(tmp_path: Path) -> None:
    # 1: ldr r2, [r1, #4]; cmp r2, #100; blt 1b
    loop = run_bounded(tmp_path, f"{MOVW_R1_DWT} 2001 6008 684a 2a64 dbfc e7fe")
    passes = -(-(100 + 8) // 5)  # ldr 2, cmp 1, branch 2
    assert loop.machine.instructions() - 6 in range(3 * (passes - 4), 3 * (passes + 2))


def test_max_cycles_ends_a_run_at_the_next_block(tmp_path: Path) -> None:
    # movs r0, #255; lsls r0, #16; 1: subs r0, #1; bne 1b
    loop = run_code(tmp_path, "20ff 0400 3801 d1fd e7fe", max_cycles=1000)
    assert end_of(loop)[0] == "max-cycles"
    assert 1000 <= loop.machine.clock.cycles < 1010


@pytest.mark.parametrize(("until", "count", "instructions"), [("twice", 1, 1), ("twice:2", 2, 3)])
def test_until_stops_at_the_nth_arrival(tmp_path: Path, until: str, count: int, instructions: int) -> None:
    # bl twice; bl twice; b .; twice: bx lr
    code = assemble("f000f804 f000f802 e7fe bf00 4770")
    profile = run_profile(write_image(tmp_path, firmware_elf(code, symbols={"twice": 12})), NUCLEO, until=until)
    assert profile.end.kind == "until"
    assert profile.end.function == "twice"
    assert profile.totals.instructions == instructions
    assert next(f for f in profile.functions if f.name == "twice").calls in (count, count - 1)


def test_until_an_address_or_a_name_that_is_not_there(tmp_path: Path) -> None:
    image = write_image(tmp_path, firmware_elf(assemble("bf00 bf00 e7fe")))
    loop = run_loop(image, NUCLEO, until=f"0x{CODE + 2:x}")
    assert end_of(loop) == ("until", 2)
    with pytest.raises(McusimError, match="Reset_Handler"):
        run_loop(image, NUCLEO, until="Reset_Handle")
    with pytest.raises(McusimError, match="starts at 1"):
        run_loop(image, NUCLEO, until="Reset_Handler:0")


def test_an_instruction_without_a_timing_names_the_flag_that_goes_on(tmp_path: Path) -> None:
    code = "b108 e7fe e7fe"  # cbz, which Armv6-M has not
    with pytest.raises(McusimError, match=r"no timing .*compare_branch.*--allow-unknown"):
        run_code(tmp_path, code, "generic-cortex-m0plus")


def test_a_reset_handler_that_is_left_by_a_return_to_nowhere(tmp_path: Path) -> None:
    # pop {pc} from an empty stack: outside memory
    assert end_of(run_code(tmp_path, "bd00"))[0] == "fault"


def test_an_endless_loop_with_a_tick_ends_after_simulated_seconds(tmp_path: Path) -> None:
    """SysTick with its default handler here at the reset address: a handler that returns at once."""
    # RVR = 0xfffff; CVR = 0; CSR = 7; b .
    code = assemble("f24e0110 f2ce0100 f64f72ff f2c0020f 604a 2200 608a 2207 600a e7fe 4770")
    image = write_image(tmp_path, firmware_elf(code, {15: len(code) - 2}))
    loop = run_loop(image, NUCLEO, max_cycles=2_000_000_000)
    assert loop.end is not None
    assert loop.end.kind == "loop"
    assert "only interrupts ran" in loop.end.text
    assert loop.handlers.entered >= 7
    assert 2.0 <= loop.machine.clock.seconds_at(loop.machine.clock.cycles) < 3.0


def test_a_stub_returns_each_time(tmp_path: Path) -> None:
    """A loop calls `count` four times; the counter in r4 stays at 0."""
    code = assemble("2400 2504 f000f803 3d01 d1fb e7fe 3401 4770")
    image = write_image(tmp_path, firmware_elf(code, symbols={"start": 0, "count": 14}))
    assert run_loop(image).machine.engine.read_register("r4") == 4
    assert run_loop(image, stubs=("count",)).machine.engine.read_register("r4") == 0
