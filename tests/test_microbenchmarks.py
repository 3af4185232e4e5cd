# SPDX-License-Identifier: Apache-2.0
"""Every microbenchmark of every core runs on the whole machine, and takes the cycles that its source says.

A case is run as firmware: settings, engine, native hooks, attribution. What a better measurement contradicts says by
which, and the model must not meet it: one of the two is wrong. What the model misses is listed in the core's file with
the reason, and in docs/accuracy.md; a case that is listed there and met must be taken out.
"""

from __future__ import annotations

import pytest
from elf_writer import FLASH
from microbenchmark_runs import (
    ACCURACY,
    ALIGNMENT,
    case_file,
    encodings,
    is_met,
    result_of,
    with_missed_sections,
)

from mcusim.microbenchmark import FOLDER, Case, assembly, cores_with_cases, file_stem, files

CASES = [(core, case) for core in cores_with_cases() for case in case_file(core).case]


@pytest.mark.parametrize(("core", "case"), [pytest.param(*row, id=f"{row[0]}-{row[1].name}") for row in CASES])
def test_the_cycles_are_those_of_the_source(core: str, case: Case) -> None:
    file = case_file(core)
    assert encodings(core)[case.name].text == assembly(case, file), "run tests/microbenchmarks/assemble.py again"
    result = result_of(core, case.name)
    met = is_met(case, result.cycles)
    if case.name in file.why_missed():
        assert not met, f"{case.name} is met: take it out of [[missed]], and write docs/accuracy.md again"
        return
    wrong = (
        f"{result.cycles:g} cycles, published {case.cycles:g}{', which must not be met' if case.contradicted else ''}"
    )
    assert met, "\n".join([wrong, case.source, *result.listing])


def test_a_case_needs_a_source_from_the_list() -> None:
    for core in cores_with_cases():
        for case in case_file(core).case:
            assert len(case.source) > len("trm 3.3.2"), case.name


@pytest.mark.parametrize("core", cores_with_cases())
def test_at_least_nine_cases_of_ten_are_met(core: str) -> None:
    assert 10 * len(case_file(core).why_missed()) <= len(case_file(core).case)


def test_what_is_missed_is_in_the_docs() -> None:
    text = ACCURACY.read_text("utf-8")
    assert with_missed_sections(text) == text, "python tests/microbenchmark_runs.py --write-docs"


@pytest.mark.cross
@pytest.mark.parametrize("core", cores_with_cases())
def test_the_encodings_are_what_the_assembler_makes(core: str) -> None:
    from microbenchmarks.assemble import assemble_all

    assert assemble_all(core) == files(FOLDER).joinpath(f"{file_stem(core)}.json").read_bytes()


def test_flash_is_where_the_encodings_assume() -> None:
    assert FLASH % ALIGNMENT == 0
