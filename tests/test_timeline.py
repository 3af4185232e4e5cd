# SPDX-License-Identifier: Apache-2.0
"""The memory timeline in the terminal: it is as high as what was live, in every column, and says where the peak is."""

from __future__ import annotations

import csv
import io
import re
import sys

import memory_values
import pytest
from fakes import make_profile
from fakes_memory import make_network_profile
from hypothesis import given, settings
from hypothesis import strategies as st

from mcusim.cli import console
from mcusim.errors import McusimError
from mcusim.profile import Profile
from mcusim.reports import RenderOptions, render
from mcusim.reports.layer_names import in_order
from mcusim.reports.span import span_of
from mcusim.reports.table import Chart
from mcusim.reports.timeline import LEAST_WIDTH, ROWS, timeline_table

EIGHTHS = " ▁▂▃▄▅▆▇"
SHADES = "█▓▒░▚"


def drawn(profile: Profile, width: int, options: RenderOptions | None = None) -> list[str]:
    """Return the lines of the chart as plain text."""
    chart = timeline_table(profile, options or RenderOptions(), audience="people")
    assert isinstance(chart, Chart)
    return ["".join(text for text, _ in pieces) for pieces in chart.draw(width)]


def heights(lines: list[str]) -> tuple[list[int], int]:
    """Return how high each column is, in eighths of a character, and the column of the marker."""
    start = lines[1].index("┤") + 1
    rows = [line[start:] for line in lines[1 : ROWS + 1]][::-1]
    size = max(map(len, rows))
    found = []
    for column in range(size):
        cells = [row[column] if column < len(row) else " " for row in rows]
        eighths = [8 if cell in SHADES else EIGHTHS.index(cell) for cell in cells]
        assert eighths == sorted(eighths, reverse=True), "nothing hovers"
        found.append(sum(eighths))
    return found, lines[0].index("▼") - start


def naive(profile: Profile, size: int, options: RenderOptions) -> list[int]:
    """Return the most bytes live in each column, by looking at all stretches for each of them."""
    assert profile.memory is not None
    timeline, span = profile.memory.timeline, span_of(profile, options.inference)
    whole = span.end_cycles - span.start_cycles
    ends = [*timeline.start_cycles[1:], span.end_cycles]
    most = [0] * size
    for start, end, live in zip(timeline.start_cycles, ends, timeline.live_bytes, strict=True):
        if start >= span.end_cycles or (end <= span.start_cycles and end != ends[-1]):
            continue
        start = max(start, span.start_cycles)
        first, last = (
            (start - span.start_cycles) * size // whole,
            (max(start, end - 1) - span.start_cycles) * size // whole,
        )
        for column in range(min(size - 1, first), min(size - 1, last) + 1):
            most[column] = max(most[column], live)
    return most


@pytest.mark.parametrize("width", [60, 72, 100, 200])
@pytest.mark.parametrize("inference", [None, 2])
def test_every_column_is_as_high_as_what_was_live(width: int, inference: int | None) -> None:
    profile, options = make_network_profile(20, inferences=3), RenderOptions(inference=inference)
    assert profile.memory is not None
    lines = drawn(profile, width, options)
    assert all(len(line) <= width for line in lines)
    found, marker = heights(lines)
    most = naive(profile, len(found), options)
    scale = 8 * ROWS / max(most)
    assert found == [max(round(live * scale), 1 if live else 0) for live in most]
    assert found[marker] == 8 * ROWS
    assert re.match(rf" *{max(most):,} ┤", lines[1])


@settings(max_examples=40)
@given(st.data(), st.integers(60, 120))
def test_any_memory_can_be_drawn(data: st.DataObject, width: int) -> None:
    profile = make_profile()
    profile.memory = data.draw(memory_values.memory(0, 0))
    if any(profile.memory.timeline.live_bytes):
        text = render(profile, options=RenderOptions(show=("timeline",), width=width))
        assert all(len(line) <= width for line in text.splitlines())


def test_numbers_of_layers_stand_where_they_run() -> None:
    profile = make_network_profile(8)
    assert profile.layers is not None
    lines = drawn(profile, 120)
    strip = next(line for line in lines if line.lstrip().startswith("layer "))
    start, size = lines[1].index("┤") + 1, len(lines[ROWS + 1]) - lines[1].index("┤") - 1
    span = span_of(profile)
    shown = {match[0]: match.start() - start for match in re.finditer(r"\d+", strip)}
    assert len(shown) >= 6
    numbers = {place.number: place.layer for place in in_order(profile.layers)}
    for number, column in shown.items():
        (run,) = [run for run in profile.layers.activations if run.layer == numbers[number]]
        cycles = [(at - span.start_cycles) * size / (span.end_cycles - span.start_cycles) for at in
                  (run.start_cycles, run.end_cycles)]  # fmt: skip
        assert cycles[0] - 1 <= column <= cycles[1]


def test_it_is_in_the_default_report_where_there_is_room() -> None:
    profile = make_network_profile(8)
    assert "SRAM over time, at most" in render(profile, options=RenderOptions(width=LEAST_WIDTH))
    assert "SRAM over time" not in render(profile, options=RenderOptions(width=LEAST_WIDTH - 1))
    assert "SRAM over time" in render(profile, options=RenderOptions(width=LEAST_WIDTH - 1, show=("timeline",)))
    assert "SRAM over time" not in render(make_profile())
    with pytest.raises(McusimError, match="--show timeline: memory was not tracked"):
        render(make_profile(), options=RenderOptions(show=("timeline",)))


def test_nothing_live_is_said() -> None:
    profile = make_network_profile(8)
    assert profile.memory is not None
    profile.memory.timeline.live_bytes = [0] * len(profile.memory.timeline.live_bytes)
    with pytest.raises(McusimError, match="no byte of SRAM was ever live"):
        render(profile, options=RenderOptions(show=("timeline",)))


def test_colour_changes_no_character() -> None:
    options = {color: RenderOptions(show=("timeline",), color=color) for color in (False, True)}
    profile = make_network_profile(8)
    colored = render(profile, options=options[True])
    assert "\x1b[36m" in colored  # cyan: the arena
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render(profile, options=options[False])


def test_a_terminal_without_blocks_gets_plain_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    text = render(make_network_profile(8), options=RenderOptions(show=("timeline",)))
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    console.write(text)
    stream.seek(0)
    plain = stream.read()
    assert plain.count("?") == text.count("?")
    assert re.search(r"v\n +[\d,]+ \|.*#", plain)


def test_csv_has_every_stretch() -> None:
    profile = make_network_profile(8)
    assert profile.memory is not None
    rows = list(csv.DictReader(io.StringIO(render(profile, "csv", options=RenderOptions(show=("timeline",))))))
    timeline = profile.memory.timeline
    assert [int(row["live_bytes"]) for row in rows] == timeline.live_bytes
    assert [int(row["start_cycles"]) for row in rows] == timeline.start_cycles
    for row in rows:
        assert sum(int(row[key]) for key in row if re.fullmatch("(arena|statics|heap|stack|other)_bytes", key)) >= int(
            row["live_bytes"]
        )
