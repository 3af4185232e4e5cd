# SPDX-License-Identifier: Apache-2.0
"""Cycles of each layer by cause: which layer is slow, and why."""

from __future__ import annotations

from dataclasses import replace

from matplotlib.figure import Figure

from mcusim.errors import McusimError
from mcusim.plots import PlotOptions, palette
from mcusim.plots.bars import Bar, Chart, Part, draw_chart
from mcusim.plots.scene import slashed, title_of
from mcusim.profile import Profile
from mcusim.reports import numbers
from mcusim.reports.functions import causes_in_order
from mcusim.reports.layer_names import in_order

_UNITS = ((2_000_000, 1_000_000, "million cycles"), (2_000, 1_000, "thousand cycles"), (0, 1, "cycles"))


def draw(profile: Profile, options: PlotOptions) -> Figure:
    """Return the picture: own cycles of each layer, the mean of all inferences."""
    layers = profile.layers
    assert layers is not None
    if options.inference is not None and layers.inferences > 1:
        raise McusimError("--kind cycles: causes are counted over all inferences, not for each: drop --inference")
    times = max(1, layers.inferences)
    shown = [place for place in in_order(layers) if sum(layers.layers[place.layer].causes.values())]
    if not shown:
        raise McusimError("--kind cycles: no layer took any cycles: give a run in which an inference ran")
    causes = {cause: sum(layer.causes.get(cause, 0) for layer in layers.layers) for cause in causes_in_order(profile)}
    kept = set(sorted(causes, key=lambda cause: -causes[cause])[: len(palette.CATEGORIES)])
    named = [cause for cause in causes if cause in kept and causes[cause]]
    parts = [Part(cause, color) for cause, color in palette.of_causes(named).items()]
    parts.append(Part("other causes", palette.OTHER, palette.OTHER_HATCH))
    bars = []
    for place in shown:
        layer = layers.layers[place.layer]
        values = [layer.causes.get(cause, 0) / times for cause in named]
        bars.append(Bar(slashed(place.number), layer.name, (*values, sum(layer.causes.values()) / times - sum(values))))
    whole = sum(bar.whole for bar in bars)
    most = max(bar.whole for bar in bars)
    unit, unit_name = next((size, name) for least, size, name in _UNITS if most >= least)
    what = "cycles of layers by cause"
    title = title_of(
        profile, what if times == 1 else f"{what}, mean of {times} inferences", replace(options, inference=None)
    )
    outside = numbers.share_percent(sum(part.self_cycles for part in layers.outside), profile.totals.cycles)
    note = f"layers: {numbers.count(round(whole))} cycles an inference, nested layers counted in themselves alone"
    if outside is not None:
        note += f"; outside of layers: {numbers.percent(outside)} of the run"
    written = [numbers.percent(100 * bar.whole / whole) for bar in bars]
    return draw_chart(Chart(title, parts, bars, unit, unit_name, written, [], [note]))
