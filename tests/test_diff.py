# SPDX-License-Identifier: Apache-2.0
"""Differences of two profiles: which layer and function is which, and sums that are right."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from copy import deepcopy
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest
from fakes import make_profile
from fakes_memory import make_network_profile
from hypothesis import given, settings
from hypothesis import strategies as st

from mcusim.cli.main import main
from mcusim.diff import difference
from mcusim.diff.align import Pair, align, align_functions, align_layers, align_names, clone_base
from mcusim.diff.changes import CHANGED, GONE, NEW, RENAMED, SAME, added
from mcusim.diff.tree import tree_changes
from mcusim.profile import FunctionCost, Profile
from mcusim.profile_io import save
from mcusim.profile_memory import Layers
from mcusim.reports.diffed import by_cause, diff_document
from mcusim.reports.document import render_document

NOT_WHOLE = "max-cycles"


@cache
def _network(layers: int, inferences: int) -> Profile:
    return make_network_profile(layers, inferences=inferences)


def network(layers: int = 6, inferences: int = 1) -> Profile:
    """Return a profile of one's own of a network."""
    return deepcopy(_network(layers, inferences))


def without_layer(profile: Profile, layer: int) -> Profile:
    """Return the profile without one layer, as if the network had never had it; its cycles go as well."""
    layers = profile.layers
    assert layers is not None
    gone = layers.layers[layer]
    for cause, cycles in gone.causes.items():
        profile.totals.causes[cause] -= cycles
        profile.totals.cycles -= cycles
    layers.activations = [run for run in layers.activations if run.layer != layer]
    for run in layers.activations:
        run.layer -= run.layer > layer
    del layers.layers[layer]
    for each in layers.layers:
        each.index -= each.index > gone.index
    profile.memory = None
    return profile


# Alignment


def naive_align(before: str, after: str, worth: dict[tuple[str, str], float]) -> float:
    """Return the best sum of pairs in order: every choice of as many of either is tried."""
    best = 0.0
    for size in range(1, min(len(before), len(after)) + 1):
        for mine in combinations(range(len(before)), size):
            for theirs in combinations(range(len(after)), size):
                values = [worth[before[i], after[j]] for i, j in zip(mine, theirs, strict=True)]
                if all(value > 0 for value in values):
                    best = max(best, sum(values))
    return best


@settings(max_examples=40)
@given(st.text("abc", max_size=5), st.text("abc", max_size=5), st.integers(0, 1000))
def test_an_alignment_is_in_order_and_worth_the_most(before: str, after: str, seed: int) -> None:
    drawn = random.Random(seed)
    worth = {(a, b): drawn.choice((0.0, 0.5, 1.0, 2.5)) for a in "abc" for b in "abc"}
    pairs = align(before, after, lambda a, b: worth[a, b])
    assert [i for i, _ in pairs if i is not None] == list(range(len(before)))
    assert [j for _, j in pairs if j is not None] == list(range(len(after)))
    both = [(before[i], after[j]) for i, j in pairs if i is not None and j is not None]
    assert sum(worth[pair] for pair in both) == naive_align(before, after, worth)


def numbers_of(pairs: list[Pair], layers: Layers) -> list[int]:
    """Return the index of what is new or gone."""
    return [layers.layers[i].index for i, j in pairs if i is not None and j is None]


@pytest.mark.parametrize("gone", range(8))
def test_a_layer_that_was_taken_out_shows_as_one(gone: int) -> None:
    before, after = network(8), without_layer(network(8), gone)
    assert before.layers is not None
    assert after.layers is not None
    pairs = align_layers(before.layers, after.layers)
    assert numbers_of(pairs, before.layers) == [gone]
    assert [(i, j) for i, j in pairs if i is None] == []
    back = align_layers(after.layers, before.layers)
    assert [j for i, j in back if i is None] == [gone]


