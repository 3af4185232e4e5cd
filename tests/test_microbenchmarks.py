# SPDX-License-Identifier: Apache-2.0
"""Every microbenchmark of every core runs on the whole machine, and takes the cycles that its source says.

A case is run as firmware: settings, engine, native hooks, attribution. What a better measurement contradicts says by
which, and the model must not meet it: one of the two is wrong.
"""

from __future__ import annotations

from functools import cache

import pytest
from elf_writer import FLASH
from machines import CODE, firmware_elf, write_image

from mcusim.attribution import attribute
from mcusim.board import load_board
from mcusim.machine.loop import RunLoop
from mcusim.machine.result import make_trace
from mcusim.machine.settings import Settings
from mcusim.microbenchmark import Case, Encoded, assembly, cores_with_cases, load_cases, load_encodings
from mcusim.profile import Profile

ADDRESSES = {f"r{n}": 0x2000_1000 + 256 * n for n in (0, 1, 2, 3, 8, 9, 10, 11)}
VALUES = {"r4": 0, "r5": 4, "r6": 0x1234_5678, "r7": 7, "r12": 0}
STACK_POINTER = 0x2000_8000
POINTED_AT = 0x2000_1800
ALIGNMENT = 64
PADDING = -CODE % ALIGNMENT  # what the encodings assume
CASES = [(core, case) for core in cores_with_cases() for case in load_cases(core).case]


@cache
def encodings(core: str) -> dict[str, Encoded]:
    """Return the assembled cases of a core."""
    return load_encodings(core)


def profile_of(case: Case, encoded: Encoded, core: str, folder: object) -> Profile:
    """Run a case from its own address and return its profile."""
    start = CODE + PADDING
    image = write_image(folder, firmware_elf(bytes(PADDING) + bytes.fromhex(encoded.hex)))  # type: ignore[arg-type]
    given = {} if case.wait_states is None else {"wait_states": case.wait_states}
    if case.memory:
        given["memory"] = case.memory  # type: ignore[assignment]
    board = load_board(case.board or f"generic-{core}")
    assert board.core == core
    loop = RunLoop(image, board, Settings(max_cycles=100_000, **given), None, None)  # type: ignore[arg-type]
    engine, memory = loop.machine.engine, loop.machine.memory
    after = (start + encoded.end) | 1
    for name, value in {**ADDRESSES, **VALUES, "sp": STACK_POINTER, "lr": after}.items():
        engine.write_register(name, value)
    memory.write(ADDRESSES["r0"], POINTED_AT.to_bytes(4, "little") * 1024)
    memory.write(STACK_POINTER, after.to_bytes(4, "little") * 32)
    if loop.machine.core.fpu != "none":
        loop.machine.bus.write(0xE000_ED88, 4, 0x00F0_0000)  # CPACR: the FPU is on
    loop.pc = start
    loop.run()
    return attribute(make_trace(loop, "given"))


@pytest.mark.parametrize(("core", "case"), [pytest.param(*row, id=f"{row[0]}-{row[1].name}") for row in CASES])
def test_the_cycles_are_those_of_the_source(core: str, case: Case, tmp_path: object) -> None:
    encoded = encodings(core)[case.name]
    assert encoded.text == assembly(case, core), "assemble again: python tests/microbenchmarks/assemble.py"
    profile = profile_of(case, encoded, core, tmp_path)
    body, stop = (CODE + PADDING + offset for offset in (encoded.body, encoded.stop))
    rows = [row for row in profile.instructions if body <= row.address < stop]
    assert profile.end.kind == "loop"
    assert any(row.address >= CODE + PADDING + encoded.end for row in rows), "the code was not left at its end"
    found = sum(row.cycles for row in rows) - case.after_cycles
    listing = [f"{row.address - body:+d} {row.text}: {row.count} x, {row.causes}" for row in rows]
    if case.contradicted:
        assert found != case.cycles, f"no longer contradicted: {case.source}"
        return
    assert found == case.cycles, "\n".join([case.source, *listing])


def test_a_case_needs_a_source_from_the_list() -> None:
    for core in cores_with_cases():
        for case in load_cases(core).case:
            assert len(case.source) > len("trm 3.3.2"), case.name


@pytest.mark.cross
@pytest.mark.parametrize("core", cores_with_cases())
def test_the_encodings_are_what_the_assembler_makes(core: str) -> None:
    from microbenchmarks.assemble import assemble_all

    from mcusim.microbenchmark import FOLDER, file_stem, files

    assert assemble_all(core) == files(FOLDER).joinpath(f"{file_stem(core)}.json").read_bytes()


def test_flash_is_where_the_encodings_assume() -> None:
    assert FLASH % ALIGNMENT == 0
