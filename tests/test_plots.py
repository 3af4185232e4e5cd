# SPDX-License-Identifier: Apache-2.0
"""Pictures of networks built by hand: each rectangle is there, no text is cut or lies on another, the same bytes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from conftest import LONG
from fakes import LONG_NAME, make_profile
from fakes_memory import make_network_profile
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from test_profile_io import profiles

import mcusim.plots
from mcusim import profile_io
from mcusim.cli import main
from mcusim.errors import McusimError
from mcusim.plots import DEFAULT_KIND, ENDINGS, KINDS, PlotOptions, palette, render_plot
from mcusim.plots.layer_memory import split
from mcusim.plots.page import styled
from mcusim.plots.scene import span_of
from mcusim.profile import ClockPhase, Profile
from mcusim.profile_memory import Arena, Buffer, Timeline

SHAPES = [(10, 1, 4), (60, 10, 0), *([(200, 1, 0)] if LONG else [])]  # layers, inferences, layers in a patch stage
BY_KIND = st.sampled_from(sorted(KINDS))


def figure_of(profile: Profile, kind: str, inference: int | None = None, **wanted: Any) -> Figure:
    """Return the picture before it becomes bytes."""
    with styled():
        module = import_module(f"mcusim.plots.{KINDS[kind].module}")
        figure: Figure = module.draw(profile, PlotOptions(inference, **wanted))
        return figure


def texts(profile: Profile, kind: str, inference: int | None = None, **wanted: Any) -> list[tuple[str, Bbox]]:
    """Return the texts that are drawn, and where, in inches."""
    drawn: list[Text] = []
    draw = Text.draw

    def note(text: Text, *rest: Any) -> None:
        drawn.append(text)
        draw(text, *rest)

    with pytest.MonkeyPatch.context() as patch, styled():
        figure = figure_of(profile, kind, inference, **wanted)
        patch.setattr(Text, "draw", note)
        FigureCanvasAgg(figure).draw()
        shown = {id(each): each for each in drawn if each.get_visible() and each.get_text().strip()}.values()
        boxes = [(each.get_text(), Text.get_window_extent(each).extents / figure.dpi) for each in shown]
    return [(text, Bbox.from_extents(*extents)) for text, extents in boxes]


def ids(profile: Profile, kind: str, start: str) -> list[str]:
    """Return the names of the shapes of an SVG that start so."""
    svg = render_plot(profile, kind, "svg").decode()
    return re.findall(rf'id="({start}[^"]*)"', svg)


def awkward() -> Profile:
    """A profile whose names are long, odd, or hold what a font or mathematics would trip over."""
    profile = make_network_profile(12, patches=3)
    assert profile.layers is not None
    assert profile.memory is not None
    for at, layer in enumerate(profile.layers.layers):
        layer.name = (LONG_NAME, "$x_{1}^2$ \U0001f600\x1b[2J", "f")[at % 3]
        layer.kind = ""
    profile.image.name = "a_long_file_name_" * 9
    memory = profile.memory
    memory.budget.sram_bytes = 128 << 10
    memory.arenas.append(Arena("second" * 30, 0x2003_0000, 4_096, 4_096, 3_000))
    for at, address in enumerate((0x2000_0300, 0x2000_2000, 0x2004_0000, 0x2004_0010, 0x2005_0000, 0x2006_0000)):
        memory.buffers.append(
            Buffer(address, address + 40 * at + 8, "statics", f"v{at}", at % 3 - 1, -1, at * 10**6, 10**7)
        )
    memory.buffers.append(Buffer(0x2007_0000, 0x2007_0100, "other", LONG_NAME, 2, 3, 10**6, 10**7))
    return profile


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [*SHAPES, None], ids=str)
def test_no_text_is_cut_at_the_edge_or_written_across_another(kind: str, shape: tuple[int, int, int] | None) -> None:
    profile = awkward()
    if shape is not None:
        profile = make_network_profile(shape[0], inferences=shape[1], patches=shape[2])
    width, height = figure_of(profile, kind).get_size_inches()
    seen = texts(profile, kind)
    assert len(seen) > 10
    for text, box in seen:
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= width, text
        assert box.y1 <= height, text
    smaller = [(text, box.shrunk(0.94, 0.8)) for text, box in seen]
    for at, (text, box) in enumerate(smaller):
        for other, beside in smaller[at + 1 :]:
            assert not box.overlaps(beside), (text, other)


@pytest.mark.parametrize("shape", [(10, 1, 4), (60, 1, 8), (12, 3, 0)], ids=str)
def test_every_buffer_is_a_rectangle_and_every_run_of_a_layer_a_band(shape: tuple[int, int, int]) -> None:
    profile = make_network_profile(shape[0], inferences=shape[1], patches=shape[2])
    assert profile.memory is not None
    assert profile.layers is not None
    shown = [each for each in profile.memory.buffers if each.zone == "arena"]
    for kind in ("map", "memory") if shape[0] == 10 else ("map",):
        assert len(ids(profile, kind, "buffer-")) == len(shown)
        assert "not shown: heap, 1,024 bytes; statics, 512 bytes" in {text for text, _ in texts(profile, kind)}
        assert len(ids(profile, kind, "band-layer")) == len(profile.layers.activations)
        assert len(ids(profile, kind, "band-inference")) == (shape[1] if shape[1] > 1 else 0)


def test_zones_levels_and_the_peak_are_in_the_timeline() -> None:
    profile = make_network_profile(10)
    assert ids(profile, "timeline", "zone-") == ["zone-arena", "zone-statics", "zone-heap", "zone-stack"]
    assert ids(profile, "timeline", "level-") == ["level-reserved"]
    seen = " ".join(text for text, _ in texts(profile, "timeline"))
    assert profile.memory is not None
    assert f"peak: {profile.memory.peak_bytes:,} bytes live\nin 3 add" in seen
    assert "reserved: 107,624 bytes" in seen
    assert "655,360 bytes of SRAM, 6.1 times the dashed line" in seen
    profile.memory.budget.sram_bytes = 128 << 10
    assert ids(profile, "timeline", "level-") == ["level-reserved", "level-limit"]


def test_each_bar_of_cycles_is_there_by_cause() -> None:
    profile = make_network_profile(10)
    assert profile.layers is not None
    drawn = ids(profile, "cycles", "bar-")
    assert len(drawn) == sum(sum(1 for cycles in layer.causes.values() if cycles) for layer in profile.layers.layers)
    seen = " ".join(text for text, _ in texts(profile, "cycles"))
    assert "0 arm_convolve_s8" in seen
    assert "load" in seen


def test_more_causes_than_colours_end_in_a_hatched_rest() -> None:
    profile = make_network_profile(4)
    assert profile.layers is not None
    for layer in profile.layers.layers:
        layer.causes = {f"cause{at}": 1_000 - at for at in range(12)}
    profile.totals.causes = {f"cause{at}": 4_000 - 4 * at for at in range(12)}
    profile.cause_titles = {}
    seen = {text for text, _ in texts(profile, "cycles")}
    assert "other causes" in seen
    assert len({text for text in seen if re.fullmatch(r"cause\d+", text)}) == len(palette.CATEGORIES)


def test_the_parts_of_a_layers_peak_add_up_to_it() -> None:
    profile = make_network_profile(12, patches=2)
    memory, layers = profile.memory, profile.layers
    assert memory is not None
    assert layers is not None
    for at, run in enumerate(layers.activations):
        if run.layer:
            parts, rest_bytes = split(profile, memory, at)
            assert (sum(parts), rest_bytes) == (run.live_peak_bytes, 0)
    add = next(at for at, run in enumerate(layers.activations) if run.layer == 4)  # a residual: it reads two tensors
    (inputs, kept, scratch, output, _, other), _ = split(profile, memory, add)
    reads = [each for each in memory.buffers if each.reader == add and each.writer != add]
    assert inputs == sum(each.end - each.start for each in reads)
    assert len(reads) == 2
    assert (kept, scratch) == (0, 0)
    assert output == next(each.end - each.start for each in memory.buffers if each.writer == add)
    assert other == 512  # the table that is outside of layers


@given(st.integers(0, 200_000))
def test_bars_are_as_high_as_what_was_live_and_no_higher_than_what_exists(live_bytes: int) -> None:
    profile = make_network_profile(6)
    assert profile.memory is not None
    assert profile.layers is not None
    for at, run in enumerate(profile.layers.activations):
        whole_bytes = run.live_peak_bytes
        run.live_peak_bytes = live_bytes
        parts, rest_bytes = split(profile, profile.memory, at)
        assert sum(parts) == live_bytes
        assert min(parts) >= 0
        assert rest_bytes == max(0, whole_bytes - live_bytes)


@pytest.mark.parametrize(
    ("output", "peak", "parts", "rest_bytes"),
    [
        ((0, 900), 0, (100, 0, 50, 900, 6, 0), 0),  # in place: what both have is the output's
        ((1_000, 1_900), 0, (1_000, 0, 50, 0, 6, 0), 900),  # the peak is when the layer begins: nothing is written yet
        ((1_000, 1_900), 9, (100, 0, 50, 900, 6, 0), 900),  # when it ends: most of the input is used up
    ],
)
def test_an_address_counts_once_and_the_time_of_the_peak_tells_input_from_output(
    output: tuple[int, int], peak: int, parts: tuple[int, ...], rest_bytes: int
) -> None:
    profile = make_network_profile(4)
    memory, layers = profile.memory, profile.layers
    assert memory is not None
    assert layers is not None
    run = layers.activations[1]
    run.start_cycles, run.end_cycles, run.live_peak_bytes = 1_000, 2_000, 1_056
    memory.buffers = [
        Buffer(0, 1_000, "arena", "buffer", 0, 1, 500, 2_000),
        Buffer(*output, "arena", "buffer", 1, 2, 1_000, 3_000),
        Buffer(5_000, 5_050, "arena", "buffer", 1, 1, 1_000, 2_000),
    ]
    live = [1_056 if at == peak else 900 for at in range(10)]
    memory.timeline = Timeline([1_000 + 100 * at for at in range(10)], [1] * 10, live, live, live, live,
                               {"stack": [6] * 10})  # fmt: skip
    found, rest = split(profile, memory, 1)
    assert rest == rest_bytes
    near = 60 if rest_bytes else 0  # the peak's stretch has a length
    assert all(abs(one - other) <= near for one, other in zip(found, parts, strict=True)), found


def test_what_is_not_live_stands_hatched_on_the_bar_and_the_number_is_what_is_live() -> None:
    profile = make_network_profile(4)
    assert profile.layers is not None
    assert not ids(profile, "layers", "rest-")
    profile.layers.activations[2].live_peak_bytes -= 5_000
    assert ids(profile, "layers", "rest-") == ["rest-2"]
    seen = {text for text, _ in texts(profile, "layers")}
    assert f"{profile.layers.activations[2].live_peak_bytes:,}" in seen
    assert "same buffers, not live then" in seen


def test_a_title_is_the_readers_and_none_leaves_no_gap() -> None:
    profile = make_network_profile(4)
    for kind in KINDS:
        assert any(text.endswith(" on nucleo-l4r5zi") for text, _ in texts(profile, kind))
        assert "mine" in {text for text, _ in texts(profile, kind, title="mine")}
        without = figure_of(profile, kind, title="")
        assert without.get_size_inches()[1] < figure_of(profile, kind).get_size_inches()[1]
        assert not any(text.endswith(" on nucleo-l4r5zi") for text, _ in texts(profile, kind, title=""))


def hairlines(inferences: int, gap_cycles: int) -> Profile:
    """A run in which inferences of 12,000 cycles are far apart."""
    profile = make_network_profile(4, inferences=inferences)
    assert profile.layers is not None
    for at, run in enumerate(profile.layers.activations):
        run.start_cycles = 5_000_000 + gap_cycles * run.inference + 3_000 * (at % 4)
        run.end_cycles = run.start_cycles + 3_000
    return profile


@pytest.mark.parametrize(
    ("inferences", "gap_cycles", "note", "end_cycles"),
    [
        (2, 20_000, "(only the time of layers: they take 0.2% of the run)", 5_032_000),
        (2, 2_000_000, "(only inference 1 of 2: layers take 0.2% of the run)", 5_012_000),
        (1, 0, "(only the time of layers: they take 0.1% of the run)", 5_012_000),
    ],
)
def test_layers_that_would_be_hairlines_fill_the_picture(
    inferences: int, gap_cycles: int, note: str, end_cycles: int
) -> None:
    profile = hairlines(inferences, gap_cycles)
    if inferences > 1:
        assert profile.layers is not None
        profile.layers.activations[0].live_peak_bytes = 10**6
    span = span_of(profile, PlotOptions())
    assert (span.start_cycles, span.end_cycles) == pytest.approx((5_000_000, end_cycles), abs=1_000)
    assert any(note in text for text, _ in texts(profile, "timeline"))
    whole = span_of(profile, PlotOptions(whole=True))
    assert (whole.start_cycles, whole.note) == (0, "")
    assert span_of(profile, PlotOptions(1)).note == ""


def test_the_legend_has_what_can_be_seen() -> None:
    profile = make_network_profile(4)
    assert profile.memory is not None
    assert "heap" in {text for text, _ in texts(profile, "timeline")}
    live = profile.memory.timeline.live_by_zone["heap"]
    profile.memory.timeline.live_by_zone["heap"] = [min(each, 40) for each in live]
    assert "heap" not in {text for text, _ in texts(profile, "timeline")}


def test_milliseconds_stand_below_cycles_where_one_clock_ran_the_layers() -> None:
    profile = make_network_profile(4)  # layers begin at 600,000 cycles
    assert "ms since reset, at 20 MHz" in {text for text, _ in texts(profile, "timeline")}
    profile.totals.clock = [ClockPhase(0, 4_000_000), ClockPhase(400_000, 40_000_000)]
    figure = figure_of(profile, "map")
    axes = next(each for each in figure.axes if each.get_xlabel() == "ms since reset, at 40 MHz")
    found = {label.get_text(): x for label, x in zip(axes.get_xticklabels(), axes.get_xticks(), strict=True)}
    assert found["200"] == pytest.approx((400_000 + 100e-3 * 40e6) / 1e6)  # 100 ms pass before the clock is faster
    profile.totals.clock = [ClockPhase(0, 4_000_000), ClockPhase(5_000_000, 40_000_000)]
    assert not any("ms since" in text for text, _ in texts(profile, "timeline"))


def test_a_layer_has_one_label_in_a_picture_and_no_number_looks_like_a_decimal() -> None:
    seen = [text for text, _ in texts(make_network_profile(8, patches=3), "memory") if "\u2026" not in text]
    labels = [found for text in seen if (found := re.match(r"(\d+(?:/\d+)?) ([a-z]\w+)", text))]
    kinds: dict[str, set[str]] = {found[1]: set() for found in labels}
    for found in labels:
        kinds[found[1]].add(found[2])
    assert len(labels) > len(kinds) > 3
    assert all(len(each) == 1 for each in kinds.values()), kinds
    wide = make_network_profile(60, patches=30)
    for kind in ("cycles", "flash", "layers"):
        ticks = [label.get_text() for label in figure_of(wide, kind).axes[0].get_xticklabels()]
        assert 5 <= len(ticks) <= 30
        assert any("/" in text for text in ticks)
        assert all(re.fullmatch(r"\d+(/\d+)?", text) for text in ticks)


def test_one_inference_of_several_is_shown_alone() -> None:
    profile = make_network_profile(10, inferences=4)
    whole, third = figure_of(profile, "memory"), figure_of(profile, "memory", 3)
    assert "inference 3 of 4" in " ".join(text for text, _ in texts(profile, "memory", 3))
    assert third.axes[0].get_xlim()[0] > whole.axes[0].get_xlim()[0]


@pytest.mark.parametrize("ending", ENDINGS.values())
def test_the_same_profile_gives_the_same_bytes(ending: str) -> None:
    profile = make_network_profile(10, inferences=2)
    assert render_plot(profile, "memory", ending) == render_plot(
        make_network_profile(10, inferences=2), "memory", ending
    )


def test_neither_the_process_nor_the_users_settings_change_the_bytes(tmp_path: Path) -> None:
    profile_io.save(make_network_profile(10), tmp_path / "run.json")
    (tmp_path / "matplotlibrc").write_text("axes.facecolor: red\nfont.size: 30\nsvg.hashsalt: other\n")
    for at, extra in enumerate(({"PYTHONHASHSEED": "1"}, {"MATPLOTLIBRC": str(tmp_path), "MPLBACKEND": "svg"})):
        command = [
            sys.executable,
            "-m",
            "mcusim",
            "plot",
            str(tmp_path / "run.json"),
            "-o",
            str(tmp_path / f"{at}.svg"),
        ]
        subprocess.run(command, check=True, capture_output=True, env=os.environ | extra)
    assert (tmp_path / "0.svg").read_bytes() == (tmp_path / "1.svg").read_bytes()
    assert b"<dc:date>" not in (tmp_path / "0.svg").read_bytes()


@settings(max_examples=25)
@given(profiles(), BY_KIND, st.none() | st.integers(1, 3))
def test_any_profile_is_drawn_or_refused_in_one_line(profile: Profile, kind: str, inference: int | None) -> None:
    try:
        picture = render_plot(profile, kind, "svg", options=PlotOptions(inference))
    except McusimError as error:
        picture = b"<?xml" + str(error).encode()
    assert picture.startswith(b"<?xml")


def test_the_table_of_kinds_and_the_folder_agree() -> None:
    folder = Path(mcusim.plots.__file__).parent
    modules = {path.stem for path in folder.glob("*.py") if "\ndef draw(profile: Profile, options" in path.read_text()}
    assert modules == {kind.module for kind in KINDS.values()}
    assert DEFAULT_KIND in KINDS


def empty(**parts: Any) -> Profile:
    """Return a network's profile with parts of its memory replaced."""
    profile = make_network_profile(4)
    assert profile.memory is not None
    return replace(profile, memory=replace(profile.memory, **parts))


