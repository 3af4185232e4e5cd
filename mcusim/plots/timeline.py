# SPDX-License-Identifier: Apache-2.0
"""SRAM over time: live bytes stacked by zone, what is reserved as a line, the peak, and the layers along the top."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mcusim.plots import PlotOptions
from mcusim.plots.clock import axis_height, draw_axis
from mcusim.plots.page import GREY, POINTS, SMALL_SIZE, TEXT_SIZE, Page, first_fitting, fitted, legend_height
from mcusim.plots.palette import ZONE_COLORS
from mcusim.plots.scene import (
    STRIP,
    WIDTH,
    Names,
    bytes_text,
    draw_strips,
    kibibytes,
    over_time,
    span_of,
    strips,
    title_height,
    title_of,
)
from mcusim.profile import Profile
from mcusim.profile_memory import MemoryProfile
from mcusim.reports import numbers
from mcusim.reports.live import peak_row, reserved, zones
from mcusim.reports.span import Span

HEIGHT = 2.5  # of the curve, in inches
_VISIBLE = 0.5  # in points: what is nowhere so high is not in the legend
COLUMNS = 1600  # points in time that are drawn at most: of those in one column, the one where most is live
_HEADROOM = 1.3  # room above the highest line for what is written there
_LIMIT_IN_SCALE = 1.5  # the board's limit is drawn where it is at most so far above what is used


def draw(profile: Profile, options: PlotOptions) -> Figure:
    """Return the picture."""
    memory = profile.memory
    assert memory is not None
    span = span_of(profile, options)
    entries = zone_legend(memory, span)
    height = title_height(options) + strips(profile.layers) * STRIP + HEIGHT + axis_height(profile, span)
    page = Page(WIDTH, height + legend_height([t for t, _ in entries], WIDTH - 1) + 0.1)
    page.title(title_of(profile, "SRAM over time", options))
    draw_strips(page, profile, span)
    over_time(draw_curve(page, profile, span), span, labelled=True)
    draw_axis(page, profile, span)
    page.legend(entries)
    return page.figure


def zone_legend(memory: MemoryProfile, span: Span) -> list[tuple[str, Artist]]:
    """Return a patch for each zone that can be seen somewhere in the span, from the bottom."""
    _, rows = thinned(memory, span)
    least_bytes = _VISIBLE * _highest(memory, rows) * _HEADROOM / (HEIGHT * POINTS)
    seen = [zone for zone in zones(memory) if any(memory.timeline.live_by_zone[zone][at] >= least_bytes for at in rows)]
    return [(zone, Patch(facecolor=ZONE_COLORS[zone])) for zone in seen]


def _highest(memory: MemoryProfile, rows: Sequence[int]) -> int:
    """Return the highest of what is drawn, in bytes, without the board's limit."""
    return max(reserved(memory), *(memory.timeline.live_bytes[row] for row in rows), 1)


def draw_curve(page: Page, profile: Profile, span: Span) -> Axes:
    """Draw the stacked curve with its lines and marks; return its axes."""
    memory = profile.memory
    assert memory is not None
    axes = page.axes(HEIGHT)
    over_time(axes, span)
    starts, rows = thinned(memory, span)
    below = [0.0] * (len(rows) + 1)
    edges = [span.x(start) for start in [*starts, span.end_cycles]]
    for zone in zones(memory):
        live = [memory.timeline.live_by_zone[zone][row] / 1024 for row in rows]
        above = [low + more for low, more in zip(below, [*live, live[-1] if live else 0.0], strict=True)]
        area = axes.fill_between(edges, below, above, step="post", color=ZONE_COLORS[zone], linewidth=0)
        area.set_gid(f"zone-{zone}")
        below = above
    _draw_levels(axes, page, profile, span)
    kibibytes(axes)
    return axes


def thinned(memory: MemoryProfile, span: Span) -> tuple[list[int], list[int]]:
    """Return the stretches that are drawn: their starts and rows; of many in one column, the one with most live."""
    timeline = memory.timeline
    starts = timeline.start_cycles
    ends = [*starts[1:], max(span.end_cycles, starts[-1])]
    column = (span.end_cycles - span.start_cycles) / COLUMNS
    chosen: list[tuple[int, int]] = []
    last = -1
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if end <= span.start_cycles or start >= span.end_cycles:
            continue
        start = max(start, span.start_cycles)
        at = int((start - span.start_cycles) / column)
        if at == last and timeline.live_bytes[row] <= timeline.live_bytes[chosen[-1][1]]:
            continue
        if at == last:
            chosen[-1] = (chosen[-1][0], row)
        else:
            chosen.append((start, row))
        last = at
    return [start for start, _ in chosen], [row for _, row in chosen]


