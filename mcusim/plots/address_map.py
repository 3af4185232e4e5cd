# SPDX-License-Identifier: Apache-2.0
"""Addresses by time: each buffer a rectangle, from when it was written to when it was read last, coloured by writer.

What is white was not live: bytes that are reserved all the time and needed by nobody then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from mcusim.errors import McusimError
from mcusim.plots import PlotOptions, palette
from mcusim.plots.addresses import Addresses, fold
from mcusim.plots.clock import axis_height, draw_axis
from mcusim.plots.page import GREY, POINTS, SMALL_SIZE, TEXT_SIZE, Page, drawable, fitted, legend_height, text_width
from mcusim.plots.page import LEFT as MARGIN
from mcusim.plots.scene import (
    STRIP,
    WIDTH,
    Names,
    bytes_text,
    draw_strips,
    kibibytes,
    label_for,
    names,
    over_time,
    points,
    span_of,
    strips,
    title_height,
    title_of,
)
from mcusim.plots.visible import Box, uncovered
from mcusim.profile import Profile
from mcusim.profile_memory import Arena, Buffer
from mcusim.reports import numbers
from mcusim.reports.layer_names import OUTSIDE, in_order
from mcusim.reports.span import Span

_HEIGHT = 3.0  # of all panels together, in inches, where there is one of them
_LEAST_HEIGHT = 0.55
_CAPTION = 0.2
_GAP = 0.08
_NOTE = 0.19  # the line on panels that are left out
_MOST_ARENAS = 4
_LEAST_SHARE = 0.01  # of all bytes shown: a panel of less is left out
_NARROWEST = 0.6  # of a rectangle, in points: what is short must be seen
_LINE = 1.25 * SMALL_SIZE  # in points
_LEAST_ROOM = 6.0  # of a label, in points
_BAR = 0.12
_LEAST_KIB = 4096  # bytes of an arena from which its axis counts KiB


@dataclass(frozen=True)
class Panel:
    """One axis of addresses: an arena from its start on, or pieces of the heap or of statics."""

    caption: str
    zone: str
    buffers: list[Buffer]
    addresses: Addresses
    arena: Arena | None
    height: float


def draw(profile: Profile, options: PlotOptions) -> Figure:
    """Return the picture. Raises `McusimError` where there is no buffer to show."""
    span = span_of(profile, options)
    plan = panels(profile, span)
    if not plan.panels:
        raise McusimError("--kind map: no buffer was live in what would be shown: try --kind timeline")
    height = title_height(options) + strips(profile.layers) * STRIP + panels_height(plan) + axis_height(profile, span)
    page = Page(WIDTH, height + key_height(profile, plan) + 0.1)
    page.title(title_of(profile, "who lies where in SRAM", options))
    draw_strips(page, profile, span)
    draw_panels(page, profile, span, plan)
    draw_axis(page, profile, span)
    draw_note(page, plan)
    draw_key(page, profile, plan)
    return page.figure


@dataclass(frozen=True)
class Plan:
    """The panels, from the top, and a line on those that are too small to be shown ('' where there are none)."""

    panels: list[Panel]
    note: str


def panels(profile: Profile, span: Span) -> Plan:
    """Return the panels: the largest arenas, the heap, statics, as high as their sizes' roots; none without buffers.

    Those with less than a hundredth of all bytes that would be shown are left out.
    """
    memory = profile.memory
    assert memory is not None
    shown = [each for each in memory.buffers if each.first_cycles < span.end_cycles]
    shown = [each for each in shown if each.last_cycles > span.start_cycles]
    if not shown:
        return Plan([], "")
    arenas = sorted(memory.arenas, key=lambda each: (-each.size_bytes, each.start))[:_MOST_ARENAS]
    found: list[tuple[str, str, list[Buffer], Addresses, Arena | None]] = []
    sizes: list[tuple[str, int]] = []
    for arena in arenas:
        whole = Addresses(((arena.start, arena.start + max(1, arena.size_bytes)),), 0)
        found.append((_arena_caption(arena), "arena", _inside(shown, arena), whole, arena))
        sizes.append((f"arena {arena.name}", arena.size_bytes))
    for zone, caption in (("heap", "heap"), ("statics", "statics"), ("other", "other SRAM")):
        buffers = [each for each in shown if each.zone == zone]
        if buffers:
            addresses = fold((each.start, each.end) for each in buffers)
            live = sum(end - start for start, end in addresses.pieces)
            found.append((f"{caption}: {bytes_text(live)} shown", zone, buffers, addresses, None))
            sizes.append((caption, live))
    least_bytes = _LEAST_SHARE * sum(size for _, size in sizes)
    hidden = [f"{name}, {bytes_text(size)}" for name, size in sizes if size < least_bytes]
    found = [each for each, (_, size) in zip(found, sizes, strict=True) if size >= least_bytes]
    roots = [sqrt(addresses.height_bytes) for _, _, _, addresses, _ in found]
    inches = _HEIGHT + 0.4 * (len(found) - 1)
    heights = [max(_LEAST_HEIGHT, inches * root / sum(roots)) for root in roots]
    note = f"not shown: {'; '.join(hidden)}" if hidden else ""
    return Plan([Panel(*each, height) for each, height in zip(found, heights, strict=True)], note)


def _inside(buffers: Sequence[Buffer], arena: Arena) -> list[Buffer]:
    end = arena.start + arena.size_bytes
    return [each for each in buffers if each.zone == "arena" and arena.start <= each.start < end]


def _arena_caption(arena: Arena) -> str:
    name = arena.name if arena.name.startswith("arena") else f"arena {arena.name}"
    return (
        f"{name} at {numbers.address(arena.start)}: {bytes_text(arena.size_bytes)} reserved, "
        f"{numbers.count(arena.used_bytes)} used, {numbers.count(arena.live_peak_bytes)} live at most"
    )


def panels_height(plan: Plan) -> float:
    """Return how high the panels are, with their captions and gaps, and the line on what is left out."""
    return sum(panel.height + _CAPTION + _GAP for panel in plan.panels) + (_NOTE if plan.note else 0.0)


def draw_note(page: Page, plan: Plan) -> None:
    """Write which panels are left out."""
    if plan.note:
        page.text(plan.note, size=SMALL_SIZE, color=GREY)
        page.space(_NOTE - _LINE * 1.2 / POINTS)


def draw_panels(page: Page, profile: Profile, span: Span, plan: Plan) -> None:
    """Draw the panels below each other, the time below the last."""
    named = _Writers(profile, writer_colors(profile, plan))
    for at, panel in enumerate(plan.panels):
        page.space(_CAPTION + _GAP)
        axes = page.axes(panel.height)
        over_time(axes, span, labelled=at == len(plan.panels) - 1)
        axes.set_ylim(0, panel.addresses.height_bytes)
        text = fitted(panel.caption, page.inner * POINTS, TEXT_SIZE - 1)
        axes.set_title(text, loc="left", size=TEXT_SIZE - 1, pad=3)
        _label_addresses(axes, panel)
        _draw_unused(axes, panel)
        boxes = [_box(page, span, panel, buffer) for buffer in panel.buffers]
        for index, (buffer, box) in enumerate(zip(panel.buffers, boxes, strict=True)):
            _draw_buffer(axes, page, span, panel, buffer, box, named.color(buffer), f"buffer-{at}-{index}")
        for buffer, room in zip(panel.buffers, uncovered(boxes, _LEAST_ROOM, _LINE), strict=True):
            if room is not None:
                _draw_label(axes, page, panel, buffer, room, named)


def _label_addresses(axes: Axes, panel: Panel) -> None:
    """Count KiB from an arena's start; of pieces, say where each begins, as far as there is room for words."""
    if panel.arena is not None:
        kibibytes(axes, most=max(2, round(panel.height * 2.4)))
        base = 1024 if panel.addresses.height_bytes >= _LEAST_KIB else 1
        axes.set_ylabel("KiB" if base > 1 else "bytes", labelpad=3)
        axes.yaxis.set_major_locator(_kib_locator(panel))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / base:,.6g}"))
        return
    per_point = panel.addresses.height_bytes / (panel.height * POINTS)
    ticks: list[int] = []
    texts: list[str] = []
    for (start, _), bottom in zip(panel.addresses.pieces, panel.addresses.bottoms(), strict=True):
        if not ticks or bottom - ticks[-1] >= _LINE * per_point:
            ticks.append(bottom)
            texts.append(numbers.address(start))
        if bottom:
            axes.axhline(bottom - panel.addresses.gap_bytes / 2, color=GREY, linewidth=0.5, linestyle=(0, (1, 2)))
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticklabels(texts)
    axes.tick_params(axis="y", labelsize=SMALL_SIZE)


