# SPDX-License-Identifier: Apache-2.0
"""What the pictures over time share: the span they show, its unit, names of layers, and the bands along the top."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mcusim.plots import PlotOptions
from mcusim.plots.page import POINTS, SMALL_SIZE, TINY_SIZE, Page, drawable, first_fitting, fitted, text_width
from mcusim.profile import Profile
from mcusim.profile_memory import Activation, Layers
from mcusim.reports import numbers
from mcusim.reports.layer_names import Labels, in_order
from mcusim.reports.span import Span
from mcusim.reports.span import span_of as chosen_span

WIDTH = 8.0
TITLE, TITLE_MARGIN, AXIS = (
    0.32,
    0.1,
    0.42,
)  # the heights of a title, and of a time axis with its numbers and unit, in inches
STRIP = 0.19  # the height of a row of bands, in inches
_DEEPEST_STRIPS = 2
_PADDING = 3.0  # in points, beside a label
_SHORTEST_CUT = 9
_LONGEST_FILE = 32
_TINTS = ("#D4D4D4", "#EDEDED")


def span_of(profile: Profile, options: PlotOptions) -> Span:
    """Return what is shown: `mcusim.reports.span` has the rules."""
    return chosen_span(profile, options.inference, whole=options.whole)


def points(span: Span, first_cycles: int, last_cycles: int, page: Page) -> float:
    """Return how wide a piece of the span is on the page, in points."""
    return span.share(first_cycles, last_cycles) * page.inner * POINTS


def title_height(options: PlotOptions) -> float:
    """Return how high the title is; without one, a margin remains."""
    return TITLE_MARGIN if options.title == "" else TITLE


def title_of(profile: Profile, what: str, options: PlotOptions) -> str:
    """Return the title that was asked for, or what is shown, the firmware and the board by its short name."""
    if options.title is not None:
        return options.title
    name = numbers.middle(profile.image.name, _LONGEST_FILE)
    part = ""
    if options.inference is not None and profile.layers is not None and profile.layers.inferences > 1:
        part = f", inference {options.inference} of {profile.layers.inferences}"
    return f"{what[:1].upper()}{what[1:]}{part}: {name} on {profile.board.name}"


def strips(layers: Layers | None) -> int:
    """Return how many rows of bands there are."""
    return 0 if layers is None or not layers.activations else _depth(layers) + (layers.inferences > 1)


def draw_strips(page: Page, profile: Profile, span: Span) -> None:
    """Draw a row of bands for the inferences, if there are several, and one for each level of layers."""
    layers = profile.layers
    if layers is None or not layers.activations:
        return
    if layers.inferences > 1:
        bounds: dict[int, tuple[int, int]] = {}
        for run in layers.activations:
            first, last = bounds.get(run.inference, (run.start_cycles, run.end_cycles))
            bounds[run.inference] = (min(first, run.start_cycles), max(last, run.end_cycles))
        shown = [wide for first, last in bounds.values() if (wide := points(span, first, last, page)) > 0]
        narrowest = min(shown, default=0.0)
        whole = text_width(f"inference {layers.inferences}", SMALL_SIZE) < narrowest - _PADDING
        word = "inference " if whole else ""  # the same for all
        bands = [(first, last, [f"{word}{at + 1}"]) for at, (first, last) in sorted(bounds.items())]
        _draw_bands(page, span, bands, "inference")
    labels = Names(layers)
    level = _levels(layers)
    for depth in range(_depth(layers)):
        runs = [run for run, at in zip(layers.activations, level, strict=True) if at == depth]
        _draw_bands(page, span, [(run.start_cycles, run.end_cycles, names(labels, run)) for run in runs],
                    f"layer{depth}")  # fmt: skip


def slashed(number: str) -> str:
    """Return a layer's number as pictures write it: '0/19', since 0.19 looks like a decimal on an axis."""
    return number.replace(".", "/")