def _draw_levels(axes: Axes, page: Page, profile: Profile, span: Span) -> None:
    """Draw what is reserved and the board's limit as lines, and mark the peak; each text has a place of its own."""
    memory = profile.memory
    assert memory is not None
    budget = memory.budget
    reserved_bytes = reserved(memory)
    peak = peak_row(memory, span)
    highest = max(reserved_bytes, memory.timeline.live_bytes[peak], 1)
    in_scale = highest < budget.sram_bytes <= _LIMIT_IN_SCALE * highest or 0 < budget.sram_bytes <= highest
    top = max(highest, budget.sram_bytes if in_scale else 0)
    axes.set_ylim(0, top * _HEADROOM / 1024)
    starts = [*memory.timeline.start_cycles, span.end_cycles]
    x = span.x((max(starts[peak], span.start_cycles) + min(max(starts[peak + 1], starts[peak]), span.end_cycles)) / 2)
    left_half = x < span.x((span.start_cycles + span.end_cycles) / 2)
    side, align = (0.995, "right") if left_half else (0.005, "left")  # opposite to the peak
    parts = f"statics {budget.statics_bytes:,} + stacks {budget.stack_bytes:,} + heap {budget.heap_bytes:,}"
    texts = [f"reserved: {bytes_text(reserved_bytes)} ({parts})", f"reserved: {bytes_text(reserved_bytes)}"]
    room = page.inner * POINTS
    _level(axes, reserved_bytes, "--", first_fitting(texts, room, SMALL_SIZE), (side, align), "reserved")
    board = f"{profile.board.name}: {bytes_text(budget.sram_bytes)} of SRAM"
    if in_scale:
        _level(axes, budget.sram_bytes, "-", fitted(board, room / 2, SMALL_SIZE), (side, align), "limit")
    elif budget.sram_bytes:
        note = fitted(f"{board}, {budget.sram_bytes / highest:.1f} times the dashed line", room / 2, SMALL_SIZE)
        axes.text(side, 0.985, note, size=SMALL_SIZE, ha=align, va="top", color=GREY, transform=axes.transAxes)
    _mark_peak(axes, page, profile, span, peak, x)


def _level(axes: Axes, size_bytes: int, style: str, text: str, place: tuple[float, str], gid: str) -> None:
    side, align = place
    line = axes.axhline(size_bytes / 1024, color="black", linewidth=0.8, linestyle=style)
    line.set_gid(f"level-{gid}")
    axes.annotate(
        text, (side, size_bytes / 1024), xycoords=axes.get_yaxis_transform(), xytext=(0, 2), size=SMALL_SIZE, ha=align,
        textcoords="offset points", va="bottom",
    )  # fmt: skip


def _mark_peak(axes: Axes, page: Page, profile: Profile, span: Span, row: int, x: float) -> None:
    """Mark the peak with a dot, and write above everything how many bytes and in which layer."""
    memory = profile.memory
    assert memory is not None
    live_bytes, run = memory.timeline.live_bytes[row], memory.timeline.activation[row]
    where = Names(profile.layers).activation(run)
    share = (x - span.x(span.start_cycles)) / span.x(span.end_cycles - span.start_cycles)
    align = "left" if share < 0.3 else ("right" if share > 0.7 else "center")
    lines = [f"peak: {bytes_text(live_bytes)} live"]
    if live_bytes < memory.peak_bytes:  # outside of what is shown
        lines = [f"peak here: {bytes_text(live_bytes)} live (of the run: {numbers.count(memory.peak_bytes)})"]
    if where:
        lines.append(fitted(f"in {where}" if run >= 0 else where, page.inner * POINTS * 0.42, TEXT_SIZE))
    axes.plot([x], [live_bytes / 1024], "o", color="black", markersize=3.5, clip_on=False, gid="peak")
    axes.annotate(
        "\n".join(filter(None, lines)), (x, live_bytes / 1024), xytext=(x, 0.985), ha=align, va="top", size=TEXT_SIZE,
        textcoords=axes.get_xaxis_transform(), linespacing=1.1,
        arrowprops={"arrowstyle": "-", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 2, "relpos": _relpos(align)},
    )  # fmt: skip


def _relpos(align: str) -> tuple[float, float]:
    return {"left": (0.0, 0.0), "right": (1.0, 0.0)}.get(align, (0.5, 0.0))
