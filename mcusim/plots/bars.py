# SPDX-License-Identifier: Apache-2.0
"""A stacked bar for each layer: names below them where there is room, elsewhere numbers and a list of the largest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mcusim.plots.page import (
    GREY,
    LEFT,
    POINTS,
    RIGHT,
    SMALL_SIZE,
    Page,
    drawable,
    fitted,
    legend_height,
    text_width,
)
from mcusim.plots.scene import TITLE, TITLE_MARGIN

_HEIGHT = 2.6  # of the bars, in inches
_LEAST_WIDTH, _MOST_WIDTH = 6.5, 11.0
_BAR_WIDTH = 0.19  # of one with a name, in inches
_MOST_NAMED = 50
_LONGEST_NAME = 110.0  # in points
_MOST_VALUES = 24
_LARGEST = 5
_HEADROOM = 1.13
_MOST_NUMBERED = 30  # bars with a number, where they have no name
_REST: Any = {"facecolor": "#F7F7F7", "edgecolor": "#AAAAAA", "hatch": "....", "linewidth": 0.4}


@dataclass(frozen=True)
class Part:
    """What is stacked: its name in the legend, its colour, and a hatch where colours do not suffice."""

    name: str
    color: str
    hatch: str = ""


@dataclass(frozen=True)
class Bar:
    """One layer: its number, its name, how much there is of each part, and what stands on them, hatched (`rest`)."""

    number: str
    name: str
    values: tuple[float, ...]
    rest: float = 0.0

    @property
    def whole(self) -> float:
        """The sum of the parts, without the rest."""
        return sum(self.values)

    @property
    def top(self) -> float:
        """How high the bar is with the rest."""
        return self.whole + self.rest


@dataclass(frozen=True)
class Chart:
    """Bars and what is written around them. `unit` divides the values; `written` says what stands above a bar."""

    title: str
    parts: list[Part]
    bars: list[Bar]
    unit: float
    unit_name: str
    written: list[str]
    lines: list[tuple[float, str]]  # levels across the picture, and what they are
    notes: list[str]
    rest: str = ""  # what the rest of a bar is, for the legend


def draw_chart(chart: Chart) -> Figure:
    """Return the picture."""
    count = len(chart.bars)
    named = count <= _MOST_NAMED
    width = min(_MOST_WIDTH, max(_LEAST_WIDTH, LEFT + RIGHT + _BAR_WIDTH * count if named else _MOST_WIDTH))
    names = [fitted(f"{bar.number} {bar.name}", _LONGEST_NAME, SMALL_SIZE) for bar in chart.bars]
    below = (max(text_width(name, SMALL_SIZE) for name in names) / POINTS + 0.04) if named else 0.3
    notes = _notes(chart, named)
    parts = [part for at, part in enumerate(chart.parts) if any(bar.values[at] for bar in chart.bars)]
    inner = width - LEFT - RIGHT
    key = [(part.name, _patch(part)) for part in parts]
    if any(bar.rest for bar in chart.bars):
        key.append((chart.rest, Patch(**_REST)))
    legend = legend_height([name for name, _ in key], inner)
    wrapped = [line for note in notes for line in _wrapped(note, (width - 0.4) * POINTS)]
    page = Page(
        width,
        (TITLE if chart.title else TITLE_MARGIN)
        + _HEIGHT
        + below
        + legend
        + 0.1
        + len(wrapped) * 1.5 * SMALL_SIZE / POINTS
        + 0.12,
    )
    page.title(chart.title)
    axes = page.axes(_HEIGHT)
    _draw_bars(axes, chart)
    _draw_values(axes, page, chart)
    _draw_lines(axes, page, chart)
    _label_bars(axes, page, chart, names if named else None)
    page.space(below + 0.1)
    page.legend(key)
    page.space(0.04)
    for line in wrapped:
        page.text(line, size=SMALL_SIZE, color=GREY)
    return page.figure


def _patch(part: Part) -> Artist:
    return Patch(facecolor=part.color, hatch=part.hatch, edgecolor="white" if part.hatch else "none", linewidth=0)


def _draw_bars(axes: Axes, chart: Chart) -> None:
    top = max([bar.top for bar in chart.bars] + [level for level, _ in chart.lines]) / chart.unit or 1.0
    for at, bar in enumerate(chart.bars):
        bottom = 0.0
        for index, (part, value) in enumerate(zip(chart.parts, bar.values, strict=True)):
            if not value:
                continue
            shape = Rectangle((at - 0.4, bottom), 0.8, value / chart.unit, facecolor=part.color, hatch=part.hatch,
                              edgecolor="white" if part.hatch else "none", linewidth=0)  # fmt: skip
            shape.set_gid(f"bar-{at}-{index}")
            axes.add_patch(shape)
            bottom += value / chart.unit
        if bar.rest:
            rest = Rectangle((at - 0.4, bottom), 0.8, bar.rest / chart.unit, **_REST)
            rest.set_gid(f"rest-{at}")
            axes.add_patch(rest)
    axes.set_xlim(-0.7, len(chart.bars) - 0.3)
    axes.set_ylim(0, top * _HEADROOM)
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.set_ylabel(chart.unit_name, labelpad=3)


def _draw_values(axes: Axes, page: Page, chart: Chart) -> None:
    """Write above each bar how much it is, where all have room; else above the largest alone."""
    room = 0.97 * page.inner * POINTS / (len(chart.bars) + 0.4)
    fits = len(chart.bars) <= _MOST_VALUES and all(text_width(text, SMALL_SIZE) <= room for text in chart.written)
    largest = max(range(len(chart.bars)), key=lambda at: (chart.bars[at].whole, -at))
    for at, text in enumerate(chart.written):
        if text and (fits or at == largest):
            reach = 0 if fits else int(text_width(text, SMALL_SIZE) / room) + 1  # bars that the text may stand above
            top = max(other.top for other in chart.bars[max(0, at - reach) : at + reach + 1])
            align = "center" if fits else _towards_middle(at, len(chart.bars))
            axes.annotate(text, (at, top / chart.unit), xytext=(0, 2), textcoords="offset points", ha=align,
                          va="bottom", size=SMALL_SIZE)  # fmt: skip


def _towards_middle(at: int, count: int) -> str:
    """Return how to align a long text so that it stays on the page."""
    return "left" if at < count * 0.2 else ("right" if at > count * 0.8 else "center")


def _draw_lines(axes: Axes, page: Page, chart: Chart) -> None:
    for level, text in chart.lines:
        axes.axhline(level / chart.unit, color="black", linewidth=0.8, linestyle="--").set_gid("level")
        text = fitted(text, page.inner * POINTS, SMALL_SIZE)
        axes.annotate(text, (0.995, level / chart.unit), xycoords=axes.get_yaxis_transform(), xytext=(0, 2),
                      textcoords="offset points", ha="right", va="bottom", size=SMALL_SIZE)  # fmt: skip


def _label_bars(axes: Axes, page: Page, chart: Chart, names: Sequence[str] | None) -> None:
    """Write names below the bars, or numbers below as many as have room."""
    count = len(chart.bars)
    axes.tick_params(axis="x", length=0, pad=2)
    if names is not None:
        axes.set_xticks(range(count), names, rotation=90, size=SMALL_SIZE)
        return
    widest = max(text_width(drawable(bar.number), SMALL_SIZE) for bar in chart.bars) + 4
    fitting = page.inner * POINTS / widest
    fitting = min(fitting, _MOST_NUMBERED)
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**6) if count / step <= fitting)
    ticks = range(0, count, step)
    axes.set_xticks(ticks, [drawable(chart.bars[at].number) for at in ticks], size=SMALL_SIZE)
    axes.set_xlabel("layer", labelpad=1)


def _notes(chart: Chart, named: bool) -> list[str]:
    """Return the lines below the legend; the largest layers by name where the bars have numbers only."""
    if named:
        return chart.notes
    order = sorted(range(len(chart.bars)), key=lambda at: (-chart.bars[at].whole, at))[:_LARGEST]
    largest = "; ".join(f"{chart.bars[at].number} {chart.bars[at].name} {chart.written[at]}".strip() for at in order)
    return [f"largest: {largest}", *chart.notes]


def _wrapped(text: str, points: float) -> list[str]:
    """Break a sentence into lines of at most so many points."""
    lines = [""]
    for word in drawable(text).split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, SMALL_SIZE) > points:
            lines.append(word)
        else:
            lines[-1] = longer
    return [line for line in lines if line]
