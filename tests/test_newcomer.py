# SPDX-License-Identifier: Apache-2.0
"""What tripped people who tried mcusim for the first time."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from elf_writer import ALLOC, EXEC, FLASH, FUNC, GLOBAL, STACK_TOP, Elf, Section, attributes
from machines import assemble, cortex_m4, cycles_of, firmware_elf, run_code, run_loop, run_profile, untimed, write_image

from mcusim.disassembly import Disassembler
from mcusim.machine.result import make_trace


@pytest.mark.parametrize("loop", ["bf10 e7fd", "df00 e7fd"], ids=["yield", "svc"])
def test_a_timeout_ends_a_loop_that_comes_back_to_python_all_the_time(tmp_path: Path, loop: str) -> None:
    image = write_image(tmp_path, firmware_elf(assemble(f"{loop} 4770"), {11: 4}))  # SVC's handler: bx lr
    end = run_loop(image, "nucleo-l4r5zi", timeout_s=0.2, max_cycles=None).end
    assert end is not None
    assert end.kind == "timeout"


def test_a_call_through_a_null_pointer_names_the_caller(tmp_path: Path) -> None:
    loop = run_code(tmp_path, "2301 4798")  # movs r3, #1; blx r3: the table's address, with the Thumb bit
    fault = make_trace(loop, "given").fault
    assert fault is not None
    assert "into the vector table" in fault.words
    assert [place.how for place in fault.backtrace] == ["at", "jump"]


def test_code_may_stand_where_a_short_vector_table_leaves_room(tmp_path: Path) -> None:
    elf = Elf(entry=FLASH | 9)
    code = struct.pack("<II", STACK_TOP, FLASH | 9) + assemble("2001 e7fe")  # movs r0, #1; b .
    elf.sections = [
        Section(".text", FLASH, code, ALLOC | EXEC),
        Section(".ARM.attributes", data=attributes(), type=0x70000003),
    ]
    elf.symbol("Reset", FLASH + 8 | 1, 4, FUNC, GLOBAL)
    end = run_loop(write_image(tmp_path, elf), "nucleo-l4r5zi").end
    assert end is not None
    assert end.kind == "loop"


def test_an_interval_measured_without_wait_states_is_not_printed_with_them(tmp_path: Path) -> None:
    image = write_image(tmp_path, firmware_elf(assemble("bf00 " * 40 + "e7fe")))
    sure = [run_profile(image, "nucleo-l4r5zi", wait_states=waits).accuracy for waits in (0, 5)]
    assert [(each.level, each.interval_percent is None) for each in sure] == [("measured", False), ("estimate", True)]


def test_instructions_in_it_blocks_show_their_condition(tmp_path: Path) -> None:
    image = write_image(tmp_path, firmware_elf(assemble("2000 2805 bfd4 3101 3102 e7fe")))  # ite le
    rows = {row.text for row in run_profile(image, "nucleo-l4r5zi").instructions}
    assert {"addle r1, #1", "addgt r1, #2"} <= rows
    assert Disassembler(image).text(0, 0x3101, 2) == "adds r1, #1"


def test_wait_states_that_are_not_timed_are_remarked_on(tmp_path: Path) -> None:
    code = assemble("4b01 2205 601a e7fe") + (0x4002_3C00).to_bytes(4, "little")  # ldr r3, =FLASH_ACR; str 5; b .
    image = write_image(tmp_path, firmware_elf(code))
    notes = [note.text for note in run_profile(image, untimed("stm32f746-discovery")).notes]
    assert any("firmware set 5" in text for text in notes)


def test_ldrd_moves_two_words() -> None:
    assert cycles_of(cortex_m4(), "e9d01200") == 3  # ldrd r1, r2, [r0]; DDI 0439D, table 3-1: 1 + N
