# SPDX-License-Identifier: Apache-2.0
"""What a block costs from a given state of the pipeline: IT, fetch, loops; and the Cortex-M0+, rule by rule.

The rules of the other cores are microbenchmarks (`tests/microbenchmarks/`). Every case here is one block from a quiet
pipeline. Where the block does not branch, what its last instruction leaves open is charged too.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from machines import CODE, assemble, cortex_m0plus, cortex_m4, cycles_of, price

Case = tuple[str, str, int, str]  # assembly, encoding in hexadecimal, cycles, source

# fmt: off
CORTEX_M0PLUS: tuple[Case, ...] = (
    ("adds r0, #1", "3001", 1, "trm 3-1: ADDS 1"),
    ("muls r0, r1, r0", "4348", 1, "trm 3-1: MULS 1 with the fast multiplier"),
    ("ldr r0, [r4]", "6820", 2, "trm 3-1: LDR 2"),
    ("ldr r0, [r1]; ldr r1, [r2]", "6808 6811", 4, "trm 3-1: nothing is pipelined"),
    ("ldr r0, [r4]; nop", "6820 46c0", 3, "trm 3-1: NOP 1"),
    ("ldr r0, [r4]; adds r1, r0, #1", "6820 1c41", 3, "trm 3-1: no load-use delay"),
    ("adds r1, #4; ldr r0, [r1]", "3104 6808", 3, "trm 3-1: no address delay"),
    ("str r0, [r1]", "6008", 2, "trm 3-1: STR 2"),
    ("str r0, [r1]; ldr r2, [r3]", "6008 681a", 4, "trm 3-1: 2 + 2"),
    ("str r0, [r1, r2]", "5088", 2, "trm 3-1: STR 2"),
    ("push {r0, r1, r2}", "b407", 4, "trm 3-1: PUSH 1 + N"),
    ("pop {r0, r1}", "bc03", 3, "trm 3-1: POP 1 + N"),
    ("ldm r4!, {r0, r1, r2}", "cc07", 4, "trm 3-1: LDM 1 + N"),
    ("stm r4!, {r0, r1}", "c403", 3, "trm 3-1: STM 1 + N"),
    ("mrs r0, primask", "f3ef8010", 3, "trm 3-1: MRS 3"),
    ("msr primask, r0", "f3808810", 3, "trm 3-1: MSR 3"),
    ("dmb", "f3bf8f5f", 3, "trm 3-1: DMB 3"),
    ("isb", "f3bf8f6f", 3, "trm 3-1: ISB 3"),
    ("cpsid i", "b672", 1, "trm 3-1: CPS 1"),
    ("beq.n .+8", "d002", 1, "trm 3-1: B<cc> 1 where it is not taken"),
)

CORTEX_M0PLUS_TAKEN: tuple[Case, ...] = (
    ("b.n .+8", "e002", 2, "trm 3-1: B 2"),
    ("beq.n .+8", "d002", 2, "trm 3-1: B<cc> 2 where it is taken"),
    ("bl .+8", "f000f802", 3, "trm 3-1: BL 3"),
    ("bx lr", "4770", 2, "trm 3-1: BX 2"),
    ("blx r3", "4798", 2, "trm 3-1: BLX 2"),
    ("mov pc, r0", "4687", 2, "trm 3-1: MOV PC 2"),
    ("pop {r4, pc}", "bd10", 5, "trm 3-1: POP with PC 3 + N"),
)

# fmt: on


@pytest.mark.parametrize("case", CORTEX_M0PLUS, ids=lambda case: case[0])
def test_cortex_m0plus(case: Case) -> None:
    assert cycles_of(cortex_m0plus(), case[1]) == case[2], case[3]


@pytest.mark.parametrize("case", CORTEX_M0PLUS_TAKEN, ids=lambda case: case[0])
def test_cortex_m0plus_where_the_branch_is_taken(case: Case) -> None:
    assert cycles_of(cortex_m0plus(), case[1], taken=True) == case[2], case[3]


@pytest.mark.parametrize(("text", "cycles"), [("d001", 1), ("b108", 1), ("f0008002", 1)], ids=["beq", "cbz", "beq.w"])
def test_a_branch_that_is_not_taken_takes_one_cycle(text: str, cycles: int) -> None:
    assert price(cortex_m4(), assemble(text)).cycles == cycles  # trm 3-1


def test_what_it_skips_takes_one_cycle_and_touches_nothing() -> None:
    core = cortex_m4()
    assert cycles_of(core, "0008 bf48 4240", skipped=(2,)) == 2  # movs; it mi; rsbmi: compendium, the same either way
    assert cycles_of(core, "4280 bf18 6808", skipped=(2,)) == 2  # cmp; it ne; ldrne r0, [r1]
    assert cycles_of(core, "4280 bf08 6808") == 3
    # ldr r2, [r3]; it ne; ldrne r0, [r1]: what is skipped hides no data cycle
    assert cycles_of(core, "681a bf18 6808", skipped=(2,)) == 1 + 1 + 1


# The fetch unit: 3 words beside the one that is decoded, 2 cycles from request to use (Arm KA 8521; cmemu, piq).
WIDE, NARROW = "f04f0001", "46c0"  # mov.w r0, #1; mov r8, r8


@pytest.mark.parametrize("count", [1, 2])
def test_short_runs_of_wide_instructions_at_halfword_addresses_do_not_stall(count: int) -> None:
    """Whether longer ones do is open: the microbenchmark `wide-three-unaligned`."""
    assert cycles_of(cortex_m4(), " ".join([NARROW] + [WIDE] * count)) == 1 + count


@pytest.mark.parametrize(
    "text", [f"{WIDE} " * 9, f"{NARROW} " * 9, f"{WIDE} {NARROW} " * 6, f"{NARROW} {WIDE} {NARROW} " * 4]
)
def test_other_streams_do_not_stall(text: str) -> None:
    assert cycles_of(cortex_m4(), text) == len(text.split())


def after_branch(target: str, offset: int) -> int:
    """Return the cycles of `b.n` taken, and of the block at its target, which lies `offset` beyond a word boundary."""
    core = cortex_m4()
    branch = price(core, assemble("e002"), taken=True)
    return branch.cycles + price(core, assemble(target), address=CODE + 16 + offset, state=branch.state).cycles


def test_a_branch_to_a_wide_instruction_at_a_halfword_address_takes_one_more() -> None:
    assert after_branch(WIDE, 0) == 2 + 1  # compendium, branch timing
    assert after_branch(WIDE, 2) == 2 + 1 + 1
    assert after_branch(NARROW, 2) == 2 + 1
    assert after_branch(f"{NARROW} {WIDE}", 2) == 2 + 2


def test_a_loop_of_wide_instructions_takes_what_was_measured() -> None:
    """17 NOP.W, SUBS.W, BNE.W: 20 cycles a pass, and the last, not taken, as long (jnk0le, test template)."""
    core = cortex_m4()
    body = " ".join(["f3af8000"] * 17 + ["f1b00001", "f47faffe"])
    done = price(core, assemble(body), taken=True)
    again = price(core, assemble(body), taken=True, state=done.state)
    last = price(core, assemble(f"{body} {WIDE} {WIDE} {WIDE}"), state=again.state)
    assert (again.cycles, last.cycles - 3) == (20, 20)


@pytest.mark.cross
@pytest.mark.parametrize(
    ("cpu", "cases"),
    [("cortex-m0plus", CORTEX_M0PLUS + CORTEX_M0PLUS_TAKEN)],
)
def test_the_encodings_are_what_the_assembler_gives(cpu: str, cases: tuple[Case, ...], tmp_path: Path) -> None:
    source, code = tmp_path / "cases.s", tmp_path / "cases.bin"
    blocks = "\n".join(f"{text.replace('; ', chr(10))}\n.balign 4, 0" for text, *_ in cases)
    source.write_text(f".syntax unified\n.cpu {cpu}\n.thumb\n{blocks}\n")
    subprocess.run(["arm-none-eabi-as", source, "-o", tmp_path / "cases.o"], check=True)
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", "-j", ".text", tmp_path / "cases.o", code], check=True)
    assembled = code.read_bytes()
    for text, encoding, *_ in cases:
        wanted = assemble(encoding)
        assert assembled[: len(wanted)] == wanted, text
        assembled = assembled[len(wanted) + -len(wanted) % 4 :]
