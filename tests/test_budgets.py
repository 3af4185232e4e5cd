# SPDX-License-Identifier: Apache-2.0
"""Budgets: the project's file, the limits in it held against profiles made by hand, and what CI is told."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
from copy import deepcopy
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fakes import make_profile
from fakes_memory import make_network_profile
from hypothesis import given
from hypothesis import strategies as st

from mcusim.budgets.amounts import parse_amount, parse_increase
from mcusim.budgets.check import (
    BROKEN,
    HOLDS,
    NEW,
    Outcome,
    Verdict,
    check_budgets,
    load_baselines,
    matches_layer,
    tracked,
)
from mcusim.budgets.project import Project, RunDefaults, find_project, parse_project
from mcusim.budgets.quantities import QUANTITIES, time_ms
from mcusim.ci.workflow import Annotation, add_summary, commands, place_in_repository
from mcusim.cli import profile as profile_command
from mcusim.cli.main import main
from mcusim.energy import estimate
from mcusim.errors import McusimError
from mcusim.profile import ClockPhase, Profile
from mcusim.profile_io import save
from mcusim.profile_memory import Activation
from mcusim.profile_power import CurrentPoint, PowerInfo
from mcusim.reports.budgeted import budget_document, budget_junit
from mcusim.reports.document import render_document

HERE = Path("mcusim.toml")


@cache
def _network(inferences: int) -> Profile:
    return make_network_profile(6, inferences=inferences)


def network(inferences: int = 1) -> Profile:
    """Return a profile of one's own of a network of six layers."""
    return deepcopy(_network(inferences))


def project(text: str, path: Path = HERE) -> Project:
    """Return a project's file."""
    return parse_project(text, path)


def held(text: str, profile: Profile, base: Profile | None = None) -> Verdict:
    """Hold a profile against budgets in TOML; `base` is their baseline."""
    budgets = project(text).budgets
    paths = {budget.baseline for budget in budgets if budget.relative and budget.baseline is not None}
    return check_budgets(profile, budgets, {path: base for path in paths if base is not None})


def only(verdict: Verdict) -> Outcome:
    """Return the one outcome there is."""
    (outcome,) = verdict.outcomes
    return outcome


# Amounts


@pytest.mark.parametrize(
    ("value", "unit", "amount"),
    [
        (36_000_000, "cycles", 36_000_000),
        ("36M", "cycles", 36_000_000),
        ("1.5 k", "cycles", 1_500),
        ("1_000,000", "count", 1_000_000),
        ("40 KiB", "bytes", 40_960),
        ("40k", "bytes", 40_000),
        ("2.3 s", "ms", 2_300),
        ("250us", "ms", 0.25),
        (0.25, "ms", 0.25),
        ("0.12 mJ", "uJ", 120),
    ],
)
def test_amounts_are_written_as_people_do(value: int | float | str, unit: str, amount: float) -> None:
    assert parse_amount(value, unit, "here") == pytest.approx(amount)


@pytest.mark.parametrize(
    ("value", "unit"),
    [("many", "cycles"), ("-3", "cycles"), (-1, "bytes"), ("3 s", "cycles"), ("3 cycles", "ms"), (float("nan"), "ms"),
     ("", "bytes"), ("40 KB", "bytes"), (1e30, "cycles"), ("9999999999999999999999", "cycles")],
)  # fmt: skip
def test_what_is_no_amount_is_refused_in_one_line(value: int | float | str, unit: str) -> None:
    with pytest.raises(McusimError, match=r"^here: ") as raised:
        parse_amount(value, unit, "here")
    assert "give" in str(raised.value)


@given(st.integers(0, 10**9), st.integers(0, 1000))
def test_a_share_that_is_whole_is_a_whole_limit(hundreds: int, percent: int) -> None:
    """So that a value at its limit holds, whatever floating point makes of 1.02."""
    limit = parse_increase(f"{percent}%", "cycles", "here").limit(100 * hundreds)
    assert limit == 100 * hundreds + hundreds * percent


@given(st.integers(0, 10**9), st.floats(0, 1000, allow_nan=False))
def test_an_increase_is_a_share_or_an_amount(base: int, percent: float) -> None:
    text = f"{percent:.3f}%"
    assert parse_increase(text, "cycles", "here").limit(base) == pytest.approx(base * (1 + float(text[:-1]) / 100))
    assert parse_increase(500, "cycles", "here").limit(base) == base + 500
    assert parse_increase("0%", "cycles", "here").limit(base) == base