def test_a_kernel_of_another_name_is_the_same_layer() -> None:
    before, after = network(), network()
    assert before.layers is not None
    assert after.layers is not None
    after.layers.layers[2].name = "my_fast_conv"
    assert align_layers(before.layers, after.layers) == [(i, i) for i in range(6)]
    changed = difference(before, after)
    assert changed.layers[2].state == RENAMED
    assert changed.layers[2].cycles.old_name == before.layers.layers[2].name


def test_layers_below_a_layer_stay_below_it() -> None:
    before = make_network_profile(8, patches=4)
    after = without_layer(deepcopy(before), 2)
    assert before.layers is not None
    assert after.layers is not None
    pairs = align_layers(before.layers, after.layers)
    assert [(i, j) for i, j in pairs if j is None] == [(2, None)]
    assert before.layers.numbers()[2] == "0.1"


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("dot.part.0", "dot"),
        ("dot.isra.3.constprop.0", "dot"),
        ("dot.constprop.0.isra.0 (a.c)", "dot (a.c)"),
        ("dot.cold", "dot"),
        ("part.c", "part.c"),
        ("v1.0", "v1.0"),
        ("ns::dot(int)", "ns::dot(int)"),
    ],
)
def test_what_compilers_append_is_no_part_of_a_name(name: str, base: str) -> None:
    assert clone_base(name) == base


def test_names_are_matched_by_themselves_first_and_then_as_clones() -> None:
    before = [("dot", 0), ("sum.isra.0", 4), ("old", 8)]
    after = [("sum.part.1", 0), ("dot.constprop.0", 4), ("dot", 8), ("new", 12)]
    assert align_names(before, after) == [(1, 0), (None, 1), (0, 2), (None, 3), (2, None)]


def test_a_static_that_moved_to_another_file_is_the_same() -> None:
    before, after = (
        [("init (uart.c)", 0), ("init (timer.c)", 4), ("scale (a.c)", 8)],
        [("init (spi.c)", 0), ("scale (b.c)", 4)],
    )
    assert align_names(before, after) == [(None, 0), (2, 1), (0, None), (1, None)]  # which init it was nobody knows


def test_a_function_that_does_the_same_under_another_name_was_renamed() -> None:
    before, after = make_profile(), make_profile()
    after.functions[3].name = "pointwise"
    assert (None, 3) in align_functions(before, after)  # seven instructions are too few to be sure
    for profile in (before, after):
        extra = [deepcopy(profile.instructions[1]) for _ in range(3)]
        profile.instructions += extra
    assert (3, 3) in align_functions(before, after)
    after.instructions[-1].count += 1
    assert (None, 3) in align_functions(before, after)


# Differences


@pytest.mark.parametrize("profile", [make_profile(), network(), network(5, 3)], ids=["plain", "layers", "inferences"])
def test_the_same_gives_no_difference(profile: Profile) -> None:
    changed = difference(profile, deepcopy(profile))
    assert changed.identical
    assert changed.slower_percent == 0
    text = render_document(diff_document(changed, "a", "b", top=20), "text", width=100)
    assert "No difference" in text
    assert "What changed most" not in text
    assert "Functions" not in text