@pytest.mark.parametrize(
    ("profile", "kind", "inference", "message"),
    [
        (make_profile(), "memory", None, "--kind memory: memory was not tracked in this run: run"),
        (make_profile(), "cycles", None, "--kind cycles: no layers were found in this run: run"),
        (make_network_profile(4), "timelime", None, "unknown kind of picture 'timelime': did you mean timeline?"),
        (make_network_profile(4), "memory", 2, "--inference 2: there is one"),
        (make_network_profile(4, inferences=2), "cycles", 2, "causes are counted over all inferences, not for each"),
        (empty(buffers=[]), "map", None, "no buffer was live in what would be shown: try --kind timeline"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_says_why(profile: Profile, kind: str, inference: int | None, message: str) -> None:
    with pytest.raises(McusimError) as caught:
        render_plot(profile, kind, "svg", options=PlotOptions(inference))
    assert message in str(caught.value)


def test_without_buffers_or_layers_the_curve_is_drawn() -> None:
    assert not ids(empty(buffers=[]), "memory", "buffer-")
    profile = make_network_profile(4)
    assert profile.memory is not None
    profile.layers = None
    profile.memory.timeline.activation = [-1] * len(profile.memory.timeline.activation)
    for buffer in profile.memory.buffers:
        buffer.writer = buffer.reader = -1
    assert ids(profile, "memory", "buffer-")
    assert not ids(profile, "memory", "band-")


# The command


def test_the_command_writes_the_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile_io.save(make_network_profile(10), tmp_path / "run.json")
    for ending, magic in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF"), (".PNG", b"\x89PNG")):
        picture = tmp_path / f"picture{ending}{ending}"
        words = ["plot", str(tmp_path / "run.json"), "-o", str(picture), "--kind", "layers", "--title", "", "--whole"]
        assert main(words) == 0
        assert picture.read_bytes().startswith(magic)
    assert f"wrote {picture}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "memory.bmp"], "memory.bmp: not the name of a picture: let it end in .png, .svg, .pdf"),
        (["-o", "memory"], "memory: not the name of a picture"),
        (["-o", "m.png", "--kind", "flsh"], "unknown kind of picture 'flsh': did you mean flash?"),
        (["--kind", "flash"], "the following arguments are required: -o/--output"),
        (["-o", "m.png"], "memory was not tracked in this run: run 'mcusim profile' with --memory on"),
        (["-o", "run.json"], "run.json: not the name of a picture"),
        (["-o", "there.svg"], "there.svg: exists already"),
    ],
)
def test_bad_words_are_one_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    profile_io.save(make_profile(), Path("run.json"))
    Path("there.svg").write_text("")
    assert main(["plot", "run.json", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