# The file


def test_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "mcusim.toml"
    found = parse_project(
        """firmware = "build/a.elf"
baseline = "base.json"
[run]
board = "nucleo-l4r5zi"
stub = "camera_init=0"

[[budget]]
name = "all of it"
cycles = "36M"
stack_bytes = { max = 512, max_increase = "64" }

[[ budget ]]
layer = 3
baseline = "other.json"
cycles = { max_increase = "2%" }
""",
        path,
    )
    assert found.firmware == tmp_path / "build" / "a.elf"
    assert (found.defaults.board, found.defaults.stub) == ("nucleo-l4r5zi", "camera_init=0")
    first, second = found.budgets
    assert (first.name, first.scope, first.line, first.relative) == ("all of it", "run", 7, True)
    assert first.limits["cycles"].most == 36_000_000
    assert first.baseline == tmp_path / "base.json"
    assert (second.scope, second.pattern, second.line) == ("layer", "3", 12)
    assert second.baseline == tmp_path / "other.json"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("budgets = 1", "unknown key 'budgets': did you mean budget?"),
        ("[run]\nbaord = 'x'", "run: unknown key 'baord': did you mean board"),
        ("[[budget]]\ncylces = 1", "budget 1: unknown key 'cylces': did you mean cycles"),
        ("[[budget]]\nname = 'a'\nlayers = 'x'\ncycles = 1", "budget 1 'a': unknown key 'layers': did you mean layer"),
        ("[[budget]]\nlayer = 'x'\nfunction = 'y'\ncycles = 1", "layer and function exclude each other"),
        ("[[budget]]\nper = 'frame'\ncycles = 1", "unknown scope 'frame': known: inference, run"),
        ("[[budget]]\nlayer = 'x'", "limits nothing: give one of cycles, time_ms"),
        ("[[budget]]\ncycles = {}", "cycles: limits nothing: give max, max_increase or both"),
        ("[[budget]]\ncycles = { maximum = 3 }", "unknown key 'maximum': did you mean max"),
        ("[[budget]]\ncycles = true", "cycles: give a number"),
        ("[[budget]]\nlayer = ''\ncycles = 1", "layer: is empty"),
        (
            "[[budget]]\nfunction = 'f'\ncycles = 1",
            "cycles: a function has none: give one of instructions, self_cycles",
        ),
        ("[[budget]]\nper = 'inference'\nflash_bytes = 1", "flash_bytes: an inference has none"),
        ("[[budget]]\ncycles = { max_increase = '2 percent' }", "max_increase: '2 percent' is not an amount"),
        ("[[budget]]\ncycles = { max_increase = '-2%' }", "'-2%' is not a share"),
        ("firmware = 3", "firmware: expected 'str'"),
        ("x = ", "not TOML"),
    ],
)
def test_mistakes_in_the_file_are_one_clear_line(text: str, said: str) -> None:
    with pytest.raises(McusimError) as raised:
        project(text)
    assert str(raised.value).startswith("mcusim.toml: ")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_pyproject_has_it_too(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text("[tool.other]\nx = 1\n[[tool.mcusim.budget]]\ncycles = 5\n")
    found = parse_project(path.read_text(), path)
    assert found.budgets[0].line == 3
    assert find_project(tmp_path) == path
    for text in ("[tool.other]", "tool = 3", ""):
        with pytest.raises(McusimError, match=r"has no table \[tool.mcusim\]"):
            parse_project(text, path)


def test_the_file_is_looked_for_upwards_and_not_beyond_the_checkout(tmp_path: Path) -> None:
    inner = tmp_path / "repo" / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "mcusim.toml").write_text("")
    assert find_project(inner) == tmp_path / "mcusim.toml"
    (tmp_path / "repo" / ".git").mkdir()
    assert find_project(inner) is None
    (tmp_path / "repo" / "a" / "pyproject.toml").write_text("[tool.black]\n")  # not ours: the search goes on
    (tmp_path / "repo" / "mcusim.toml").write_text("")
    assert find_project(inner) == tmp_path / "repo" / "mcusim.toml"


# Held against profiles