def changed_at_random(profile: Profile, seed: int) -> Profile:
    """Return the profile with other costs, names and parts; its sums stay right."""
    drawn = random.Random(seed)
    profile = deepcopy(profile)
    causes: dict[str, int] = dict.fromkeys(profile.totals.causes, 0)
    drawn.shuffle(profile.functions)
    del profile.functions[drawn.randrange(3, len(profile.functions)) :]
    profile.instructions, profile.tree = [], []
    for function in profile.functions:
        if drawn.random() < 0.4:
            function.causes = {cause: drawn.randrange(5_000) for cause in drawn.sample(sorted(causes), 3)}
        if drawn.random() < 0.2:
            function.name += ".constprop.0"
        function.self_cycles = sum(function.causes.values())
    new = FunctionCost("added", None, 0x0800_9000, 40, 1, 10, 77, 77, {"issue": 50, "load": 27})
    profile.functions.append(new)
    for function in profile.functions:
        for cause, cycles in function.causes.items():
            causes[cause] = causes.get(cause, 0) + cycles
    profile.totals.causes, profile.totals.cycles = causes, sum(causes.values())
    layers = profile.layers
    if layers is not None:  # what is not in a layer is outside
        for layer in layers.layers:
            layer.causes = {cause: cycles // len(layers.layers) // 2 for cause, cycles in causes.items()}
        inside = {cause: sum(layer.causes.get(cause, 0) for layer in layers.layers) for cause in causes}
        del layers.outside[1:]
        layers.outside[0].causes = {cause: causes[cause] - inside[cause] for cause in causes}
        layers.outside[0].self_cycles = sum(layers.outside[0].causes.values())
    profile.image.flash_bytes += drawn.randrange(-500, 500)
    profile.image.sections[0].flash_bytes += drawn.randrange(-100, 100)
    if profile.memory is not None:
        symbols = profile.memory.flash_symbols
        del symbols[drawn.randrange(len(symbols)) :]
        profile.memory.statics[0].size_bytes += drawn.randrange(100)
    return profile


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.booleans())
def test_parts_add_up_to_the_whole_difference(seed: int, layered: bool) -> None:
    base = network(5) if layered else make_profile()
    before, after = changed_at_random(base, seed), changed_at_random(base, seed + 1)
    changed = difference(before, after)
    whole = after.totals.cycles - before.totals.cycles
    assert changed.cycles.difference == whole
    assert added(changed.functions) == whole
    assert sum(changed.cycles.causes.values()) == whole
    for each in (*changed.functions, *changed.outside):
        assert sum(each.causes.values()) == each.difference
    flash = after.image.flash_bytes - before.image.flash_bytes
    assert changed.flash[0].difference == flash
    if layered:
        assert added(each.cycles for each in changed.layers) + added(changed.outside) == whole
        assert added(changed.symbols) == flash
        assert added(changed.variables) == after.image.sram_bytes - before.image.sram_bytes
        for layer in changed.layers:
            assert sum(layer.mean_causes.values()) == layer.mean_difference == layer.cycles.difference
    back = difference(after, before)
    assert added(back.functions) == -whole


def test_what_got_slower_says_why() -> None:
    before, after = network(), network()
    assert after.layers is not None
    after.layers.layers[3].causes["load"] = after.layers.layers[3].causes.get("load", 0) + 10_000
    after.layers.layers[3].causes["fetch"] = after.layers.layers[3].causes.get("fetch", 0) + 2_345
    for cause, cycles in (("load", 10_000), ("fetch", 2_345)):
        after.totals.causes[cause] += cycles
        after.totals.cycles += cycles
    changed = difference(before, after)
    text = render_document(diff_document(changed, "before.json", "after.json", top=20), "text", width=120)
    name = after.layers.layers[3].name
    assert f"layer 3 {name}: load +10,000, fetch +2,345" in text
    assert "+12,345" in text
    markdown = render_document(diff_document(changed, "before.json", "after.json", top=20), "markdown", width=100)
    assert "load +10,000, fetch +2,345" in markdown
    rows = list(csv.DictReader(io.StringIO(
        render_document(diff_document(changed, "a", "b", top=20), "csv", width=100)
    )))  # fmt: skip
    (row,) = [row for row in rows if row["section"] == "layer" and row["number"] == "3"]
    assert (row["difference"], row["cycles_load"], row["cycles_fetch"]) == ("12345", "10000", "2345")
    data = json.loads(render_document(diff_document(changed, "a", "b", top=20), "json", width=100))
    (record,) = [each for each in data["differences"] if each["section"] == "layer" and each["number"] == "3"]
    assert record["causes"] == {"load": 10_000, "fetch": 2_345}
    assert not data["identical"]


