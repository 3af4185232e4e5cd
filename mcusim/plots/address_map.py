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
from mcusim.plots.page import GREY, POINTS, SMALL_SIZE, TEXT_SIZE, Page, drawable, fitted, legend_height, text_width
from mcusim.plots.page import LEFT as MARGIN
from mcusim.plots.scene import (
    AXIS,
    STRIP,
    TITLE,
    WIDTH,
    Span,
    bytes_text,
    draw_strips,
    kibibytes,
    label_for,
    names,
    over_time,
    span_of,
    strips,
    title_of,
)
from mcusim.profile import Profile
from mcusim.profile_memory import Arena, Buffer
from mcusim.reports import numbers
from mcusim.reports.layer_names import OUTSIDE, Labels, in_order

_HEIGHT = 3.0  # of all panels together, in inches, where there is one of them
_LEAST_HEIGHT = 0.55
_CAPTION = 0.2
_GAP = 0.08
_MOST_ARENAS = 4
_NARROWEST = 0.6  # of a rectangle, in points: what is short must be seen
_LINE = 1.25 * SMALL_SIZE  # in points
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
    if not plan:
        raise McusimError("--kind map: no buffer was live in what would be shown: try --kind timeline")
    height = TITLE + strips(profile.layers) * STRIP + panels_height(plan) + AXIS + key_height(profile, plan) + 0.1
    page = Page(WIDTH, height)
    page.title(title_of(profile, "who lies where in SRAM", options))
    draw_strips(page, profile, span)
    draw_panels(page, profile, span, plan)
    page.space(AXIS)
    draw_key(page, profile, plan)
    return page.figure


def panels(profile: Profile, span: Span) -> list[Panel]:
    """Return the panels: the largest arenas, the heap, statics, as high as their sizes' roots; [] without buffers."""
    memory = profile.memory
    assert memory is not None
    shown = [each for each in memory.buffers if each.first_cycles < span.end_cycles]
    shown = [each for each in shown if each.last_cycles > span.start_cycles]
    if not shown:
        return []
    arenas = sorted(memory.arenas, key=lambda each: (-each.size_bytes, each.start))[:_MOST_ARENAS]
    found: list[tuple[str, str, list[Buffer], Addresses, Arena | None]] = []
    for arena in arenas:
        whole = Addresses(((arena.start, arena.start + max(1, arena.size_bytes)),), 0)
        found.append((_arena_caption(arena), "arena", _inside(shown, arena), whole, arena))
    for zone, caption in (("heap", "heap"), ("statics", "statics"), ("other", "other SRAM")):
        buffers = [each for each in shown if each.zone == zone]
        if buffers:
            addresses = fold((each.start, each.end) for each in buffers)
            live = sum(end - start for start, end in addresses.pieces)
            found.append((f"{caption}: {bytes_text(live)} shown", zone, buffers, addresses, None))
    roots = [sqrt(addresses.height_bytes) for _, _, _, addresses, _ in found]
    inches = _HEIGHT + 0.4 * (len(found) - 1)
    heights = [max(_LEAST_HEIGHT, inches * root / sum(roots)) for root in roots]
    return [Panel(*each, height) for each, height in zip(found, heights, strict=True)]


def _inside(buffers: Sequence[Buffer], arena: Arena) -> list[Buffer]:
    end = arena.start + arena.size_bytes
    return [each for each in buffers if each.zone == "arena" and arena.start <= each.start < end]


def _arena_caption(arena: Arena) -> str:
    return (
        f"arena {arena.name} at {numbers.address(arena.start)}: {bytes_text(arena.size_bytes)} reserved, "
        f"{numbers.count(arena.used_bytes)} used, {numbers.count(arena.live_peak_bytes)} live at most"
    )


def panels_height(plan: Sequence[Panel]) -> float:
    """Return how high the panels are, with their captions and gaps."""
    return sum(panel.height + _CAPTION + _GAP for panel in plan)