def _kib_locator(panel: Panel) -> FixedLocator:
    """Return ticks at round KiB, about three for an inch."""
    most = max(2, round(panel.height * 2.6))
    step = 1024
    while panel.addresses.height_bytes / step > most:
        step *= 2
    if panel.addresses.height_bytes < _LEAST_KIB:
        steps = (factor * 10**power for power in range(4) for factor in (1, 2, 5))
        step = next(step for step in steps if panel.addresses.height_bytes / step <= most)
    return FixedLocator(range(0, panel.addresses.height_bytes + 1, step))


def _draw_unused(axes: Axes, panel: Panel) -> None:
    """Hatch what of an arena was never accessed."""
    arena = panel.arena
    if arena is None or arena.used_bytes >= arena.size_bytes:
        return
    axes.axhspan(arena.used_bytes, arena.size_bytes, facecolor="none", edgecolor="#AAAAAA", hatch="////", linewidth=0)


class _Writers:
    """Who wrote a buffer: its colour, and what it may be called."""

    def __init__(self, profile: Profile, colors: dict[int, str]) -> None:
        self._layers = profile.layers
        self._labels = Names(profile.layers)
        self._colors = colors

    def color(self, buffer: Buffer) -> str:
        """Return the colour of the layer that wrote it."""
        inside = self._layers is not None and buffer.writer >= 0
        return self._colors[self._layers.activations[buffer.writer].layer if self._layers and inside else -1]

    def names(self, buffer: Buffer) -> list[str]:
        """Return names of the layer, the longest first; outside of layers, what the bytes are reserved by."""
        if self._layers is None or buffer.writer < 0:
            return [buffer.owner]
        return names(self._labels, self._layers.activations[buffer.writer])