def test_each_quantity_is_that_of_the_profile() -> None:
    profile = network(3)
    memory, layers = profile.memory, profile.layers
    assert memory is not None
    assert layers is not None
    assert memory.heap is not None
    runs = [run.total_cycles for run in layers.activations if run.layer == 2]
    whole = [sum(r.total_cycles for r in layers.activations if r.inference == i and r.parent < 0) for i in range(3)]
    expected = {
        ("run", "cycles"): profile.totals.cycles,
        ("run", "time_ms"): 1e3 * profile.totals.time_s,
        ("run", "instructions"): profile.totals.instructions,
        ("run", "live_peak_bytes"): memory.peak_bytes,
        ("run", "reserved_bytes"): memory.budget.sram_bytes - memory.budget.left_bytes,
        ("run", "static_bytes"): profile.image.sram_bytes,
        ("run", "stack_bytes"): profile.stacks[0].used_bytes,
        ("run", "heap_bytes"): memory.heap.peak_bytes,
        ("run", "flash_bytes"): profile.image.flash_bytes,
        ("inference", "cycles"): max(whole),
        ("inference", "stack_bytes"): max(run.stack_bytes for run in layers.activations),
        ("inference", "live_peak_bytes"): max(run.live_peak_bytes for run in layers.activations),
        ("layer", "cycles"): max(runs),
        ("layer", "stack_bytes"): max(run.stack_bytes for run in layers.activations if run.layer == 2),
        ("layer", "live_peak_bytes"): max(run.live_peak_bytes for run in layers.activations if run.layer == 2),
        ("layer", "flash_bytes"): layers.layers[2].code_bytes + layers.layers[2].constant_bytes,
        ("layer", "cycles_per_mac"): max(runs) / (layers.layers[2].macs or 0),
        ("function", "self_cycles"): profile.functions[2].self_cycles,
        ("function", "total_cycles"): profile.functions[2].total_cycles,
        ("function", "calls"): profile.functions[2].calls,
        ("function", "instructions"): profile.functions[2].instructions,
        ("function", "flash_bytes"): profile.functions[2].size_bytes,
    }
    for (scope, key), value in expected.items():
        assert QUANTITIES[key].scopes[scope](profile, 2) == value, (scope, key)
    known = {(scope, key) for key, quantity in QUANTITIES.items() for scope in quantity.scopes}
    later = {(scope, "time_ms") for scope in ("inference", "layer")}
    later |= {(scope, "energy_uj") for scope in ("run", "inference", "layer")}
    assert known - set(expected) == later


def test_energy_is_the_estimate_in_microjoules() -> None:
    profile = network(2)
    profile.power = PowerInfo(3.0, "typical", [CurrentPoint(16_000_000, 2.0, "made up")])
    energy = estimate(profile)
    assert energy is not None
    expected = {"run": energy.run_j, "inference": energy.inference_j, "layer": energy.layers_j[2]}
    for scope, joules in expected.items():
        assert joules is not None
        assert QUANTITIES["energy_uj"].scopes[scope](profile, 2) == pytest.approx(1e6 * joules)
        assert joules > 0


def test_time_follows_the_clock() -> None:
    run = Activation(0, 0, -1, 1_000, 3_000, 0, 2_000, 0, 0)
    clock = [ClockPhase(0, 1_000_000), ClockPhase(2_000, 4_000_000)]
    assert time_ms(run, clock) == pytest.approx(1.0 + 0.25)
    run.total_cycles = 1_000  # handlers took the other half
    assert time_ms(run, clock) == pytest.approx(0.625)
    assert time_ms(run, [ClockPhase(0, 1_000_000)]) == pytest.approx(1.0)


@pytest.mark.parametrize(("limit", "status"), [(-1, BROKEN), (0, HOLDS), (1, HOLDS)])
def test_a_limit_itself_is_allowed(limit: int, status: str) -> None:
    profile = make_profile()
    outcome = only(held(f"[[budget]]\ncycles = {profile.totals.cycles + limit}", profile))
    assert outcome.status == status
    assert outcome.margin == limit


@pytest.mark.parametrize(
    ("pattern", "label", "matches"),
    [
        ("3", "3 conv2d", True), ("3", "0.3 conv2d", False), ("0.3", "0.3 conv2d", True), ("conv2d", "3 conv2d", True),
        ("conv*", "3 conv2d", True), ("conv", "3 conv2d", False), ("3 conv2d", "3 conv2d", True),
        ("*", "3 conv2d", True), ("0.*", "0.3 conv2d", True), ("1", "11 conv2d", False),
    ],
)  # fmt: skip
def test_layers_are_named_by_name_glob_or_number(pattern: str, label: str, matches: bool) -> None:
    assert matches_layer(pattern, label) == matches


