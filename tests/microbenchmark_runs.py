# SPDX-License-Identifier: Apache-2.0
"""What microbenchmarks take on the simulator, and the list of those that it misses.

python tests/microbenchmark_runs.py [CORE...]       print the cases that the model does not meet, with what it gives
python tests/microbenchmark_runs.py --write-docs    write the lists of misses into docs/accuracy.md
"""

from __future__ import annotations

import sys
import tempfile
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from machines import CODE, firmware_elf, write_image

from mcusim.attribution import attribute
from mcusim.board import load_board
from mcusim.machine.loop import RunLoop
from mcusim.machine.result import make_trace
from mcusim.machine.settings import Settings
from mcusim.microbenchmark import ONCE, Case, CaseFile, Encoded, cores_with_cases, load_cases, load_encodings
from mcusim.profile import InstructionCost, Profile

ADDRESSES = {f"r{n}": 0x2000_1000 + 256 * n for n in (0, 1, 2, 3, 8, 9, 10, 11)}
VALUES = {"r4": 0, "r5": 4, "r6": 0x1234_5678, "r7": 7, "r12": 0}
STACK_POINTER = 0x2000_8000
POINTED_AT = 0x2000_1800
ALIGNMENT = 64
PADDING = -CODE % ALIGNMENT  # what the encodings assume
START = CODE + PADDING
SRAM_START = 0x2000_4000
ACCURACY = Path(__file__).resolve().parents[1] / "docs" / "accuracy.md"


@dataclass(frozen=True)
class Result:
    """Cycles of a case, for a copy or a turn where it has them, and the instructions that took them."""

    cycles: float
    listing: list[str]


@cache
def case_file(core: str) -> CaseFile:
    """Return the cases of a core."""
    return load_cases(core)


@cache
def encodings(core: str) -> dict[str, Encoded]:
    """Return the assembled cases of a core."""
    return load_encodings(core)


def profile_of(case: Case, encoded: Encoded, core: str, folder: Path, turns: int | None = None) -> Profile:
    """Run a case from its own address, with `turns` in r9 if they are given, and return its profile."""
    start = _start(case)
    image = write_image(folder, firmware_elf(bytes(PADDING) + bytes.fromhex(encoded.hex)))
    given = {} if case.wait_states is None else {"wait_states": case.wait_states}
    if case.memory:
        given["memory"] = case.memory  # type: ignore[assignment]
    board = load_board(case.board or f"generic-{core}")
    assert board.core == core
    loop = RunLoop(image, board, Settings(max_cycles=1_000_000, **given), None, None)  # type: ignore[arg-type]
    engine, memory = loop.machine.engine, loop.machine.memory
    after = (start + encoded.end) | 1
    counter = {} if turns is None else {"r9": turns}
    for name, value in {**ADDRESSES, **VALUES, "sp": STACK_POINTER, "lr": after, **counter}.items():
        engine.write_register(name, value)
    memory.write(ADDRESSES["r0"], POINTED_AT.to_bytes(4, "little") * 1024)
    memory.write(STACK_POINTER, after.to_bytes(4, "little") * 32)
    if loop.machine.core.fpu != "none":
        loop.machine.bus.write(0xE000_ED88, 4, 0x00F0_0000)  # CPACR: the FPU is on
    if case.in_sram:
        memory.write(start, bytes.fromhex(encoded.hex))
    loop.pc = start
    loop.run()
    return attribute(make_trace(loop, "given"))


def _start(case: Case) -> int:
    return SRAM_START if case.in_sram else START


def _spent(rows: list[InstructionCost], cause: str) -> int:
    """Return the cycles of instructions, of one cause if it is named."""
    return sum(row.causes.get(cause, 0) if cause else row.cycles for row in rows)


def _once(case: Case, encoded: Encoded, core: str, folder: Path, turns: int | None = None) -> Result:
    """Run a case as it stands: all its cycles, and what it leaves open at its end."""
    profile = profile_of(case, encoded, core, folder, turns)
    start = _start(case)
    rows = [row for row in profile.instructions if start + encoded.body <= row.address < start + encoded.stop]
    _check_end(profile, start + encoded.end)
    found = _spent(rows, case.cause) - (0 if case.cause else case.after_cycles)
    return Result(found, _listing(rows, start + encoded.body))