def test_the_same_instructions_that_take_longer_are_named_as_such() -> None:
    before, after = make_profile(), make_profile()
    after.functions[3].causes["fetch"] += 500
    after.functions[3].self_cycles += 500
    changed = difference(before, after)
    (each,) = [change for change in changed.functions if change.state == CHANGED]
    assert each.same_code
    text = render_document(diff_document(changed, "a", "b", top=20), "text", width=120)
    assert "fetch +500; same instructions" in text


def test_other_numbers_of_inferences_are_compared_by_the_mean() -> None:
    before, after = network(5, 1), network(5, 3)
    changed = difference(before, after)
    text = render_document(diff_document(changed, "a", "b", top=20), "text", width=100)
    assert "Different numbers of inferences: 1 before, 3 after" in text
    assert "layers: of an inference; outside of layers: of the run" in text
    assert before.layers is not None
    assert after.layers is not None
    own = [sum(sum(layer.causes.values()) for layer in each.layers) for each in (before.layers, after.layers)]
    assert changed.inference == (own[0], own[1] / 3)
    mean = sum(layer.mean_difference for layer in changed.layers)
    assert mean == pytest.approx(own[1] / 3 - own[0])
    whole = after.totals.cycles - before.totals.cycles
    assert added(each.cycles for each in changed.layers) + added(changed.outside) == whole


def test_memory_that_both_have_is_no_different_setting() -> None:
    before, after = network(), network()
    before.settings["memory"], after.settings["memory"] = None, "on"
    assert not any(
        "Different settings" in line for line in diff_document(difference(before, after), "a", "b", top=20).lead
    )
    after.memory = None
    assert any(
        "memory not set before" in line for line in diff_document(difference(before, after), "a", "b", top=20).lead
    )


def test_what_is_unequal_is_said_first() -> None:
    before, after = network(), network()
    after.board.name, after.board.core = "my-board", "cortex-m7"
    after.settings["clock"] = 80_000_000
    after.tool, after.output = "mcusim 9.9", "other"
    after.layers = after.memory = None
    after.end.kind, after.end.text = NOT_WHOLE, "100 cycles"
    lead = diff_document(difference(before, after), "a", "b", top=20).lead
    wanted = [
        "Different boards: nucleo-l4r5zi (cortex-m4) before, my-board (cortex-m7) after",
        "clock not set before, 80000000 after",
        "versions of mcusim",
        "The run after was not whole: 100 cycles",
        "There are no layers in the profile after",
        "Memory was not tracked after",
        "printed something else",
    ]
    for each in wanted:
        assert any(each in said for said in lead), each


def test_a_layer_that_is_new_or_gone_is_shown_as_such() -> None:
    before, after = network(8), without_layer(network(8), 3)
    changed = difference(before, after)
    assert [each.state for each in changed.layers].count(GONE) == 1
    text = render_document(diff_document(changed, "a", "b", top=20), "text", width=120)
    assert "(gone)" in text
    assert "4>3" in text
    back = difference(after, before)
    assert [each.state for each in back.layers].count(NEW) == 1
    assert {each.state for each in back.layers} <= {NEW, SAME, CHANGED}


def test_a_long_network_shows_what_changed_most_in_its_order() -> None:
    before, after = network(60), network(60)
    assert after.layers is not None
    for at, layer in enumerate(after.layers.layers):
        layer.causes["load"] = layer.causes.get("load", 0) + 1 + (at == 50) * 1_000
    changed = difference(before, after)
    text = render_document(diff_document(changed, "a", "b", top=20), "text", width=120)
    table = text[text.index("Layers, own cycles") :]
    table = table[: table.index("own cycles: without")]
    numbers = re.findall(r"^  (\d+) ", table, re.MULTILINE)
    assert len(numbers) == 40
    assert numbers == sorted(numbers, key=int)
    assert "50" in numbers
    assert "20 more changed, +20 (--top 0 shows all)" in text.replace("\n  ", " ")
    whole = render_document(diff_document(changed, "a", "b", top=0), "text", width=120)
    assert whole.count("load +1\n") + whole.count("load +1 ") >= 59