def test_a_pattern_holds_for_each_that_it_names() -> None:
    verdict = held("[[budget]]\nlayer = 'arm_conv*'\ncycles = 1\nstack_bytes = '1M'", network())
    assert [outcome.status for outcome in verdict.outcomes] == [BROKEN, HOLDS] * 3
    assert not verdict.passed
    functions = held("[[budget]]\nfunction = 'init'\nself_cycles = 40", make_profile())
    assert [outcome.subject for outcome in functions.outcomes] == ["init (uart.c)", "init (timer.c)"]
    assert [outcome.status for outcome in functions.outcomes] == [HOLDS, BROKEN]
    assert len(held("[[budget]]\nlayer = '*'\ncycles = 1", network()).outcomes) == 6


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("layer = 'arm_convolve_s9'\ncycles = 1", "no layer matches 'arm_convolve_s9': did you mean arm_convolve_s8"),
        ("layer = 17\ncycles = 1", "no layer matches '17': there are arm_convolve_s8"),
        ("function = 'conv2d_1x2'\ncalls = 1", "no function that ran matches 'conv2d_1x2': did you mean conv2d_1x1"),
        ("energy_uj = 1", "energy_uj: board 'nucleo-l4r5zi' has no energy figures"),
        ("cycles = { max_increase = '2%' }", "max_increase needs a baseline"),
    ],
)
def test_a_budget_of_nothing_is_an_error(text: str, said: str) -> None:
    budgets, profile = project(f"[[budget]]\n{text}").budgets, network()
    with pytest.raises(McusimError) as raised:
        check_budgets(profile, budgets, load_baselines(budgets))
    assert said in str(raised.value)
    assert str(raised.value).startswith("mcusim.toml: budget 1: ")


def test_what_the_profile_lacks_is_said() -> None:
    profile = make_profile()
    for text, said in (
        ("live_peak_bytes = 1", "memory was not tracked: run with --memory on"),
        ("layer = '*'\ncycles = 1", "no layers were found: name them with --layers"),
        ("per = 'inference'\ncycles = 1", "no layers were found"),
    ):
        with pytest.raises(McusimError, match=said):
            held(f"[[budget]]\n{text}", profile)
    assert tracked(project("[[budget]]\nheap_bytes = 1").budgets)
    assert not tracked(project("[[budget]]\ncycles = 1").budgets)


RELATIVE = "baseline = 'base.json'\n[[budget]]\nlayer = '*'\ncycles = { max_increase = '2%' }"


def test_limits_from_a_baseline() -> None:
    base, profile = network(), network()
    assert held(RELATIVE, profile, base).passed
    assert profile.layers is not None
    slow = next(run for run in profile.layers.activations if run.layer == 4)
    was = slow.total_cycles
    slow.total_cycles = was * 103 // 100
    verdict = held(RELATIVE, profile, base)
    (broken,) = verdict.broken
    assert broken.subject.startswith("4 ")
    assert (broken.baseline, broken.rule) == (was, "baseline +2%")
    assert broken.limit == pytest.approx(was * 1.02)
    both = held("baseline = 'b'\n[[budget]]\ncycles = { max = 5, max_increase = 500 }", profile, base)
    assert only(both).rule == "budget"


def test_a_layer_that_the_baseline_lacks_is_new_and_said_so() -> None:
    base, profile = network(), network()
    assert base.layers is not None
    base.layers.layers[5:] = []
    base.layers.activations = [run for run in base.layers.activations if run.layer < 5]
    verdict = held(RELATIVE, profile, base)
    assert [outcome.status for outcome in verdict.outcomes] == [HOLDS] * 5 + [NEW]
    text = render_document(budget_document(profile, verdict, "mcusim.toml"), "text", width=100)
    assert "1 limit has no counterpart in the baseline (new)." in text


def test_a_baseline_of_another_board_or_a_cut_one_is_refused() -> None:
    base = network()
    base.board.name = "other"
    with pytest.raises(McusimError, match=r"base.json: is of other \(cortex-m4\), the run of nucleo-l4r5zi"):
        held(RELATIVE, network(), base)
    base = network()
    base.end.kind = "timeout"
    with pytest.raises(McusimError, match=r"base.json: is of a run that did not come to its end"):
        held(RELATIVE, network(), base)