def draw_panels(page: Page, profile: Profile, span: Span, plan: Sequence[Panel]) -> None:
    """Draw the panels below each other, the time below the last."""
    named = _Writers(profile, writer_colors(profile, plan))
    for at, panel in enumerate(plan):
        page.space(_CAPTION + _GAP)
        axes = page.axes(panel.height)
        over_time(axes, span, labelled=at == len(plan) - 1)
        axes.set_ylim(0, panel.addresses.height_bytes)
        text = fitted(panel.caption, page.inner * POINTS, TEXT_SIZE - 1)
        axes.set_title(text, loc="left", size=TEXT_SIZE - 1, pad=3)
        _label_addresses(axes, panel)
        _draw_unused(axes, panel)
        for index, buffer in enumerate(panel.buffers):
            _draw_buffer(axes, page, span, panel, buffer, named, f"buffer-{at}-{index}")


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
        self._labels = Labels(profile.layers)
        self._colors = colors

    def color(self, buffer: Buffer) -> str:
        """Return the colour of the layer that wrote it."""
        inside = self._layers is not None and buffer.writer >= 0
        return self._colors[self._layers.activations[buffer.writer].layer if self._layers and inside else -1]

    def names(self, buffer: Buffer) -> list[str]:
        """Return names of the layer, the longest first; outside of layers, what the bytes are reserved by."""
        if self._layers is None or buffer.writer < 0:
            return [buffer.owner]
        return names(self._layers, self._labels, self._layers.activations[buffer.writer])


def _draw_buffer(axes: Axes, page: Page, span: Span, panel: Panel, buffer: Buffer, writers: _Writers, gid: str) -> None:
    """Draw one buffer, with a label where one fits."""
    first, last = max(buffer.first_cycles, span.start_cycles), min(buffer.last_cycles, span.end_cycles)
    low, high = panel.addresses.y(buffer.start), panel.addresses.y(buffer.end)
    wide = span.points(first, last, page)
    tall = (high - low) * panel.height * POINTS / panel.addresses.height_bytes
    width = span.x(last - first) * max(1.0, _NARROWEST / wide if wide else 1.0)
    if not width:
        width = _NARROWEST * span.x(span.end_cycles - span.start_cycles) / (page.inner * POINTS)
    color = writers.color(buffer)
    framed = wide > 4 and tall > 3
    shape = Rectangle((span.x(first), low), width, high - low, facecolor=color, linewidth=0.5 if framed else 0,
                      edgecolor="white" if framed else "none")  # fmt: skip
    shape.set_gid(gid)
    axes.add_patch(shape)
    if tall < _LINE:
        return
    text, size = label_for(writers.names(buffer), wide - 4)
    if not text:
        return
    lines = [text]
    detail = bytes_text(buffer.end - buffer.start)
    if tall > 2.2 * _LINE and text_width(detail, SMALL_SIZE) < wide - 4:
        lines.append(detail)
    axes.text(span.x((first + last) / 2), (low + high) / 2, "\n".join(lines), size=size, ha="center", va="center",
              color=palette.ink_on(color), linespacing=1.1)  # fmt: skip


def writer_colors(profile: Profile, plan: Sequence[Panel]) -> dict[int, str]:
    """Return the colour of each layer that wrote a buffer, by the order of the network; -1: outside of layers."""
    order = _writers(profile, plan)
    return {-1: palette.OTHER, **dict(zip(order, palette.of_layers(len(order)), strict=True))}


def _writers(profile: Profile, plan: Sequence[Panel]) -> list[int]:
    layers = profile.layers
    if layers is None:
        return []
    wrote = {layers.activations[each.writer].layer for panel in plan for each in panel.buffers if each.writer >= 0}
    return [place.layer for place in in_order(layers) if place.layer in wrote]


def _key_entries(profile: Profile, plan: Sequence[Panel]) -> list[tuple[str, Artist]]:
    """Return the legend where there are few writers."""
    labels, colors = Labels(profile.layers), writer_colors(profile, plan)
    entries: list[tuple[str, Artist]] = [
        (fitted(labels.layer(layer), 130, TEXT_SIZE - 1), Patch(facecolor=colors[layer]))
        for layer in _writers(profile, plan)
    ]
    outside = OUTSIDE if profile.layers is not None else "buffers"
    return [*entries, (outside, Patch(facecolor=palette.OTHER))]


def key_height(profile: Profile, plan: Sequence[Panel]) -> float:
    """Return how high the key of colours is."""
    if len(_writers(profile, plan)) <= len(palette.CATEGORIES):
        return legend_height([text for text, _ in _key_entries(profile, plan)], WIDTH - 1)
    return _BAR + 0.36


def draw_key(page: Page, profile: Profile, plan: Sequence[Panel]) -> None:
    """Draw what the colours mean: a legend, or a strip from the first layer to the last."""
    order = _writers(profile, plan)
    if len(order) <= len(palette.CATEGORIES):
        page.legend(_key_entries(profile, plan))
        return
    axes = page.axes(_BAR, width=page.inner * 0.6, left=MARGIN + page.inner * 0.2)
    numbered = Labels(profile.layers).numbers
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
