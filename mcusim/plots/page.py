# SPDX-License-Identifier: Apache-2.0
"""A page that is laid out in inches, and everything that makes its bytes the same each time.

Axes are placed by hand and text is measured before it is drawn, so that labels are left out rather than clipped or
drawn across each other, and nothing depends on a backend's layout.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextToPath

from mcusim.reports.numbers import end, middle, printable

POINTS = 72  # in an inch
DOTS = 200  # of a PNG, in an inch
TITLE_SIZE, TEXT_SIZE, SMALL_SIZE, TINY_SIZE = 9.0, 8.0, 6.5, 5.0
LEFT, RIGHT = 0.75, 0.25  # margins in inches
FONT = "DejaVu Sans"  # comes with matplotlib
GREY = "#666666"
_ROUNDING = 1.03

_STYLE: Any = {  # the names that matplotlib's types allow depend on its version
    "font.family": [FONT],
    "font.size": TEXT_SIZE,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": TEXT_SIZE,
    "axes.labelsize": TEXT_SIZE,
    "xtick.labelsize": TEXT_SIZE - 1,
    "ytick.labelsize": TEXT_SIZE - 1,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": TEXT_SIZE - 1,
    "hatch.linewidth": 0.5,
    "text.parse_math": False,  # a name may hold dollars
    "svg.hashsalt": "mcusim",
    "svg.fonttype": "path",  # looks the same where the font is not installed
    "pdf.fonttype": 42,  # what publishers ask for
}
_NO_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw in our style, whatever the user's matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def saved(figure: Figure, ending: str) -> bytes:
    """Return the picture in a format of matplotlib, without a date."""
    stream = io.BytesIO()
    figure.savefig(stream, format=ending, dpi=DOTS, metadata=_NO_METADATA[ending], facecolor="white")
    return stream.getvalue()


class Page:
    """A figure of `width` by `height` inches, filled from the top down: `top` is where the next part begins."""

    def __init__(self, width: float, height: float) -> None:
        self.figure = Figure(figsize=(width, height))
        FigureCanvasAgg(self.figure)
        self.width, self.height = width, height
        self.top = height
        self.inner = width - LEFT - RIGHT

    def axes(self, height: float, *, width: float | None = None, left: float = LEFT) -> Axes:
        """Return axes of that height in inches, below what is there."""
        self.top -= height
        width = self.inner if width is None else width
        box = (left / self.width, self.top / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(box)

    def space(self, height: float) -> None:
        """Leave a gap."""
        self.top -= height

    def text(self, text: str, *, size: float = TEXT_SIZE, bold: bool = False, color: str = "black") -> None:
        """Write one line across the page; what does not fit is cut at its end."""
        self.top -= 1.5 * size / POINTS
        text = fitted(text, (self.inner + LEFT - 0.1) * POINTS, size, bold=bold, cut=end)
        self.figure.text(
            0.1 / self.width, (self.top + 0.4 * size / POINTS) / self.height, text, size=size, color=color,
            weight="bold" if bold else "normal", va="baseline",
        )  # fmt: skip

    def title(self, text: str) -> None:
        """Write the picture's title, smaller where it would not fit; '' writes none and leaves a margin."""
        self.space(0.1 if not text else 0.08)
        if not text:
            return
        room = (self.inner + LEFT - 0.1) * POINTS
        sizes = (size for size in (TITLE_SIZE, TITLE_SIZE - 1, TITLE_SIZE - 2))
        size = next((each for each in sizes if text_width(drawable(text), each, True) <= room), TITLE_SIZE - 2)
        self.space(1.5 * (TITLE_SIZE - size) / POINTS)
        self.text(text, size=size, bold=True)
        self.space(0.04)

    def legend(self, entries: Sequence[tuple[str, Artist]]) -> None:
        """Draw a legend of as many columns as fit, row by row."""
        columns, rows = legend_shape([text for text, _ in entries], self.inner)
        self.top -= rows * _LEGEND_ROW
        order = [row * columns + column for column in range(columns) for row in range(rows)]  # it fills columns first
        chosen = [entries[at] for at in order if at < len(entries)]
        # Where the last row is not full, the columns after it would move up: fill the row with nothing.
        if len(entries) % columns and rows > 1:
            blank = Rectangle((0, 0), 1, 1, visible=False)
            chosen = [entries[at] if at < len(entries) else ("", blank) for at in order]
        self.figure.legend(
            [artist for _, artist in chosen],
            [drawable(text) for text, _ in chosen],
            loc="lower left", bbox_to_anchor=(LEFT / self.width, self.top / self.height), ncols=columns, frameon=False,
            borderpad=0, borderaxespad=0, handlelength=1.4, handleheight=0.9, columnspacing=1.2, labelspacing=0.45,
        )  # fmt: skip


_LEGEND_ROW = 0.165


def legend_shape(texts: Sequence[str], inches: float) -> tuple[int, int]:
    """Return columns and rows of a legend that is at most so wide."""
    widest = max((text_width(drawable(text), TEXT_SIZE - 1) for text in texts), default=0.0)
    column = widest + 3.6 * (TEXT_SIZE - 1)
    columns = max(1, min(len(texts), int(inches * POINTS // column)))
    return columns, -(-len(texts) // columns)


def legend_height(texts: Sequence[str], inches: float) -> float:
    """Return how high that legend is."""
    return legend_shape(texts, inches)[1] * _LEGEND_ROW


@cache
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Return the width of a line of text in points, a little more than exact: pixels round it up."""
    font = FontProperties(family=FONT, size=size, weight="bold" if bold else "normal")
    width, _, _ = TextToPath().get_text_width_height_descent(text, font, False)
    return _ROUNDING * float(width)


@cache
def _glyphs() -> frozenset[int]:
    """Return the characters that the font has."""
    return frozenset(get_font(matplotlib.font_manager.findfont(FontProperties(family=FONT))).get_charmap())


def drawable(text: str) -> str:
    """Replace what the font has no glyph for: names come out of the firmware and may be anything."""
    return "".join(each if ord(each) in _glyphs() else "\ufffd" for each in printable(text))


def fitted(
    text: str, points: float, size: float, *, bold: bool = False, cut: Callable[[str, int], str] = middle
) -> str:
    """Return the text, shortened by `cut` until it is at most so wide; '' where not even a few characters fit."""
    text = drawable(text)
    if text_width(text, size, bold) <= points:
        return text
    low, high = 0, len(text)
    while low < high:  # the longest that fits
        length = (low + high + 1) // 2
        if text_width(cut(text, length), size, bold) <= points:
            low = length
        else:
            high = length - 1
    return cut(text, low) if low >= 5 else ""


def first_fitting(texts: Sequence[str], points: float, size: float) -> str:
    """Return the first of several texts that is at most so wide, '' where none is."""
    return next((text for text in map(drawable, texts) if text_width(text, size) <= points), "")
