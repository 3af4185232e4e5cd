# SPDX-License-Identifier: Apache-2.0
"""Registers that nobody models: who used them, which loops wait for them and are let through, and which are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from machines import CODE, assemble, firmware_elf, prebuilt, run_code, run_loop, run_profile, write_image

from mcusim.cli import main
from mcusim.errors import McusimError
from mcusim.image import load
from mcusim.isa.decode import decode_block
from mcusim.machine.accesses import address_of_access, decides
from mcusim.machine.loop import RunLoop
from mcusim.machine.waits import expand_immediate
from mcusim.profile_io import dumps
from mcusim.reports import render
from mcusim.trace import GuessedAccess

BOARD = "generic-cortex-m4"
BASE = 0x4000_0000

# mov.w r2, #0x40000000 first
WAITS = {
    "libopencm3: a bit to be set": ("f04f4280 6813 039b d5fc e7fe", 0x00, 1 << 17),
    "a bit to be cleared": ("f04f4280 2190 6051 6853 f0130f80 d1fb e7fe", 0x04, 1 << 7),
    "two bits of a field, both": ("f04f4280 6893 f003030c 2b0c d1fa e7fe", 0x08, 0xC),
    "a field of a halfword, ubfx": ("f04f4280 8953 f3c31302 2b05 d1fa e7fe", 0x08, 0x50 << 16),
    "bits far apart, in a register": ("f04f4280 f44f4000 f0400002 6813 4003 4283 d1fb e7fe", 0x00, 0x8002),
    # stores the value and a count of turns on the stack, up to 0x500, and looks at the register again afterwards
    "unoptimised, with a count": (
        "f04f4280 4614 b084 2300 9301 6823 f4033300 9302 9b01 3301 9301 9b02 2b00 d103 9b01 f5b36fa0 d1f1 6823 "
        "f4033000 e7fe", 0x00, 1 << 17,
    ),
    "a load that moves its base, which cannot be tried out": ("f04f4280 f8523b00 071b d5fb e7fe", 0x00, 1 << 3),
    "ldreq, which cannot be tried out": ("f04f4280 2001 2801 bf08 6813 071b d5fa e7fe", 0x00, 1 << 3),
}  # fmt: skip


def listed(loop: RunLoop) -> dict[int, GuessedAccess]:
    """Return the registers in a run's list, by offset."""
    return {guess.address - BASE: guess for guess in loop.machine.guesses.listed()}


@pytest.mark.parametrize("name", WAITS)
def test_a_wait_is_let_through_soon(name: str, tmp_path: Path) -> None:
    code, offset, flipped = WAITS[name]
    loop = run_code(tmp_path, code, BOARD, max_cycles=20_000)
    assert loop.end is not None
    assert (loop.end.kind, loop.end.address) == ("loop", CODE + len(assemble(code)) - 2)
    guess = listed(loop)[offset]
    assert (guess.flipped, guess.waits_ended, guess.stuck) == (flipped, 1, False)
    assert guess.reads <= (40 if "tried out" in name else 18)
    assert loop.machine.clock.cycles < 1500


# HAL: while (!(REG & READY)) if (GetTick() - start > 100) return TIMEOUT. r0 is what it returns.
HAL = (
    "f04f4480 f04f5500 f000f80d 4606 6823 019b d406 f000f807 1b80 2864 d9f7 2003 e7fe 2000 e7fe "
    "b580 6828 3001 6028 bd80"
)


def test_a_loop_with_calls_and_a_time_out(tmp_path: Path) -> None:
    loop = run_code(tmp_path, HAL, BOARD, max_cycles=20_000)
    assert loop.machine.engine.read_register("r0") == 0, "no time-out"
    guess = listed(loop)[0]
    assert (guess.flipped, guess.reads, guess.decides) == (1 << 25, 16, "yes")
    assert loop.machine.memory.read_word(0x2000_0000) == 16, "looking ahead has left no trace in memory"


def test_not_into_the_error_handler(tmp_path: Path) -> None:
    """Bit 0 leads into an endless loop with interrupts off, bit 16 to exit(0)."""
    code = "f04f4280 6813 07d9 d407 03d9 d5fa 2018 f2400126 f2c00102 beab b672 e7fe"
    loop = run_code(tmp_path, code, BOARD, max_cycles=20_000)
    assert loop.end is not None
    assert loop.end.kind == "exit"
    assert listed(loop)[0].flipped == 1 << 16


