# SPDX-License-Identifier: Apache-2.0
"""Reports on layers and memory, of networks built by hand: whole ones as goldens, and what must hold for any."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import GOLDEN
from fakes import make_profile
from fakes_memory import make_network_profile

from mcusim import profile_io
from mcusim.cli import main
from mcusim.errors import McusimError
from mcusim.profile import Profile
from mcusim.reports import RenderOptions, render
from mcusim.reports.layer_names import Labels, in_order
from mcusim.reports.options import DEFAULT_SECTIONS, SECTION_GROUPS, SECTIONS

DETAILS = ("memory", "flash", "symbols", "buffers", "activations")

# Golden -> layers, inferences, layers in a patch stage, format, options. `pytest --regenerate` writes them.
GOLDENS: dict[str, tuple[int, int, int, str, RenderOptions]] = {
    "layers-80.txt": (10, 1, 4, "text", RenderOptions(width=80)),
    "layers-160.txt": (10, 1, 4, "text", RenderOptions(width=160, show=("layers", "peak"))),
    "inferences-160.txt": (60, 10, 0, "text", RenderOptions(width=160, show=("layers",))),
    "inference-120.txt": (10, 10, 0, "text", RenderOptions(width=120, show=("layers",), inference=3)),
    "details-100.txt": (10, 1, 0, "text", RenderOptions(width=100, show=DETAILS)),
    "report.md": (10, 1, 4, "markdown", RenderOptions()),
    "layers.csv": (10, 3, 4, "csv", RenderOptions(show=("layers",))),
    "findings.csv": (10, 1, 0, "csv", RenderOptions(show=("findings",))),
    "profile.json": (10, 2, 4, "json", RenderOptions()),
}


def rows_of(profile: Profile, section: str) -> list[dict[str, str]]:
    """Return the rows of a section as CSV has them."""
    return list(csv.DictReader(io.StringIO(render(profile, "csv", options=RenderOptions(show=(section,))))))


@pytest.mark.parametrize("name", GOLDENS)
def test_golden(name: str, golden: Callable[[str, str], None]) -> None:
    layers, inferences, patches, form, options = GOLDENS[name]
    profile = make_network_profile(layers, inferences=inferences, patches=patches, findings=True)
    golden(f"memory/{name}", render(profile, form, options=options))


def test_no_golden_is_left_over() -> None:
    assert {path.name for path in (GOLDEN / "memory").iterdir()} == set(GOLDENS)


@pytest.mark.parametrize("inferences", [1, 4])
@pytest.mark.parametrize("patches", [0, 5])
def test_own_cycles_of_layers_and_what_ran_outside_them_add_up_to_the_run(inferences: int, patches: int) -> None:
    profile = make_network_profile(12, inferences=inferences, patches=patches)
    rows = rows_of(profile, "layers")
    parts = [row for row in rows if row["row"] in ("layer", "thread", "handler")]
    (run,) = (row for row in rows if row["row"] == "run")
    assert sum(int(row["self_cycles"]) for row in parts) == int(run["self_cycles"]) == profile.totals.cycles
    for row in parts:
        assert sum(int(row[key]) for key in row if key.startswith("cycles_") and "mac" not in key) == int(
            row["self_cycles"]
        )


def test_layers_of_one_inference_and_what_ran_outside_add_up_in_the_text_too() -> None:
    profile = make_network_profile(10)
    text = render(profile, options=RenderOptions(width=160, show=("layers",)))
    table = text.split("Layers (")[1].split("\n\n")[1].splitlines()[1:]
    cycles = [int(match[1].replace(",", "")) for line in table if (match := re.search(r" {2}([\d,]{2,}) ", line))]
    *layers, all_layers, reset, handler, run = cycles
    assert sum(layers) == all_layers
    assert all_layers + reset + handler == run == profile.totals.cycles


def test_a_long_network_is_cut_in_the_middle_and_says_so() -> None:
    profile = make_network_profile(60)
    text = render(profile, options=RenderOptions(width=160, show=("layers",)))
    assert "… 20 more layers" in text
    assert "--layer-rows 0 shows all layers" in text
    assert re.search(r"^ +19 .*\n.*more layers.*\n +40 ", text, re.MULTILINE)
    assert "more layers" not in render(profile, options=RenderOptions(width=160, layer_rows=0))
    assert "… 57 more layers" in render(profile, options=RenderOptions(width=160, layer_rows=3))
    assert sum(row["row"] == "layer" for row in rows_of(profile, "layers")) == 60


def test_one_inference_of_several() -> None:
    profile = make_network_profile(10, inferences=3)
    assert profile.layers is not None
    mean = [int(row["cycles"]) for row in rows_of(profile, "layers") if row["row"] == "layer"]
    runs = profile.layers.activations
    assert mean == [round(sum(run.total_cycles for run in runs if run.layer == at) / 3) for at in range(10)]
    text = render(profile, options=RenderOptions(width=160, inference=2))
    second = next(run for run in runs if run.inference == 1 and run.layer == 1)
    assert "inference 2 of 3" in text
    assert re.search(rf"^ +1 .* {second.total_cycles:,} ", text, re.MULTILINE)
    assert f"{min(r.total_cycles for r in runs if r.layer == 1):,}.." in render(
        profile, options=RenderOptions(width=200)
    )


def test_cells_that_nothing_tells_are_empty_columns_that_hold_nothing_are_left_out() -> None:
    profile = make_network_profile(4)
    assert profile.layers is not None
    for layer in profile.layers.layers:
        layer.macs, layer.shape = None, ""
    text = render(profile, options=RenderOptions(width=250, show=("layers",)))
    assert "MAC" not in text
    assert "shape" not in text
    assert {row["macs"] for row in rows_of(profile, "layers")} == {""}


def test_the_order_is_the_networks_and_nested_layers_stand_below_their_parent() -> None:
    profile = make_network_profile(6, patches=2)
    assert profile.layers is not None
    layers = profile.layers.layers
    layers[3].index, layers[4].index = layers[4].index, layers[3].index
    assert [place.number for place in in_order(profile.layers)] == ["0", "0.0", "0.1", "1", "2", "3", "4"]
    assert [place.layer for place in in_order(profile.layers)] == [0, 1, 2, 4, 3, 5, 6]
    assert Labels(profile.layers).layer(2) == "0.1 arm_convolve_1x1_s8_fast"
    assert Labels(None).activation(3) == ""


def test_the_budget_and_what_is_reserved_in_vain() -> None:
    profile = make_network_profile(10)
    memory = profile.memory
    assert memory is not None
    text = " ".join(render(profile).split())
    assert "655,360 bytes - 104,784 statics - 1,304 stacks - 1,536 heap = 547,736 left" in text
    reserved = 104_784 + 1_304 + 1_536
    spare = reserved - memory.peak_bytes
    assert f"reserved {reserved:,}: at least {spare:,} more than were ever live at once" in text
    memory.budget.sram_bytes = 100_000
    assert "= 7,624 too many" in " ".join(render(profile).split())


def test_what_was_live_at_the_peak_adds_up_to_it() -> None:
    profile = make_network_profile(10)
    assert profile.memory is not None
    assert sum(int(row["bytes"]) for row in rows_of(profile, "peak")) == profile.memory.peak_bytes


def test_what_lived_within_the_peaks_stretch_only_is_said() -> None:
    profile = make_network_profile(10)
    assert profile.memory is not None
    whole = render(profile, options=RenderOptions(show=("peak",), top=0))
    assert "within the stretch only" not in whole
    profile.memory.peak_bytes += 120
    stack = profile.memory.peak_buffers[-1]
    profile.memory.peak_buffers[-1] = replace(stack, end=stack.start + 65 * stack.live_bytes)
    text = render(profile, options=RenderOptions(show=("peak",), top=0, width=200))
    assert "120 bytes more lived within the stretch only; 'of bytes' is empty, and" in text
    assert f"{65 * stack.live_bytes:,}" not in text


def test_flash_by_use_adds_up_to_the_image() -> None:
    profile = make_network_profile(10)
    rows = {row["what"]: int(row["bytes"]) for row in rows_of(profile, "flash")}
    assert sum(rows.values()) == profile.image.flash_bytes
    assert rows["constants that one layer read: its weights"] == 18_432 + 4_600
    assert rows["constants that several layers read: tables"] == 1_000
    assert rows["code that never was"] == 2_204 + 16


def test_by_default_a_report_shows_what_the_profile_has() -> None:
    text = render(make_network_profile(10, findings=True))
    titles = ["Layers (", "Live at the peak", "What the sanitizer found", "Cycles by cause", "Functions by"]
    places = [text.index(title) for title in titles]
    assert places == sorted(places)
    assert "Arenas" not in text
    plain = render(make_profile())
    assert "Layers" not in plain
    assert "SRAM budget" not in plain


def test_show_shows_what_was_asked_for_alone() -> None:
    profile = make_network_profile(10)
    text = render(profile, options=RenderOptions(show=("statics", "arenas")))
    assert text.index("Arenas") < text.index("Statics by size")
    assert "Cycles by cause" not in text
    assert "Registers that nobody models" not in text
    assert "Call tree" in render(profile, options=RenderOptions(show=("layers",), tree=True))


@pytest.mark.parametrize("width", [60, 80, 100, 160, 250])
@pytest.mark.parametrize("shape", [(10, 1, 4), (60, 10, 0)])
def test_no_line_is_wider_than_the_terminal(width: int, shape: tuple[int, int, int]) -> None:
    layers, inferences, patches = shape
    profile = make_network_profile(layers, inferences=inferences, patches=patches, findings=True)
    for line in render(profile, options=RenderOptions(width=width, show=("all",))).splitlines():
        assert len(line) <= width, line
        assert line == line.rstrip()


@pytest.mark.parametrize("section", SECTIONS)
def test_each_section_is_one_table_of_csv(section: str) -> None:
    profile = make_network_profile(10, findings=True)
    if section == "tasks":
        pytest.skip("the fake has none")
    assert rows_of(profile, section)


def test_sections_groups_and_defaults_are_sections() -> None:
    named = {name for names in SECTION_GROUPS.values() for name in names} | set(DEFAULT_SECTIONS)
    assert named == set(SECTIONS)


def without(profile: Profile, part: str) -> Profile:
    """Return the profile without layers, memory, heap or findings."""
    if part in ("layers", "memory"):
        return replace(profile, **{part: None})
    assert profile.memory is not None
    return replace(profile, memory=replace(profile.memory, **{part: {"arenas": [], "findings": []}.get(part)}))


@pytest.mark.parametrize(
    ("profile", "options", "message"),
    [
        (make_profile(), {"show": ("layers",)}, "--show layers: no layers were found in this run: run"),
        (make_profile(), {"show": ("memory",)}, "--show memory: memory was not tracked in this run: run"),
        (without(make_network_profile(4), "heap"), {"show": ("heap",)}, "--show heap: the profile has no heap"),
        (make_network_profile(4), {"show": ("findings",)}, "the sanitizer was off: run 'mcusim"),
        (without(make_network_profile(4), "arenas"), {"show": ("arenas",)}, "no arena was recognised"),
        (make_network_profile(4), {"show": ("layer",)}, "unknown section 'layer': did you mean layers?"),
        (make_network_profile(4), {"inference": 2}, "--inference 2: there is one: give a number from 1 to 1"),
        (make_network_profile(4, inferences=3), {"inference": 4}, "--inference 4: there are 3: give a number"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_says_why(profile: Profile, options: dict[str, object], message: str) -> None:
    with pytest.raises(McusimError) as caught:
        render(profile, options=RenderOptions(**options))  # type: ignore[arg-type]
    assert message in str(caught.value)


@pytest.mark.parametrize("show", [("layers", "peak"), ("memory",)])
def test_csv_holds_one_section(show: tuple[str, ...]) -> None:
    with pytest.raises(McusimError, match="csv holds one table: --show one of layers, activations"):
        render(make_network_profile(4), "csv", options=RenderOptions(show=show))
    with pytest.raises(McusimError, match="csv holds one table: choose one of --tree"):
        render(make_network_profile(4), "csv", options=RenderOptions(show=("layers",), tree=True))


def test_without_layers_memory_is_shown_all_the_same() -> None:
    profile = make_network_profile(10)
    assert profile.memory is not None
    memory = profile.memory
    memory.timeline.activation = [-1] * len(memory.timeline.activation)
    for buffer in (*memory.buffers, *memory.peak_buffers):
        buffer.writer = buffer.reader = -1
    for symbol in memory.flash_symbols:
        symbol.layers = []
    profile.layers = None
    text = render(profile, options=RenderOptions(show=("memory", "flash"), width=160))
    assert "layer" not in text.lower()
    assert "constants that were read" in text


def test_a_group_leaves_out_what_there_is_not() -> None:
    profile = without(make_network_profile(10), "heap")
    text = render(profile, options=RenderOptions(show=("memory",)))
    assert "Heap by" not in text
    assert "Arenas" in text
    assert "Layers (" not in render(make_profile(), options=RenderOptions(show=("all",)))


def test_the_command_line_asks_for_sections(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.json"
    profile_io.save(make_network_profile(10, inferences=2), path)
    assert main(["report", str(path), "--show", "layers,arenas", "--inference", "2", "--layer-rows", "4"]) == 0
    text = capsys.readouterr().out
    assert "inference 2 of 2" in text
    assert "6 more layers" in text
    assert "Arenas" in text
    assert "Cycles by cause" not in text
    assert main(["report", str(path), "--show", "layres"]) == 2
    assert "unknown section 'layres': did you mean layers" in capsys.readouterr().err