def test_other_settings_and_inferences_of_a_baseline_are_said() -> None:
    base = network(3)
    base.settings["wait_states"] = 4
    remarks = " ".join(held(RELATIVE, network(), base).remarks)
    assert "other settings: wait_states" in remarks
    assert "has 3 inferences, the run 1" in remarks


@pytest.mark.parametrize("kind", ["max-cycles", "timeout", "interrupted", "fault"])
def test_a_run_that_was_cut_passes_nothing(kind: str) -> None:
    profile = make_profile()
    profile.end.kind, profile.end.text = kind, "cut it was"
    verdict = held("[[budget]]\ncycles = '1G'", profile)
    assert not verdict.broken
    assert not verdict.passed
    text = render_document(budget_document(profile, verdict, "mcusim.toml"), "text", width=100)
    assert "FAILED: the run did not come to its end (cut it was)" in text
    assert "none can hold" in text
    root = ElementTree.fromstring(budget_junit(profile, verdict))
    assert [failure.get("message") for failure in root.iter("failure")] == [verdict.cut]


def test_what_a_cut_run_has_not_come_to_is_no_mistake() -> None:
    profile = network()
    profile.end.kind = "max-cycles"
    verdict = held("[[budget]]\nlayer = 'later'\ncycles = 1\n[[budget]]\ncycles = '1G'", profile)
    assert len(verdict.outcomes) == 1
    assert not verdict.passed
    assert "Not looked at, since the run was cut: mcusim.toml: budget 1: no layer matches 'later'" in verdict.remarks[0]


def cloned(*names: str) -> Profile:
    """Return the profile made by hand with its third and following functions called so."""
    profile = deepcopy(make_profile())
    for at, name in enumerate(names, 2):
        profile.functions[at].name = name
    return profile


def test_a_function_is_held_with_its_clones() -> None:
    text = '[[budget]]\nfunction = "run_all"\nself_cycles = 1\ntotal_cycles = 1\nflash_bytes = 1\n'
    alone = cloned("run_all.constprop.0")
    values = {each.quantity: each.value for each in held(text, alone).outcomes}
    whole = alone.functions[2]
    assert values == {
        "self_cycles": whole.self_cycles, "total_cycles": whole.total_cycles, "flash_bytes": whole.size_bytes,
    }  # fmt: skip
    both = cloned("run_all", "run_all.part.0")  # the first calls the second: what is below it counts once
    verdict = held(text, both)
    assert {each.subject for each in verdict.outcomes} == {"run_all"}
    values = {each.quantity: each.value for each in verdict.outcomes}
    assert values["self_cycles"] == both.functions[2].self_cycles + both.functions[3].self_cycles
    assert values["total_cycles"] == both.functions[2].total_cycles
    (clone,) = held('[[budget]]\nfunction = "run_all.part.0"\nself_cycles = 1\n', both).outcomes
    assert (clone.subject, clone.value) == ("run_all.part.0", both.functions[3].self_cycles)
    grown = '[[budget]]\nfunction = "run_all"\nbaseline = "b.json"\nself_cycles = { max_increase = 0 }\n'
    (same,) = held(grown, both, cloned("run_all.isra.0", "run_all.part.3")).outcomes
    assert (same.status, same.baseline) == (HOLDS, same.value)


def test_memory_that_both_have_is_no_other_setting() -> None:
    text = '[[budget]]\nbaseline = "b.json"\nlive_peak_bytes = { max_increase = 0 }\n'
    run, base = network(), network()
    run.settings["memory"], base.settings["memory"] = "on", None
    assert not held(text, run, base).remarks
    run.settings["boot"] = True
    assert held(text, run, base).remarks == ("The baseline b.json was run with other settings: boot.",)


def test_the_table_folds_what_holds_and_csv_has_it_all() -> None:
    profile = network()
    verdict = held("[[budget]]\nlayer = '*'\ncycles = '1G'\n[[budget]]\nlayer = 0\ncycles = 1", profile)
    document = budget_document(profile, verdict, "mcusim.toml")
    text = render_document(document, "text", width=120)
    assert "… 5 more that match '*'" in text
    assert "BROKEN" in text
    assert "1 of 7 broken" in text
    rows = list(csv.DictReader(io.StringIO(render_document(document, "csv", width=100))))
    assert len(rows) == 7
    assert rows[-1]["status"] == "BROKEN"
    data = json.loads(render_document(document, "json", width=100))
    assert (data["passed"], len(data["limits"])) == (False, 7)