def test_one_function_that_waits_for_what_it_is_told(tmp_path: Path) -> None:
    code = "f04f4280 2104 f000f805 2108 f000f802 2001 e7fe 6813 420b d0fc 4770"
    loop = run_code(tmp_path, code, BOARD, max_cycles=20_000)
    assert loop.machine.engine.read_register("r0") == 1
    assert (listed(loop)[0].waits_ended, listed(loop)[0].flipped) == (2, 0b1100)


def test_one_function_that_reads_what_it_is_told(tmp_path: Path) -> None:
    code = "f04f4280 4610 f000f807 0780 d5fa 1d10 f000f802 2401 e7fe 6800 4770"
    loop = run_code(tmp_path, code, BOARD, max_cycles=20_000)
    assert loop.machine.engine.read_register("r4") == 1
    assert listed(loop)[0].flipped == 0b10
    assert (listed(loop)[4].reads, listed(loop)[4].flipped) == (1, 0)


def test_loops_that_look_at_two_registers(tmp_path: Path) -> None:
    """They are let through as well, but later: other guessed registers could be what ends them."""
    both = run_code(tmp_path, "f04f4280 6953 6991 f0030301 f0010103 420b d0f7 e7fe", BOARD, max_cycles=20_000)
    assert both.end is not None
    assert both.end.kind == "loop"
    assert (listed(both)[0x14].flipped, listed(both)[0x18].flipped) == (1, 1)
    either = run_code(tmp_path, "f04f4280 6953 07db d402 6993 079b d5f9 e7fe", BOARD, max_cycles=20_000)
    assert either.end is not None
    assert either.end.kind == "loop"
    assert {guess.flipped for guess in listed(either).values()} == {0, 1}
    assert 256 <= listed(either)[0x14].reads <= 257


def test_a_button_that_is_looked_at_slowly_is_not_pressed(tmp_path: Path) -> None:
    """Forty looks, 1500 cycles apart."""
    loop = run_code(tmp_path, "f04f4280 2428 6913 07db d405 f44f70fa 3801 d1fd 3c01 d1f6 e7fe", BOARD)
    guess = listed(loop)[0x10]
    assert (guess.reads, guess.flipped, guess.decides, guess.stuck) == (40, 0, "yes", False)


def test_a_button_in_a_loop_that_writes_is_not_pressed(tmp_path: Path) -> None:
    loop = run_code(tmp_path, "f04f4280 f44f747a 6913 07db d500 6193 6154 3c01 d1f8 e7fe", BOARD)
    assert (listed(loop)[0x10].reads, listed(loop)[0x10].flipped) == (1000, 0)
    assert 0x18 not in listed(loop)


def test_data_that_are_only_stored_are_left_alone(tmp_path: Path) -> None:
    loop = run_code(tmp_path, "f04f4280 f04f5100 24c8 6813 f8413b04 3c01 d1fa e7fe", BOARD)
    guess = listed(loop)[0]
    assert (guess.reads, guess.flipped, guess.decides) == (200, 0, "no")
    assert not any(loop.machine.memory.read(0x2000_0000, 800))


def test_a_wait_that_nothing_ends_says_so(tmp_path: Path) -> None:
    """`while (1) REG;`: the value does not matter."""
    loop = run_code(tmp_path, "f04f4280 6813 e7fd", BOARD, max_cycles=20_000)
    guess = listed(loop)[0]
    assert loop.end is not None
    assert loop.end.kind == "max-cycles"
    assert (guess.stuck, guess.flipped, guess.waits_ended) == (True, 0, 0)


def test_what_is_listed(tmp_path: Path) -> None:
    image = write_image(tmp_path, firmware_elf(assemble("f04f4280 2105 6091 6893 68d4 e7fe")))
    profile = run_profile(image, BOARD)
    written, read = profile.guessed
    assert (written.address, written.reads, written.writes, written.answered) == (BASE + 8, 1, 1, 5)
    assert (written.function, written.place, written.places) == ("Reset_Handler+0x8", CODE + 8, 2)
    assert (read.address, read.reads, read.writes, read.answered, read.decides) == (BASE + 12, 1, 0, 0, "not seen")
    text = render(profile)
    assert "40000008" in text
    assert "Reset_Handler+0xa" in text


def test_a_let_through_is_in_the_report_and_is_deterministic(tmp_path: Path) -> None:
    image = write_image(tmp_path, firmware_elf(assemble(HAL), symbols={"ready_wait": 10}))
    profile = run_profile(image, BOARD)
    assert "1 wait let through, first in ready_wait" in " ".join(render(profile).split())
    assert "changed bit 25" in render(profile, "markdown")
    assert dumps(profile) == dumps(run_profile(image, BOARD))


