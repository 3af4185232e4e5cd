# SPDX-License-Identifier: Apache-2.0
"""A file of microbenchmarks that is wrong is one clear line: which file, what is wrong."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from mcusim import microbenchmark
from mcusim.errors import McusimError
from mcusim.microbenchmark import Case, CaseFile, Template, assembly, cores_with_cases, load_cases

GOOD = """
core = "cortex-m9"
[sources]
trm = "a manual"
[[case]]
name = "one"
code = "nop; nop"
cycles = 2
source = "trm 1: NOP 1"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of microbenchmarks in the place of ours."""
    monkeypatch.setattr(microbenchmark, "files", lambda _name: tmp_path)
    return tmp_path


def test_a_good_file_is_read(folder: Path) -> None:
    (folder / "cortex_m9.toml").write_text(GOOD)
    (folder / "cortex_m9.json").write_text("{}")
    assert cores_with_cases() == ["cortex-m9"]
    (case,) = load_cases("cortex-m9").case
    assert (case.name, case.cycles, case.after, case.after_cycles, case.contradicted) == ("one", 2, "mov r8, r8", 1, "")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('core = "cortex-m9"', "core = ", "Invalid value"),
        ('core = "cortex-m9"', 'core = "cortex-m8"', "core is 'cortex-m8', it must be the file's name"),
        ("cycles = 2", 'cycles = "2"', "Expected `int | float`, got `str`"),
        ("cycles = 2", "", "missing required field `cycles`"),
        ("cycles = 2", "cycles = 2\ncycels = 3", "unknown field `cycels`"),
        ("trm 1: NOP 1", "measured", "case 'one': its source must start with a key of [sources]"),
        ('trm = "a manual"', "", "case 'one': its source must start with a key of [sources]"),
        ("cycles = 2", "cycles = 2\ncopies = [4, 4]", "case 'one': copies are [4, 4]: give two numbers"),
        ("cycles = 2", "cycles = 2\nturns = [9, 3]", "case 'one': turns are [9, 3]: give two numbers"),
        ("cycles = 2", "cycles = 2\nturns = [1, 3]\ncopies = [1, 3]", "case 'one': it has both copies and turns"),
        ("cycles = 2", 'cycles = 2\ncause = "luck"', "case 'one': no cause is named 'luck': there are issue, "),
        ("[sources]", '[[missed]]\ncases = ["two"]\nexplanation = "x"\n[sources]', "'missed' lists 'two', which is no"),
        ("[sources]", '[[missed]]\ncases = ["one", "one"]\nexplanation = "x"\n[sources]', "'missed' lists 'one' twice"),
        ("[sources]", '[[missed]]\ncases = ["one"]\nexplanation = " "\n[sources]', "'missed' lists one without an"),
        ("[[case]]", '[[case]]\nname = "one"\ncode = "nop"\ncycles = 1\nsource = "trm"\n[[case]]',
         "two cases are named 'one'"),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_clear_line(folder: Path, old: str, new: str, words: str) -> None:
    assert old in GOOD
    (folder / "cortex_m9.toml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(McusimError) as raised:
        load_cases("cortex-m9")
    message = str(raised.value)
    assert message.startswith("cortex_m9.toml: ")
    assert words in message
    assert "\n" not in message


def test_a_core_without_a_file_is_one_clear_line() -> None:
    with pytest.raises(McusimError, match=r"^cortex-m99 has no microbenchmarks: there are some of .*cortex-m4"):
        load_cases("cortex-m99")


def case_file(case: Case, core: str = "cortex-m4", **keys: object) -> CaseFile:
    """Return a file of one case."""
    return CaseFile(core=core, sources={"s": "a source"}, case=(case,), **keys)  # type: ignore[arg-type]


def test_the_program_of_a_case() -> None:
    case = Case(name="x", code="nop; nop\nbx lr", cycles=1, source="s", setup="movs r1, #3", offset=2)
    lines = assembly(case, case_file(case)).splitlines()
    body, end = lines.index("body:"), lines.index("end:")
    assert lines[body + 1 : end] == ["nop", "nop", "bx lr"]
    assert lines[body - 4 : body] == ["movs r1, #3", "b.w body", ".balign 64", ".space 2"]
    assert lines[end + 1 : end + 3] == ["mov r8, r8", "stop:"]
    assert "b.n body" in assembly(case, case_file(case, "cortex-m0plus")).splitlines(), "Armv6-M has no wide branch"


def body_of(case: Case, template: Template) -> list[str]:
    """Return the lines of the program between `body` and `end`."""
    lines = assembly(case, case_file(case, template=template)).splitlines()
    return lines[lines.index("body:") + 1 : lines.index("end:")]


def test_a_template_repeats_the_code_behind_its_anchor() -> None:
    template = Template(copies=(4, 14), anchor="uxtb.w r11, r11; nop.w", anchor_cycles=1)
    case = Case(name="x", code="adds r0, #1", cycles=1.5, source="s")
    assert body_of(case, template) == [".rept 14", "uxtb.w r11, r11", "nop.w", "adds r0, #1", ".endr"]
    replace = msgspec.structs.replace
    assert body_of(replace(case, anchored=False), template) == [".rept 14", "adds r0, #1", ".endr"]
    assert body_of(replace(case, copies=(2, 3)), template)[0] == ".rept 3"
    assert body_of(replace(case, copies=(0, 1)), template) == ["adds r0, #1"], "once, as it stands"
    assert body_of(replace(case, turns=(3, 9)), template) == ["adds r0, #1"], "a loop is not repeated"


def test_a_file_says_why_cases_are_missed(folder: Path) -> None:
    (folder / "cortex_m9.toml").write_text(GOOD + '[[missed]]\ncases = ["one"]\nexplanation = "nobody knows"\n')
    assert load_cases("cortex-m9").why_missed() == {"one": "nobody knows"}