def test_two_call_trees_as_one() -> None:
    before, after = make_profile(), make_profile()
    slow = next(node for node in after.tree if after.functions[node.function].name == "conv2d_1x1")
    slow.self_cycles += 1_000
    at = after.tree.index(slow)
    while at >= 0:
        after.tree[at].total_cycles += 1_000
        at = after.tree[at].parent
    after.functions[7].name = "requantize.constprop.0"
    after.tree = [node for node in after.tree if node.kind != "handler"]
    changes = tree_changes(before, after)
    assert len(changes) == len(before.tree)
    for side, profile in enumerate((before, after)):
        roots = sum(change.total_cycles[side] for change in changes if change.parent < 0)
        assert roots == sum(node.total_cycles for node in profile.tree if node.parent < 0)
        assert sum(c.own_cycles[side] for c in changes) == sum(node.self_cycles for node in profile.tree)
    conv = next(change for change in changes if change.name == "conv2d_1x1")
    assert conv.own_cycles[1] - conv.own_cycles[0] == 1_000
    assert 0 < conv.share < 0.01
    (handler,) = [change for change in changes if change.kind == "handler"]
    assert (handler.share, handler.total_cycles[1]) == (-1, 0)
    for at, change in enumerate(changes):
        assert change.parent < at
        below = sum(each.width for each in changes if each.parent == at)
        assert change.width == below + max(change.own_cycles)
        assert change.width >= max(change.total_cycles)


def test_causes_are_named_from_the_largest() -> None:
    assert by_cause({"load": 10_000, "fetch": -2_345.5, "issue": 1, "branch": 2, "store": 3, "memory": 4}) == (
        "load +10,000, fetch -2,346, memory +4, store +3, others +3"
    )


# The command


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    before, after = network(), network()
    after.functions[3].causes["load"] += 400_000
    after.functions[3].self_cycles += 400_000
    assert after.layers is not None
    after.layers.layers[0].causes["load"] = after.layers.layers[0].causes.get("load", 0) + 400_000
    after.totals.cycles += 400_000
    after.totals.causes["load"] += 400_000
    save(before, tmp_path / "before.json")
    save(after, tmp_path / "after.json")
    return tmp_path


def test_diff_on_the_command_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "before.json", "before.json", "--fail-above", "0"]) == 0
    assert "No difference" in capsys.readouterr().out
    assert main(["diff", "before.json", "after.json"]) == 0
    assert main(["diff", "before.json", "after.json", "--fail-above", "10"]) == 0
    capsys.readouterr()
    assert main(["diff", "before.json", "after.json", "--fail-above", "1", "--width", "100"]) == 1
    out = capsys.readouterr().out
    assert "load +400,000" in out
    assert max(map(len, out.splitlines())) <= 100
    assert main(["diff", "after.json", "before.json", "--fail-above", "1"]) == 0
    assert main(["diff", "before.json", "after.json", "--format", "markdown", "-o", "diff.md"]) == 0
    assert (folder / "diff.md").read_text().startswith("## ")
    cut = network()
    cut.end.kind = NOT_WHOLE
    save(cut, folder / "cut.json")
    assert main(["diff", "before.json", "cut.json"]) == 0
    assert main(["diff", "before.json", "cut.json", "--fail-above", "50"]) == 1
    assert main(["diff", "before.json", "none.json"]) == 2
    assert "none.json: cannot be read" in capsys.readouterr().err


def test_each_of_compare_and_diff_points_at_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    main(["diff", "--help"])
    assert "mcusim compare" in capsys.readouterr().out
    main(["compare", "--help"])
    assert "mcusim diff" in capsys.readouterr().out