def test_strict_names_register_place_and_way_out(tmp_path: Path) -> None:
    with pytest.raises(McusimError, match=r"firmware.elf: read of register 0x40000000, which nobody models, from "
                       r"Reset_Handler\+0x4 \(0x08000084\), after \d+ cycles: .*--device-overlay"):  # fmt: skip
        run_code(tmp_path, WAITS["libopencm3: a bit to be set"][0], BOARD, strict_mmio=True)
    with pytest.raises(McusimError, match="write to register 0x40000004"):
        run_code(tmp_path, WAITS["a bit to be cleared"][0], BOARD, strict_mmio=True)


def test_strict_ends_the_command_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_image(tmp_path, firmware_elf(assemble(HAL)))
    assert main(["profile", str(tmp_path / "firmware.elf"), "--board", BOARD, "--strict-mmio", "-q"]) == 2
    assert "register 0x40000000, which nobody models" in capsys.readouterr().err


def test_strict_is_content_with_modelled_registers() -> None:
    loop = run_loop(load(prebuilt("interrupts", "mps2-an386")), "mps2-an386", strict_mmio=True)
    assert loop.end is not None
    assert loop.end.kind == "exit"


# What the code shows


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("6813 07db d5fc", "yes"),  # ldr r3, [r2]; lsls r3, #31; bpl
        ("6813 b103", "yes"),  # cbz r3
        ("6813 2b00 bf08 2001", "yes"),  # cmp r3, #0; it eq; moveq
        ("6813 9302 2000 9b02 2b00 d0fa", "yes"),  # over the stack
        ("6813 f8d2c010 f01c0f01 d0fa", "not seen"),  # another one is tested
        ("6813 2300 2b00 d0fb", "no"),  # overwritten
        ("6813 f8413b04 3c01 d1fa", "no"),  # str r3, [r1], #4; the count decides
        ("6813 4770", "not seen"),  # bx lr: a value returned
        ("6813 9302 4770", "not seen"),
        ("6813 4718", "yes"),  # bx r3
        ("6813 18d3 2b04 d0fb", "yes"),  # adds r3, r2, r3; cmp
    ],
)
def test_does_a_value_decide(code: str, expected: str) -> None:
    ops, _ = decode_block(assemble(code), CODE)
    assert decides(ops, 0) == expected


@pytest.mark.parametrize(
    ("code", "span"),
    [
        ("6813", (0x1000, 0x1004)),  # ldr r3, [r2]
        ("69d3", (0x101C, 0x1020)),  # ldr r3, [r2, #28]
        ("8953", (0x100A, 0x100C)),  # ldrh r3, [r2, #10]
        ("7713", (0x101C, 0x101D)),  # strb r3, [r2, #28]
        ("58d1", (0x1030, 0x1034)),  # ldr r1, [r2, r3]
        ("9b02", (0x8008, 0x800C)),  # ldr r3, [sp, #8]
        ("f8d23084", (0x1084, 0x1088)),  # ldr.w r3, [r2, #132]
        ("f8523c04", (0xFFC, 0x1000)),  # ldr r3, [r2, #-4]
        ("f8523b04", (0x1000, 0x1004)),  # ldr r3, [r2], #4
        ("f8521f08", (0x1008, 0x100C)),  # ldr r1, [r2, #8]!
        ("f8521023", (0x10C0, 0x10C4)),  # ldr.w r1, [r2, r3, lsl #2]
        ("e9d21302", (0x1008, 0x1010)),  # ldrd r1, r3, [r2, #8]
        ("ca0a", (0x1000, 0x1008)),  # ldmia r2!, {r1, r3}
        ("e8521f02", (0x1008, 0x100C)),  # ldrex r1, [r2, #8]
        ("4b01", None),  # a literal
    ],
)
def test_where_an_access_goes(code: str, span: tuple[int, int] | None) -> None:
    ops, _ = decode_block(assemble(code), CODE)
    registers = {2: 0x1000, 3: 0x30, 13: 0x8000}
    assert address_of_access(ops[0], lambda number: registers.get(number, 0)) == span


def test_modified_immediates() -> None:
    """Armv7-M ARM A5.3.2."""
    assert expand_immediate(0, 0, 0xAB) == 0xAB
    assert expand_immediate(0, 1, 0xAB) == 0x00AB_00AB
    assert expand_immediate(0, 2, 0xAB) == 0xAB00_AB00
    assert expand_immediate(0, 3, 0xAB) == 0xABAB_ABAB
    assert expand_immediate(0, 4, 0x00) == 0x8000_0000
    assert expand_immediate(1, 7, 0x80) == 0x100
