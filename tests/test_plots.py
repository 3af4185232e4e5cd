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
from mcusim.plots.addresses import fold
from mcusim.plots.layer_memory import split
from mcusim.plots.page import drawable, fitted, legend_shape, styled, text_width
from mcusim.profile import Profile
from mcusim.profile_memory import Arena, Buffer

SHAPES = [(10, 1, 4), (60, 10, 0), (200, 1, 0)]  # layers, inferences, layers in a patch stage
BY_KIND = st.sampled_from(sorted(KINDS))


def figure_of(profile: Profile, kind: str, inference: int | None = None) -> Figure:
    """Return the picture before it becomes bytes."""
    with styled():
        module = import_module(f"mcusim.plots.{KINDS[kind].module}")
        figure: Figure = module.draw(profile, PlotOptions(inference))
        return figure


def texts(profile: Profile, kind: str, inference: int | None = None) -> list[tuple[str, Bbox]]:
    """Return the texts that are drawn, and where, in inches."""
    drawn: list[Text] = []
    draw = Text.draw

    def note(text: Text, *rest: Any) -> None:
        drawn.append(text)
        draw(text, *rest)

    with pytest.MonkeyPatch.context() as patch, styled():
        figure = figure_of(profile, kind, inference)
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
    for kind in ("map", "memory") if shape[0] == 10 else ("map",):
        assert len(ids(profile, kind, "buffer-")) == len(profile.memory.buffers)
        assert len(ids(profile, kind, "band-layer")) == len(profile.layers.activations)
        assert len(ids(profile, kind, "band-inference")) == (shape[1] if shape[1] > 1 else 0)


def test_zones_levels_and_the_peak_are_in_the_timeline() -> None:
    profile = make_network_profile(10)
    assert ids(profile, "timeline", "zone-") == ["zone-arena", "zone-statics", "zone-heap", "zone-stack"]
    assert ids(profile, "timeline", "level-") == ["level-reserved"]
    seen = " ".join(text for text, _ in texts(profile, "timeline"))
    assert profile.memory is not None
    assert f"peak: {profile.memory.peak_bytes:,} bytes live\nin 3 arm_elementwise_add_s8" in seen
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
            assert sum(split(profile, memory, at)) == run.live_peak_bytes
    add = next(at for at, run in enumerate(layers.activations) if run.layer == 4)  # a residual: it reads two tensors
    inputs, kept, scratch, output, _, other = split(profile, memory, add)
    reads = [each for each in memory.buffers if each.reader == add and each.writer != add]
    assert inputs == sum(each.end - each.start for each in reads)
    assert len(reads) == 2
    assert (kept, scratch) == (0, 0)
    assert output == next(each.end - each.start for each in memory.buffers if each.writer == add)
    assert other == 512  # the table that is outside of layers


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


# Parts


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 900)), min_size=1, max_size=12))
def test_folded_addresses_keep_the_order_and_every_span_whole(spans: list[tuple[int, int]]) -> None:
    pieces = [(start, start + size) for start, size in spans]
    axis = fold(pieces)
    for start, end in pieces:
        assert axis.y(end) - axis.y(start) == end - start
    ends = sorted({edge for piece in pieces for edge in piece})
    places = [axis.y(edge) for edge in ends]
    assert places == sorted(places)
    assert 0 <= places[0] <= places[-1] <= axis.height_bytes


def test_a_large_gap_is_left_out_and_a_small_one_kept() -> None:
    assert fold([(0, 1_000), (1_100, 2_000)]).pieces == ((0, 2_000),)
    assert fold([(0, 1_000), (9_000, 10_000)]).pieces == ((0, 1_000), (9_000, 10_000))
    assert fold([]).height_bytes == 1


@given(st.text(max_size=60), st.floats(0, 300))
def test_a_text_that_was_fitted_fits(text: str, points: float) -> None:
    shorter = fitted(text, points, 7)
    assert text_width(shorter, 7) <= points
    assert shorter == drawable(shorter)


def test_a_legend_has_as_many_columns_as_fit() -> None:
    assert legend_shape(["arena", "stack"], 7) == (2, 1)
    assert legend_shape(["a name that is quite long indeed"] * 5, 4)[0] == 2


def test_colours_of_an_order_get_lighter_and_ink_is_readable() -> None:
    colors = palette.of_layers(40)
    lightness = [sum(int(color[at : at + 2], 16) * part for at, part in ((1, 3), (3, 6), (5, 1))) for color in colors]
    assert lightness == sorted(lightness)
    assert palette.ink_on(colors[0]) == "white"
    assert palette.ink_on(colors[-1]) == "black"
    assert palette.of_layers(3) == list(palette.CATEGORIES[:3])


# The command


def test_the_command_writes_the_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile_io.save(make_network_profile(10), tmp_path / "run.json")
    for ending, magic in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF"), (".PNG", b"\x89PNG")):
        picture = tmp_path / f"picture{ending}{ending}"
        assert main(["plot", str(tmp_path / "run.json"), "-o", str(picture), "--kind", "layers"]) == 0
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