# What CI is told


def test_what_must_be_escaped_in_a_workflow_command() -> None:
    annotation = Annotation("100% of\nthis: a, b", "one: two, three", "src/a,b:c.c", 7)
    assert annotation.command() == (
        "::error file=src/a%2Cb%3Ac.c,line=7,title=one%3A two%2C three::100%25 of%0Athis: a, b"
    )
    assert Annotation("x", line=3).command() == "::error::x"  # a line of no file says nothing


def test_github_drops_what_is_more_than_ten() -> None:
    ten = [Annotation(str(number)) for number in range(10)]
    assert commands(ten) == [f"::error::{number}" for number in range(10)]
    eleven = commands([*ten, Annotation("10")])
    assert len(eleven) == 10
    assert eleven[-1] == "::error title=mcusim::2 more: the step's summary and its log have them all"


def test_the_summary_is_added_to(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    assert add_summary("## table", {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.read_text() == "before\n## table\n"
    assert not add_summary("## table", {})
    with pytest.raises(McusimError, match="larger than GitHub shows"):
        add_summary("x" * (1 << 20), {"GITHUB_STEP_SUMMARY": str(path)})


def test_sources_are_found_in_the_repository(tmp_path: Path) -> None:
    for name in ("app/src/conv.c", "app/lib/util.c", "other/util.c", "common/print.c", ".git/conv.c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    app = tmp_path / "app"
    assert place_in_repository("src/conv.c", tmp_path, app) == "app/src/conv.c"
    assert place_in_repository("conv.c", tmp_path, app) == "app/src/conv.c"
    assert place_in_repository("../common/print.c", tmp_path, app) == "common/print.c"
    assert place_in_repository("../../somewhere/print.c", tmp_path, app) == "common/print.c"
    assert place_in_repository("util.c", tmp_path, app) is None  # which of the two?
    assert place_in_repository("lib/util.c", tmp_path, app) == "app/lib/util.c"
    assert place_in_repository("C:\\build\\lib\\util.c", tmp_path, app) == "app/lib/util.c"
    assert place_in_repository("none.c", tmp_path, app) is None


# The command line

FILE = """baseline = "base.json"

[[budget]]
name = "whole"
cycles = "20M"
flash_bytes = 1

[[budget]]
function = "conv2d_1x1"
self_cycles = { max = 5, max_increase = "1%" }
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a project's file, a saved profile, a baseline and a source."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "app"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "conv2d_1x1.c").write_text("")
    (folder / "mcusim.toml").write_text(FILE)
    save(network(), folder / "run.json")
    save(network(), folder / "base.json")
    monkeypatch.chdir(folder)
    return tmp_path


def test_report_holds_a_saved_profile_against_its_budgets(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "run.json", "--budget", "--junit", "out.xml"]) == 1
    said = capsys.readouterr()
    assert "2 of 3 broken" in said.out
    assert "::error" not in said.err
    suites = ElementTree.parse(desk / "app" / "out.xml").getroot()
    assert [(suite.get("name"), suite.get("failures")) for suite in suites] == [
        ("whole", "1"), ("function conv2d_1x1", "1")
    ]  # fmt: skip
    (desk / "ok.toml").write_text("[[budget]]\ncycles = '1G'")
    assert main(["report", "run.json", "--budget", "--config", "../ok.toml"]) == 0
    assert "all 1 hold" in capsys.readouterr().out


def test_annotations_point_at_the_source_and_at_the_budget(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(desk / "summary.md"))
    assert main(["report", "run.json", "--budget", "--format", "json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["passed"] is False
    flash, function = said.err.splitlines()
    assert flash.startswith("::error file=app/mcusim.toml,line=3,title=mcusim budget%3A whole::run: flash_bytes 46,120")
    assert function.startswith("::error file=app/src/conv2d_1x1.c,line=31,title=mcusim budget::conv2d_1x1: self_cycles")
    assert "| BROKEN | `run` | flash\\_bytes |" in (desk / "summary.md").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--budget", "--format", "json", "--tree"], "--budget prints budgets: drop"),
        (["--budget", "--config", "none.toml"], "none.toml: cannot be read"),
        (["--budget", "--baseline", "none.json"], "there is no baseline none.json: make it with 'mcusim profile -o'"),
        (["--junit", "x.xml"], "--junit belongs to --budget"),
        (["--budget", "--junit", "run.json"], "run.json: is an input of this command"),
    ],
)
def test_mistakes_on_the_command_line(
    desk: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "run.json", *words]) == 2
    assert said in capsys.readouterr().err


def test_without_a_file_or_budgets_it_is_said(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "app" / "mcusim.toml").write_text("")
    assert main(["report", "run.json", "--budget"]) == 2
    assert "has no budgets: add a [[budget]]" in capsys.readouterr().err
    (desk / "app" / "mcusim.toml").unlink()
    assert main(["report", "run.json", "--budget"]) == 2
    assert "no mcusim.toml here or above" in capsys.readouterr().err
    assert main(["profile"]) == 2
    assert "give FIRMWARE, or name it in mcusim.toml" in capsys.readouterr().err


def parsed(words: list[str]) -> argparse.Namespace:
    """Return what `mcusim profile` makes of its words and of the project's file."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    profile_command.add_arguments(parser)
    profile_command.prepare(parser, words)
    return parser.parse_args(words)


def test_every_key_of_run_is_an_option_of_profile() -> None:
    parser = argparse.ArgumentParser()
    profile_command.add_arguments(parser)
    assert set(RunDefaults.__struct_fields__) <= set(vars(parser.parse_args([])))


def test_what_the_file_says_becomes_the_options(desk: Path) -> None:
    (desk / "app" / "mcusim.toml").write_text("""firmware = "a.elf"
[run]
board = "boards/mine.toml"
base = 0x0800_0000
max_cycles = "2M"
timeout = 1.5
uart_in = "input.bin"
stub = ["a=1", "b"]
files = "files"
device_overlay = "overlay.toml"
svd = "part.svd"
clock = "80MHz"
wait_states = 4
set = "flash.cache=off"
layers = "markers"
memory = "on"
sanitize = true
""")
    inner = desk / "app" / "src"
    args = parsed(["--stub", "c", "--clock", "20M", "--memory", "off"])
    app = desk / "app"
    assert (args.firmware, args.board, args.base) == (app / "a.elf", str(app / "boards" / "mine.toml"), 0x0800_0000)
    assert (args.max_cycles, args.timeout, args.wait_states) == (2_000_000, 1.5, 4)
    assert (args.uart_in, args.files, args.svd) == (str(app / "input.bin"), app / "files", app / "part.svd")
    assert args.device_overlay == [app / "overlay.toml"]
    assert (args.set, args.layers, args.sanitize) == (["flash.cache=off"], "markers", True)
    assert (args.stub, args.clock, args.memory) == (["a=1", "b", "c"], 20_000_000, "off")  # words come first
    os.chdir(inner)
    other = desk / "other.toml"
    other.write_text("[run]\nuart_in = '-'\nboard = 'nucleo-l4r5zi'")
    assert parsed(["b.elf"]).board == str(app / "boards" / "mine.toml")
    for words in (["--config", str(other)], [f"--config={other}"]):
        args = parsed(["b.elf", *words])
        assert (args.board, args.uart_in, args.firmware) == ("nucleo-l4r5zi", "-", Path("b.elf"))


HELLO = Path(__file__).resolve().parents[1] / "examples" / "hello" / "hello-nucleo-l4r5zi.elf"


def test_profile_takes_firmware_and_options_from_the_file(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "app" / "mcusim.toml").write_text(
        f"firmware = '{HELLO}'\n[run]\nboard = 'nucleo-l4r5zi'\nmax_cycles = '1k'\n"
        "[[budget]]\ncycles = '2M'\nlive_peak_bytes = '1M'"
    )
    assert main(["profile", "-q"]) == 0
    text = capsys.readouterr().out
    assert "nucleo-l4r5zi (given by mcusim.toml)" in text
    assert "--max-cycles 1000" in text
    assert main(["profile", "--budget"]) == 1
    said = capsys.readouterr()
    assert "defaults from mcusim.toml" in said.err
    assert "FAILED: the run did not come to its end" in said.out
    assert main(["profile", "--budget", "-q", "--max-cycles", "100M", "-o", "new.json"]) == 0
    assert "all 2 hold" in capsys.readouterr().out  # memory was tracked, since a budget asks for it
    (desk / "app" / "mcusim.toml").write_text("[run]\nmax_cycles = 'lots'")
    assert main(["profile", str(HELLO)]) == 2
    assert "mcusim.toml: run: max_cycles: 'lots' is not a whole number" in capsys.readouterr().err