def _box(page: Page, span: Span, panel: Panel, buffer: Buffer) -> Box:
    """Return where a buffer is in its panel, in points from the lower left corner."""
    first, last = max(buffer.first_cycles, span.start_cycles), min(buffer.last_cycles, span.end_cycles)
    left = points(span, span.start_cycles, first, page)
    scale = panel.height * POINTS / panel.addresses.height_bytes
    low, high = panel.addresses.y(buffer.start), panel.addresses.y(buffer.end)
    return Box(left, low * scale, left + max(_NARROWEST, points(span, first, last, page)), high * scale)


def _draw_buffer(
    axes: Axes, page: Page, span: Span, panel: Panel, buffer: Buffer, box: Box, color: str, gid: str
) -> None:
    """Draw the rectangle of one buffer."""
    low, high = panel.addresses.y(buffer.start), panel.addresses.y(buffer.end)
    per_point = span.x(span.end_cycles - span.start_cycles) / (page.inner * POINTS)
    framed = box.width > 4 and box.height > 3
    first = span.x(max(buffer.first_cycles, span.start_cycles))
    shape = Rectangle((first, low), box.width * per_point, high - low,
                      facecolor=color, linewidth=0.5 if framed else 0,
                      edgecolor="white" if framed else "none")  # fmt: skip
    shape.set_gid(gid)
    axes.add_patch(shape)


def _draw_label(axes: Axes, page: Page, panel: Panel, buffer: Buffer, room: Box, writers: _Writers) -> None:
    """Write who wrote a buffer into that part of it which no later one covers, and its size where that fits, too."""
    text, size = label_for(writers.names(buffer), room.width - 4)
    if not text:
        return
    lines = [text]
    detail = bytes_text(buffer.end - buffer.start)
    if room.height > 2.2 * _LINE and text_width(detail, SMALL_SIZE) < room.width - 4:
        lines.append(detail)
    x, y = (room.left + room.right) / 2, (room.bottom + room.top) / 2
    axes.text(x / (page.inner * POINTS), y / (panel.height * POINTS), "\n".join(lines), size=size, ha="center",
              va="center", color=palette.ink_on(writers.color(buffer)), linespacing=1.1,
              transform=axes.transAxes)  # fmt: skip


def writer_colors(profile: Profile, plan: Plan) -> dict[int, str]:
    """Return the colour of each layer that wrote a buffer, by the order of the network; -1: outside of layers."""
    order = _writers(profile, plan)
    return {-1: palette.OTHER, **dict(zip(order, palette.of_layers(len(order)), strict=True))}


def _writers(profile: Profile, plan: Plan) -> list[int]:
    layers = profile.layers
    if layers is None:
        return []
    wrote = {
        layers.activations[each.writer].layer for panel in plan.panels for each in panel.buffers if each.writer >= 0
    }
    return [place.layer for place in in_order(layers) if place.layer in wrote]


def _key_entries(profile: Profile, plan: Plan) -> list[tuple[str, Artist]]:
    """Return the legend where there are few writers."""
    labels, colors = Names(profile.layers), writer_colors(profile, plan)
    entries: list[tuple[str, Artist]] = [
        (fitted(labels.in_key(layer), 170, TEXT_SIZE - 1), Patch(facecolor=colors[layer]))
        for layer in _writers(profile, plan)
    ]
    outside = OUTSIDE if profile.layers is not None else "buffers"
    return [*entries, (outside, Patch(facecolor=palette.OTHER))]


def key_height(profile: Profile, plan: Plan) -> float:
    """Return how high the key of colours is."""
    if len(_writers(profile, plan)) <= len(palette.CATEGORIES):
        return legend_height([text for text, _ in _key_entries(profile, plan)], WIDTH - 1)
    return _BAR + 0.36


def draw_key(page: Page, profile: Profile, plan: Plan) -> None:
    """Draw what the colours mean: a legend, or a strip from the first layer to the last."""
    order = _writers(profile, plan)
    if len(order) <= len(palette.CATEGORIES):
        page.legend(_key_entries(profile, plan))
        return
    axes = page.axes(_BAR, width=page.inner * 0.6, left=MARGIN + page.inner * 0.2)
    numbered = Names(profile.layers).numbers
    for at, color in enumerate(palette.of_layers(len(order))):
        axes.add_patch(Rectangle((at, 0), 1, 1, facecolor=color, linewidth=0))
    axes.set_xlim(0, len(order))
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**6) if len(order) / step <= 16)
    ticks = range(0, len(order), step)
    axes.set_xticks([at + 0.5 for at in ticks], [drawable(numbered[order[at]]) for at in ticks])
    axes.tick_params(length=2, pad=1, labelsize=SMALL_SIZE)
    axes.set_xlabel("layer that wrote it (grey: outside of layers)", size=TEXT_SIZE - 1, labelpad=1)
    page.space(0.36)
