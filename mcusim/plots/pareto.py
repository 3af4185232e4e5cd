# SPDX-License-Identifier: Apache-2.0
"""Time against SRAM of many runs, and which of them no other one beats in both: the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from mcusim.errors import McusimError
from mcusim.plots import palette
from mcusim.plots.page import GREY, SMALL_SIZE, Page, drawable, fitted, legend_height, saved, styled

_WIDTH, _HEIGHT = 7.5, 4.2  # inches
_MARKERS = "osD^vP*X"
_MOST_LABELS = 40  # the front first; what finds no room has none
_LABEL_POINTS = 150.0
_MUCH = 8.0  # times: from there on an axis is logarithmic


@dataclass(frozen=True)
class Candidate:
    """A run: time in milliseconds, SRAM in KiB; `group` (a board) has a colour of its own."""

    label: str
    group: str
    time_ms: float
    sram_kib: float


def front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return those that no other one beats in time or SRAM without losing in the other, the fastest first.

    Of several that are equal in both, all are returned.
    """
    found: list[Candidate] = []
    for each in sorted(candidates, key=lambda one: (one.time_ms, one.sram_kib, one.label)):
        least = found[-1] if found else None
        equal = least is not None and (least.time_ms, least.sram_kib) == (each.time_ms, each.sram_kib)
        if least is None or each.sram_kib < least.sram_kib or equal:
            found.append(each)
    return found


def draw_pareto(
    candidates: Sequence[Candidate], ending: str, *, title: str, what: str = "ms", left_out: int = 0, note: str = ""
) -> bytes:
    """Return the picture in a format (png, svg, pdf). `left_out` runs do not fit or failed, and are named in a note.
    `note` is another one.

    `what` is the unit of the time axis in words. Raises McusimError where there is nothing to draw.
    """
    if not candidates:
        raise McusimError("--plot: not one of the runs fits its board, so there is nothing to draw")
    groups = list(dict.fromkeys(each.group for each in candidates))
    best = front(candidates)
    with styled():
        entries: list[tuple[str, Any]] = []
        for at, group in enumerate(groups):
            color, marker = _look(at)
            entries.append((group, Line2D([], [], color=color, marker=marker, linestyle="", markersize=4.5)))
        entries.append(
            (
                "Pareto front: none is faster without more SRAM",
                Line2D([], [], color=GREY, lw=1, marker="o", markersize=7, markerfacecolor="none"),
            )
        )
        legend = legend_height([text for text, _ in entries], _WIDTH - 1)
        page = Page(_WIDTH, _HEIGHT + legend + 0.85 + (0.2 if note else 0.0))
        page.title(title)
        page.space(0.1)
        axes = page.axes(_HEIGHT - 0.4)
        axes.plot([each.time_ms for each in best], [each.sram_kib for each in best], color=GREY, lw=1, zorder=1,
                  drawstyle="steps-post", gid="front")  # fmt: skip
        axes.plot([each.time_ms for each in best], [each.sram_kib for each in best], color=GREY, marker="o",
                  markersize=8, markerfacecolor="none", markeredgewidth=0.8, linestyle="", zorder=3)  # fmt: skip
        for at, group in enumerate(groups):
            color, marker = _look(at)
            mine = [each for each in candidates if each.group == group]
            axes.plot([each.time_ms for each in mine], [each.sram_kib for each in mine], color=color, marker=marker,
                      linestyle="", markersize=4.5, zorder=2, gid=f"group-{at}")  # fmt: skip
        axes.set_xlabel(what, labelpad=2)
        axes.set_ylabel("SRAM reserved, KiB", labelpad=3)
        for axis, values in ((axes.xaxis, [each.time_ms for each in candidates]),
                             (axes.yaxis, [each.sram_kib for each in candidates])):  # fmt: skip
            _scale(axis, values)
        _label(axes, [*best, *(each for each in candidates if each not in best)])
        page.space(0.45)
        page.legend(entries)
        if note:
            page.text(note, size=SMALL_SIZE, color=GREY)
        if left_out:
            page.text(f"{left_out} more runs do not fit their boards or failed", size=SMALL_SIZE, color=GREY)
        return saved(page.figure, ending)


def _look(at: int) -> tuple[str, str]:
    return palette.CATEGORIES[at % len(palette.CATEGORIES)], _MARKERS[at % len(_MARKERS)]


def _scale(axis: Any, values: Sequence[float]) -> None:
    """Begin an axis at 0; where values differ much, let it count in powers, so that the small ones are told apart."""
    low, high = min(values), max(values)
    axis.axes.margins(0.08)
    if low > 0 and high > _MUCH * low:
        axis.axes.set(**{f"{axis.axis_name}scale": "log"})
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_minor_formatter(NullFormatter())
        limits = (low / 1.4, high * 1.4)
    else:
        axis.set_major_locator(MaxNLocator(8))
        limits = (0.0, 1.08 * high or 1.0)
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axis.axes.set(**{f"{axis.axis_name}lim": limits})


def _label(axes: Any, best: Sequence[Candidate]) -> None:
    """Name the points, the front's first, beside them and not on top of each other; what finds no place has none."""
    axes.figure.canvas.draw()
    boxes: list[Any] = []
    for each in best[:_MOST_LABELS]:
        text = fitted(drawable(each.label), _LABEL_POINTS, SMALL_SIZE)
        for x, y in ((7, 5), (7, -5), (-7, 5), (-7, -5)):
            drawn = axes.annotate(
                text, (each.time_ms, each.sram_kib), xytext=(x, y), textcoords="offset points", size=SMALL_SIZE,
                ha="left" if x > 0 else "right", va="bottom" if y > 0 else "top", annotation_clip=False,
            )  # fmt: skip
            box = drawn.get_window_extent()
            inside = axes.bbox.x0 <= box.x0 and box.x1 <= axes.figure.bbox.x1
            if inside and not any(box.overlaps(other) for other in boxes):
                boxes.append(box)
                break
            drawn.remove()
