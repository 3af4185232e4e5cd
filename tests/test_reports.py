# SPDX-License-Identifier: Apache-2.0
"""Reports of a profile built by hand: whole ones as goldens, and what must hold for any."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import GOLDEN
from fakes import LONG_NAME, make_profile
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from test_profile_io import profiles

import mcusim.reports
from mcusim import profile_io
from mcusim.errors import McusimError
from mcusim.profile import ClockPhase, Profile, TreeNode
from mcusim.profile_code import Code
from mcusim.reports import FORMATS, RenderOptions, numbers, render, render_bytes
from mcusim.reports.functions import find_function, matcher
from mcusim.reports.layout import bar
from mcusim.reports.options import SORTS

TREE_AND_CODE = RenderOptions(tree=True, annotate="conv2d_1x1")

# Golden -> format and options. `pytest --regenerate` writes them.
GOLDENS: dict[str, tuple[str, RenderOptions]] = {
    "report-80.txt": ("text", RenderOptions(width=80)),
    "report-100.txt": ("text", RenderOptions(width=100)),
    "report-160.txt": ("text", RenderOptions(width=160)),
    "report-color.txt": ("text", RenderOptions(width=100, color=True)),
    "details-80.txt": ("text", replace(TREE_AND_CODE, width=80)),
    "details-160.txt": ("text", replace(TREE_AND_CODE, width=160)),
    "match-top-cpi.txt": ("text", RenderOptions(match="init|main|print", top=2, sort="cpi")),
    "report.md": ("markdown", RenderOptions()),
    "details.md": ("markdown", TREE_AND_CODE),
    "functions.csv": ("csv", RenderOptions()),
    "tree.csv": ("csv", RenderOptions(tree=True)),
    "annotate.csv": ("csv", RenderOptions(annotate="conv2d_1x1")),
    "profile.json": ("json", RenderOptions()),
    "flamegraph.svg": ("flamegraph", RenderOptions()),
    "speedscope.json": ("speedscope", RenderOptions()),
    "collapsed.txt": ("collapsed", RenderOptions()),
    "callgrind.out": ("callgrind", RenderOptions()),
    "coverage.info": ("lcov", RenderOptions()),
    "perfetto.json": ("perfetto", RenderOptions()),
}
TEXTS = sorted(name for name, form in FORMATS.items() if not form.binary)  # what is binary is read in test_exports


@pytest.mark.parametrize("name", GOLDENS)
def test_golden(name: str, golden: Callable[[str, str], None]) -> None:
    form, options = GOLDENS[name]
    golden(f"reports/{name}", render(make_profile(), form, options=options))


def test_no_golden_is_left_over() -> None:
    assert {path.name for path in (GOLDEN / "reports").iterdir()} == set(GOLDENS)


def test_the_table_of_formats_and_the_folder_agree() -> None:
    folder = Path(mcusim.reports.__file__).parent
    above = {"mcusim.html_report.report"}  # tested in test_html_report.py
    assert {path.stem for path in folder.glob("as_*.py")} | above == {form.module for form in FORMATS.values()}


def test_every_format_has_a_golden() -> None:
    no_golden = {"html"}  # the page holds a library that is not ours to commit
    assert {form for form, _ in GOLDENS.values()} | no_golden == set(TEXTS)


@pytest.mark.parametrize("width", [60, 72, 80, 100, 120, 160, 250])
@pytest.mark.parametrize("options", [RenderOptions(), TREE_AND_CODE, RenderOptions(sort="address")])
def test_no_line_is_wider_than_the_terminal(width: int, options: RenderOptions) -> None:
    for line in render(make_profile(), options=replace(options, width=width)).splitlines():
        assert len(line) <= width
        assert line == line.rstrip()


@pytest.mark.parametrize("sort", SORTS)
def test_the_column_sorted_by_is_never_left_out(sort: str) -> None:
    text = render(make_profile(), options=RenderOptions(sort=sort, width=80))
    header = next(line for line in text.splitlines() if "function (file)" in line)
    title = {"self": "self cycles", "total": "total cycles", "name": "function", "cpi": "CPI"}.get(sort, sort)
    assert title in header


@settings(phases=(Phase.explicit, Phase.generate))  # making a failing profile smaller takes minutes
@given(profiles(), st.sampled_from([form for form in TEXTS if form != "html"]), st.booleans())  # see test_html_report
def test_any_profile_renders_the_same_twice(profile: Profile, form: str, tree: bool) -> None:
    assume(form != "lcov" or profile.code is not None)
    options = RenderOptions(tree=tree and not (FORMATS[form].whole or FORMATS[form].paths), color=False)
    if form == "perfetto":
        profile.totals.clock = [ClockPhase(0, 20_000_000)]  # without a clock there is no time to put events at
    text = render(profile, form, options=options)
    assert text == render(profile_io.loads(profile_io.dumps(profile)), form, options=options)
    assert text.endswith("\n") or (form == "collapsed" and not text)  # no cycles, no paths
    assert form in ("json", "csv") or all(character.isprintable() or character == "\n" for character in text)


def test_json_is_the_saved_profile() -> None:
    assert render(make_profile(), "json").encode() == profile_io.dumps(make_profile())


def test_text_markdown_and_csv_tell_the_same_numbers() -> None:
    rows = list(csv.DictReader(io.StringIO(render(make_profile(), "csv"))))
    text = render(make_profile(), options=RenderOptions(width=400))
    markdown = render(make_profile(), "markdown")
    assert len(rows) == len(make_profile().functions)
    for row in rows:
        shown = numbers.count(int(row["self_cycles"]))
        assert re.search(rf"^ +{shown} .*{re.escape(row['function'])}", text, re.MULTILINE)
        assert re.search(rf"^\| {shown} \|.*{re.escape(row['function'])}", markdown, re.MULTILINE)


def test_csv_causes_add_up_to_self_cycles() -> None:
    for row in csv.DictReader(io.StringIO(render(make_profile(), "csv"))):
        causes = sum(int(value) for key, value in row.items() if key.startswith("cycles_"))
        assert causes == int(row["self_cycles"])


def test_csv_has_all_functions_unless_told() -> None:
    profile = make_profile()
    profile.functions *= 5
    assert render(profile, "csv").count("\n") == 1 + 5 * 13
    assert render(profile, "csv", options=RenderOptions(top=3)).count("\n") == 4


def test_a_table_that_was_cut_says_so() -> None:
    text = render(make_profile(), options=RenderOptions(top=2))
    assert "11 more functions, 10.7% of all cycles (--top 0 shows all)" in text


def test_folded_branches_still_add_up() -> None:
    profile = make_profile()
    for least in (0.0, 0.5, 8.0, 50.0):
        for depth in (None, 1, 2):
            text = render(profile, options=RenderOptions(tree=True, min_share_percent=least, depth=depth, width=160))
            tree = text.split("Call tree\n\n")[1].split("\n\n")[0].splitlines()[1:]
            roots = [line for line in tree if not re.search("[├└]", line) and "--" not in line]
            assert sum(int(line.split()[0].replace(",", "")) for line in roots) == profile.totals.cycles


def test_match_keeps_the_way_to_a_function_and_what_it_calls() -> None:
    text = render(make_profile(), options=RenderOptions(tree=True, match="conv2d_1x1", width=160))
    tree = text.split("Call tree")[1]
    assert all(name in tree for name in ("Reset_Handler", "main", "network_run", "conv2d_1x1", "requantize"))
    assert "DepthwiseConv" not in tree


def test_a_very_deep_tree_is_drawn() -> None:
    profile = make_profile()
    profile.tree = [TreeNode(index - 1, 0, "call", 1, 1, 3000 - index) for index in range(3000)]
    text = render(profile, options=RenderOptions(tree=True, min_share_percent=0, width=80))
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("Reset_Handler") >= 3000


def test_control_characters_do_not_reach_the_terminal() -> None:
    profile = make_profile()
    profile.functions[0].name = "evil\x1b[2Jname\n"
    profile.notes[0].text = "a\x07b"
    profile.image.name = "x\x1b]0;title\x07"
    text = render(profile, options=RenderOptions(width=160))
    assert "\x1b" not in text
    assert "evil\ufffd[2Jname\ufffd" in text


def test_color_changes_no_character() -> None:
    colored = render(make_profile(), options=RenderOptions(color=True))
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render(make_profile())


def test_source_lines_sum_up_their_instructions() -> None:
    profile = make_profile()
    head, *rows = csv.reader(render(profile, "csv", options=RenderOptions(lines=True)).splitlines())
    lines = {int(row[head.index("line")]): row for row in rows}
    by_line = {line: [i for i in profile.instructions if i.line == line] for line in lines}
    assert set(lines) == {i.line for i in profile.instructions if i.line is not None}
    for line, row in lines.items():
        assert int(row[head.index("cycles")]) == sum(i.cycles for i in by_line[line])
        assert int(row[head.index("cycles_load")]) == sum(i.causes.get("load", 0) for i in by_line[line])
    cycles = [int(row[0]) for row in rows]
    assert cycles == sorted(cycles, reverse=True)


def test_source_lines_of_an_inlined_function_belong_to_all_it_is_in() -> None:
    profile = make_profile()
    profile.instructions[1].function = 1  # main
    text = render(profile, "text", options=RenderOptions(lines=True, width=160))
    assert "conv2d_1x1 and 1 more" in text or "main and 1 more" in text
    assert "of code without line information" in text
    only = render(profile, "csv", options=RenderOptions(lines=True, match="^main$"))
    assert len(only.splitlines()) == 2


def test_annotate_says_what_each_instruction_waited_for() -> None:
    text = render(make_profile(), "text", options=RenderOptions(annotate="conv2d_1x1", width=140))
    (branch,) = (line for line in text.splitlines() if "bne" in line)
    assert "branch 640,114, fetch 91,004" in branch
    assert "by cause: issue 2,560,008 (38.4%), load 812,220 (12.2%)" in text


def test_an_estimate_says_so_beside_the_cycles() -> None:
    profile = make_profile()
    assert "10,973,137 ±3% (see how sure)" in render(profile)
    profile.accuracy.level, profile.accuracy.interval_percent = "estimate", None
    assert "10,973,137 (estimate)" in render(profile)


def test_a_changed_clock_is_told() -> None:
    profile = make_profile()
    profile.totals.clock = [ClockPhase(0, 4_000_000), ClockPhase(12_000, 120_000_000)]
    assert ": at 4 MHz, from cycle 12,000 at 120 MHz" in render(profile)
    profile.totals.clock = [ClockPhase(1000 * i, 4_000_000) for i in range(9)]
    assert "and 5 more changes of the clock" in render(profile)


def test_a_run_that_was_cut_says_so() -> None:
    profile = make_profile()
    profile.end.kind, profile.end.text = "timeout", "--timeout 5 was over"
    assert "--timeout 5 was over" in render(profile)
    assert "another run may end elsewhere" in " ".join(render(profile).split())


def test_an_empty_profile_renders() -> None:
    profile = make_profile()
    profile.functions, profile.tree, profile.instructions, profile.notes = [], [], [], []
    profile.totals.cycles = profile.totals.instructions = 0
    profile.totals.causes, profile.totals.clock = {}, []
    profile.code = Code()
    for form in FORMATS:
        assert render_bytes(profile, form) or form == "collapsed"  # without cycles there are no paths
    assert render(profile, options=RenderOptions(tree=True))


@pytest.mark.parametrize(
    ("form", "options", "message"),
    [
        ("txt", RenderOptions(), "unknown format 'txt': did you mean text?"),
        ("text", RenderOptions(sort="slef"), "unknown sort key 'slef': did you mean self?"),
        ("text", RenderOptions(match="(("), "not a regular expression or glob"),
        ("text", RenderOptions(annotate="conv2d_1x2"), "no function 'conv2d_1x2': did you mean conv2d_1x1?"),
        ("text", RenderOptions(annotate="zzzzzzzz"), "--top 0 lists the functions"),
        ("text", RenderOptions(annotate="init"), "names 2 functions: give one of 'init (uart.c)', 'init (timer.c)'"),
        ("text", RenderOptions(annotate="main"), "no executed instruction"),
        ("csv", RenderOptions(tree=True, annotate="main"), "choose one of --tree, --lines, --annotate"),
        ("csv", RenderOptions(tree=True, lines=True), "choose one of --tree, --lines, --annotate"),
        ("text", RenderOptions(lines=True, sort="calls"), "cannot be sorted by calls: use --sort self or cpi or"),
        ("text", RenderOptions(lines=True, match="main"), "no executed instruction has line information"),
        ("json", RenderOptions(tree=True), "always the whole profile"),
    ],
)
def test_what_cannot_be_rendered_says_why(form: str, options: RenderOptions, message: str) -> None:
    with pytest.raises(McusimError) as caught:
        render(make_profile(), form, options=options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        (None, "anything", True),
        ("conv", "arm_convolve_s8", True),
        ("arm_*_s8", "arm_convolve_s8", True),
        ("arm_*", "my_arm_x", False),
        ("conv?d", "conv2d", True),
        ("^arm_.*_s(8|16)$", "arm_convolve_s16", True),
        (".*conv", "arm_convolve_s8", True),
        ("f(int)", "f(int)", True),
    ],
)
def test_match_understands_globs_expressions_and_plain_names(pattern: str | None, name: str, found: bool) -> None:
    assert matcher(pattern)(name) is found


def test_a_function_is_found_without_its_arguments_or_file() -> None:
    assert find_function("f", ["f(int)", "ff"]) == 0
    assert find_function("init", ["init (a.c)", "initialise"]) == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (1.23456, "1.235 s"),
        (1234.5, "1,234 s"),
        (0.6173, "617.3 ms"),
        (1.5e-5, "15.00 us"),
        (3e-8, "30.00 ns"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert numbers.duration(seconds) == text


def test_shortening_keeps_both_ends() -> None:
    assert numbers.middle("abcdefghij", 10) == "abcdefghij"
    assert numbers.middle("abcdefghij", 5) == "ab…ij"
    assert [len(numbers.middle(LONG_NAME, width)) for width in range(60)] == list(range(60))


def test_what_is_not_zero_never_reads_as_zero() -> None:
    assert numbers.percent(0.0) == "0.0%"
    assert numbers.percent(0.0001) == "<0.1%"
    assert bar(0) == ""
    assert bar(0.0001) == "▏"
    assert bar(100) == "█" * 12