class Names(Labels):
    """Names of layers in pictures: the same one everywhere in a picture, '0 conv2d' or else '0 arm_convolve_s8'.

    `dotted` leaves numbers of nested layers as tables have them ('0.19').
    """

    def __init__(self, layers: Layers | None, *, dotted: bool = False) -> None:
        super().__init__(layers)
        if not dotted:
            self.numbers = {layer: slashed(number) for layer, number in self.numbers.items()}

    def layer(self, layer: int) -> str:
        """Return the number and the kind of operator, or the name where the kind is not known."""
        if self._layers is None or layer < 0:
            return super().layer(layer)
        return f"{self.numbers[layer]} {self._layers.layers[layer].kind or self._layers.layers[layer].name}"

    def in_key(self, layer: int) -> str:
        """Return the same with the name after it, where they differ."""
        if self._layers is None or layer < 0:
            return self.layer(layer)
        each = self._layers.layers[layer]
        return f"{self.layer(layer)}: {each.name}" if each.kind not in ("", each.name) else self.layer(layer)


def names(labels: Names, run: Activation) -> list[str]:
    """Return what a run of a layer may be called, the longest first."""
    return [labels.layer(run.layer), labels.numbers[run.layer]]


def _depth(layers: Layers) -> int:
    return min(_DEEPEST_STRIPS, 1 + max(place.depth for place in in_order(layers)))


def _levels(layers: Layers) -> list[int]:
    """Return how deep each run is nested."""
    level: list[int] = []
    for run in layers.activations:
        level.append(level[run.parent] + 1 if run.parent >= 0 else 0)
    return level


def _draw_bands(page: Page, span: Span, bands: list[tuple[int, int, list[str]]], gid: str) -> None:
    axes = page.axes(STRIP)
    axes.set_axis_off()
    over_time(axes, span)
    axes.set_ylim(0, 1)
    for at, (first, last, texts) in enumerate(bands):
        if last <= span.start_cycles or first >= span.end_cycles:
            continue
        first, last = max(first, span.start_cycles), min(last, span.end_cycles)
        band = Rectangle((span.x(first), 0.06), span.x(last - first), 0.88, facecolor=_TINTS[at % 2], linewidth=0)
        band.set_gid(f"band-{gid}-{at}")
        axes.add_patch(band)
        text, size = label_for(texts, points(span, first, last, page) - _PADDING)
        if text:
            axes.text(span.x((first + last) / 2), 0.46, text, size=size, ha="center", va="center")


def label_for(texts: list[str], points: float) -> tuple[str, float]:
    """Return the longest label that fits into so many points, and its size; ('', 0) where none does.

    `texts` are names from the longest to the shortest. A name that is cut must still say something.
    """
    text = first_fitting(texts[: max(1, len(texts) - 1)], points, SMALL_SIZE)
    if text:
        return text, SMALL_SIZE
    cut = fitted(texts[0], points, SMALL_SIZE)
    if len(cut) >= _SHORTEST_CUT:
        return cut, SMALL_SIZE
    for size in (SMALL_SIZE, TINY_SIZE):
        if text_width(drawable(texts[-1]), size) <= points:
            return drawable(texts[-1]), size
    return "", 0.0


def over_time(axes: Axes, span: Span, *, labelled: bool = False) -> None:
    """Let the horizontal axis be the span."""
    axes.set_xlim(span.x(span.start_cycles), span.x(span.end_cycles))
    axes.margins(0)
    axes.xaxis.set_major_locator(MaxNLocator(8))
    if labelled:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(f"{span.unit} ({span.note})" if span.note else span.unit, labelpad=2)
    else:
        axes.tick_params(labelbottom=False)


def kibibytes(axes: Axes, most: int = 6) -> None:
    """Let the vertical axis count KiB."""
    axes.yaxis.set_major_locator(MaxNLocator(most))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.set_ylabel("KiB", labelpad=3)


def bytes_text(size_bytes: int) -> str:
    """Return a size as pictures write it."""
    return f"{numbers.count(size_bytes)} bytes"