def _check_end(profile: Profile, end: int) -> None:
    """A case that does not come to its end measures something else."""
    assert profile.end.kind == "loop", profile.end
    assert any(row.address >= end for row in profile.instructions), "the code was not left at its end"


def _copies(file: CaseFile, case: Case, encoded: Encoded, folder: Path) -> Result:
    """Run a case whose code is repeated: what one copy takes after the first ones."""
    warm_up, copies = file.copies(case)
    profile = profile_of(case, encoded, file.core, folder)
    start = _start(case)
    _check_end(profile, start + encoded.end)
    size_bytes, rest = divmod(encoded.end - encoded.body, copies)
    assert rest == 0, "the copies differ in length: no alignment within the code"
    first = start + encoded.body + warm_up * size_bytes
    rows = [row for row in profile.instructions if first <= row.address < start + encoded.end]
    cycles = _spent(rows, case.cause) / (copies - warm_up)
    return Result(cycles - (0 if case.cause else file.anchor(case)[1]), _listing(rows, start + encoded.body))


def _listing(rows: list[InstructionCost], body: int) -> list[str]:
    """Return the instructions, with what they took and why, for the reader of a failed test."""
    return [f"{row.address - body:+d} {row.text}: {row.count} x, {row.causes}" for row in rows]


@cache
def result_of(core: str, name: str) -> Result:
    """Return what a case of a core takes; each is run once in a process."""
    case = next(case for case in case_file(core).case if case.name == name)
    with tempfile.TemporaryDirectory() as folder:
        return _run(core, case, Path(folder))


def _run(core: str, case: Case, folder: Path) -> Result:
    """Run a case of a core in a folder for its image."""
    file, encoded = case_file(core), encodings(core)[case.name]
    if case.turns:
        few, many = (_once(case, encoded, core, folder, turns) for turns in case.turns)
        return Result((many.cycles - few.cycles) / (case.turns[1] - case.turns[0]), many.listing)
    if file.copies(case) == ONCE:
        return _once(case, encoded, core, folder)
    return _copies(file, case, encoded, folder)


def is_met(case: Case, cycles: float) -> bool:
    """Say whether the model gives what the source says, or something else where the source is contradicted."""
    return (cycles == case.cycles) != bool(case.contradicted)


def misses(core: str) -> dict[str, tuple[Case, float]]:
    """Return the cases that the model does not meet, with what it gives."""
    found = {case.name: (case, result_of(core, case.name).cycles) for case in case_file(core).case}
    return {name: row for name, row in found.items() if not is_met(*row)}


def missed_section(core: str) -> str:
    """Return what docs/accuracy.md says of a core's misses, between two comments that mark the place."""
    file = case_file(core)
    published = {case.name: case.cycles for case in file.case}
    lines = [f"<!-- missed microbenchmarks of {core}: tests/microbenchmark_runs.py --write-docs -->", ""]
    for group in file.missed:
        names = ", ".join(
            f"`{name}` ({published[name]:g}, here {result_of(core, name).cycles:g})" for name in group.cases
        )
        text = f"- {group.explanation} Cycles published, and here: {names}."
        lines += textwrap.wrap(text, 120, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join([*lines, "", f"<!-- end of {core} -->"])


def with_missed_sections(text: str) -> str:
    """Return docs/accuracy.md with the lists of misses as they are now."""
    for core in cores_with_cases():
        section = missed_section(core)
        first, *_, last = section.splitlines()
        if case_file(core).missed:
            before, rest = text.split(first)
            text = before + section + rest.split(last)[1]
    return text


def main(words: list[str]) -> None:
    """Do what the module's docstring says."""
    if words == ["--write-docs"]:
        ACCURACY.write_text(with_missed_sections(ACCURACY.read_text("utf-8")), "utf-8")
        return
    for core in words or cores_with_cases():
        listed = case_file(core).why_missed()
        found = misses(core)
        for name, (case, cycles) in found.items():
            print(f"{core} {name}: {cycles:g}, published {case.cycles:g}{'' if name in listed else ' (not listed)'}")
        met = sorted(set(listed) - set(found))
        print(f"{core}: {len(found)} of {len(case_file(core).case)} missed; listed but met: {', '.join(met) or 'none'}")


if __name__ == "__main__":
    main(sys.argv[1:])
