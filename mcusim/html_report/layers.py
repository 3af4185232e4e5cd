# SPDX-License-Identifier: Apache-2.0
"""Layers: cycles by cause as stacked bars, the layer table with sparklines, and what is known of the one selected."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from mcusim.html_report.charts import Chart, Trace, legend, place
from mcusim.html_report.markup import Extra, Look, escape, facts, paragraph, part, table_html
from mcusim.html_report.shell import Section
from mcusim.plots import palette
from mcusim.profile import Profile
from mcusim.profile_memory import Activation, Layer, Layers
from mcusim.reports import numbers
from mcusim.reports.functions import causes_in_order
from mcusim.reports.layer_names import Labels, Place, in_order
from mcusim.reports.layers import layers_table
from mcusim.reports.options import RenderOptions
from mcusim.reports.report import causes_table
from mcusim.reports.table import Row, Table

MOST_LAYERS = 400
_SPARK_WIDTH, _SPARK_HEIGHT, _SPARK_POINTS = 90, 18, 45
_CHART_PIXELS = 300


def cause_colors(profile: Profile) -> dict[str, str]:
    """Return the colours of the causes that cost most, in report order; all others are `palette.OTHER`."""
    causes = {cause: profile.totals.causes.get(cause, 0) for cause in causes_in_order(profile)}
    kept = sorted((cause for cause in causes if causes[cause]), key=lambda cause: -causes[cause])
    kept = kept[: len(palette.CATEGORIES)]
    return palette.of_causes([cause for cause in causes if cause in kept])


def section(profile: Profile) -> Section | None:
    """Return the section, None where no layers were found."""
    layers = profile.layers
    if layers is None:
        return None
    table = _without_own(layers_table(profile, RenderOptions(layer_rows=MOST_LAYERS), audience="people"), layers)
    keys = {each.number: f"layer:{each.layer}" for each in in_order(layers)}
    look = Look(
        "layer-table",
        key=lambda row: keys.get(str(row.cells[0]), ""),
        foot=lambda row: not row.cells[0] and row.style != "aside",
        extra=_extra(profile, layers, table),
    )
    chart = _chart(profile, layers)
    charts = [chart] if chart is not None else []
    hint = paragraph("Select a layer in a chart or table, and all others show it. Esc clears.", "remark")
    body = _key(profile, chart) + "".join(place(each) for each in charts) + hint + part("layer", _costliest(layers))
    return Section("layers", "Layers", body + table_html(table, look), charts, _parts(profile, layers))


def _without_own(table: Table, layers: Layers) -> Table:
    """Leave out own cycles where each row has the same under `cycles`: one inference, no layer in another."""
    keys = [column.key for column in table.columns]
    if layers.inferences != 1 or "self_cycles" not in keys:
        return table
    own, cycles = keys.index("self_cycles"), keys.index("cycles")
    if any(row.cells[own] != row.cells[cycles] for row in table.rows):
        return table
    rows = [Row(row.cells[:own] + row.cells[own + 1 :], row.style) for row in table.rows]
    return Table(table.title, table.columns[:own] + table.columns[own + 1 :], rows, table.remark)


def _key(profile: Profile, chart: Chart | None) -> str:
    """Return the legend of the chart's causes."""
    colors = cause_colors(profile)
    names = [str(trace["name"]) for trace in chart.traces] if chart is not None else []
    return legend([(cause, colors.get(cause, palette.OTHER)) for cause in names])


def _costliest(layers: Layers) -> str:
    """Return the key of the layer with most cycles of its own."""
    own = [sum(layer.causes.values()) for layer in layers.layers]
    return f"layer:{own.index(max(own))}" if own else ""


def labels(profile: Profile) -> dict[str, str]:
    """Return the names of layers by their key."""
    if profile.layers is None:
        return {}
    named = Labels(profile.layers)
    return {f"layer:{at}": f"layer {named.layer(at)}" for at in range(len(profile.layers.layers))}


def _shown(layers: Layers) -> list[Place]:
    """Return the layers that are drawn: in order, and no more than fit into a chart."""
    return [each for each in in_order(layers) if sum(layers.layers[each.layer].causes.values())][:MOST_LAYERS]


def _chart(profile: Profile, layers: Layers) -> Chart | None:
    """Return own cycles of each layer by cause, the mean of all inferences; None where no layer took any."""
    shown = _shown(layers)
    if not shown:
        return None
    times = max(1, layers.inferences)
    named = Labels(layers)
    colors = cause_colors(profile)
    names = [escape(each.number) for each in shown]
    hover = [_hover(profile, layers, each.layer, named, times) for each in shown]
    traces: list[Trace] = []
    for cause in [*colors, "other causes"]:
        values = [_of_cause(layers.layers[each.layer], cause, colors) / times for each in shown]
        if any(values):
            traces.append({
                "type": "bar", "name": cause, "x": names, "y": values, "hovertext": hover, "hoverinfo": "text",
                "marker": {"color": colors.get(cause, palette.OTHER)},
                "customdata": [f"layer:{each.layer}" for each in shown],
            })  # fmt: skip
    mean = "" if times == 1 else f", mean of {times} inferences"
    layout = {
        "barmode": "stack", "bargap": 0.15, "showlegend": False, "margin": {"l": 56, "r": 8, "t": 12, "b": 40},
        "xaxis": {"type": "category", "title": {"text": "layer"}, "fixedrange": len(shown) < 40},
        "yaxis": {"title": {"text": f"cycles{mean}"}, "tickformat": "~s", "fixedrange": True},
    }  # fmt: skip
    return Chart("layer-chart", f"own cycles of each layer by cause{mean}", traces, layout, _CHART_PIXELS)


def _of_cause(layer: Layer, cause: str, colors: dict[str, str]) -> int:
    if cause in colors:
        return layer.causes.get(cause, 0)
    return sum(cycles for each, cycles in layer.causes.items() if each not in colors)


def _hover(profile: Profile, layers: Layers, at: int, named: Labels, times: int) -> str:
    layer = layers.layers[at]
    whole = sum(layer.causes.values())
    lines = [named.layer(at), f"{numbers.count(round(whole / times))} own cycles"]
    for cause in causes_in_order(profile):
        cycles = layer.causes.get(cause, 0)
        if cycles:
            lines.append(f"{cause} {numbers.count(round(cycles / times))} ({numbers.percent(100 * cycles / whole)})")
    return "<br>".join(map(escape, lines))


def _extra(profile: Profile, layers: Layers, table: Table) -> list[Extra]:
    """Return the columns of small pictures: causes, live bytes over the layer's time, cycles by inference."""
    places = {each.number: each.layer for each in in_order(layers)}
    rows = [places.get(str(row.cells[0]), -1) for row in table.rows]
    runs: dict[int, list[Activation]] = {}
    for run in layers.activations:
        runs.setdefault(run.layer, []).append(run)
    colors = cause_colors(profile)
    extra = [Extra("causes", [_mini(layers.layers[at], colors) if at >= 0 else "" for at in rows],
                   "own cycles by cause, in the colours of the chart", "percent")]  # fmt: skip
    if profile.memory is not None and profile.memory.timeline.start_cycles:
        hint = "live bytes of SRAM while it ran, its run with the highest peak; from 0 to the peak of the whole run"
        extra.append(Extra("live bytes", [_live(profile, runs.get(at, [])) for at in rows], hint, "percent"))
    if layers.inferences > 1:
        texts = [_spark([run.total_cycles for run in runs.get(at, [])]) for at in rows]
        extra.append(Extra("each run", texts, "cycles of each of its runs, from 0 to the longest", "percent"))
    return extra


def _mini(layer: Layer, colors: dict[str, str]) -> str:
    whole = sum(layer.causes.values())
    if not whole:
        return ""
    pieces = "".join(
        f'<span style="--share:{100 * cycles / whole:.3g}%;--color:{color}"></span>'
        for cause, color in [*colors.items(), ("", palette.OTHER)]
        if (cycles := _of_cause(layer, cause, colors))
    )
    return f'<span class="mini" aria-hidden="true">{pieces}</span>'


def _live(profile: Profile, runs: Sequence[Activation]) -> str:
    """Return the curve of live bytes within the run that has the highest peak."""
    memory = profile.memory
    if memory is None or not runs:
        return ""
    run = max(runs, key=lambda each: (each.live_peak_bytes, -each.start_cycles))
    timeline = memory.timeline
    first = max(0, bisect_left(timeline.start_cycles, run.start_cycles))
    last = max(first + 1, bisect_left(timeline.start_cycles, run.end_cycles))
    return _spark(timeline.live_bytes[first:last], memory.peak_bytes)


def _spark(values: Sequence[int], most: int = 0) -> str:
    """Return a small curve from 0 to `most` (default: the largest), of many values the largest in each place."""
    if len(values) < 2:
        return ""
    most = max(most, *values, 1)
    step = -(-len(values) // _SPARK_POINTS)
    shown = [max(values[at : at + step]) for at in range(0, len(values), step)]
    width = _SPARK_WIDTH / len(shown)
    heights = [_SPARK_HEIGHT - _SPARK_HEIGHT * value / most for value in shown]
    path = "".join(f"V{height:.1f}h{width:.2f}" for height in heights)
    return (
        f'<svg class="spark" width="{_SPARK_WIDTH}" height="{_SPARK_HEIGHT}" aria-hidden="true">'
        f'<path d="M0 {_SPARK_HEIGHT}{path}V{_SPARK_HEIGHT}z"/></svg>'
    )


def _parts(profile: Profile, layers: Layers) -> dict[str, str]:
    """Return what is known of each layer, by its key."""
    named = Labels(layers)
    runs: dict[int, list[Activation]] = {}
    for run in layers.activations:
        runs.setdefault(run.layer, []).append(run)
    shown = [each.layer for each in in_order(layers)][:MOST_LAYERS]
    return {f"layer:{at}": _part(profile, layers.layers[at], named.layer(at), runs.get(at, [])) for at in shown}


def _part(profile: Profile, layer: Layer, name: str, runs: Sequence[Activation]) -> str:
    own = sum(layer.causes.values())
    often = len(runs)
    function = profile.functions[layer.function].name if layer.function >= 0 else ""
    pairs = [
        ("operator", layer.kind),
        ("shape", layer.shape),
        ("function", "" if function == layer.name else function),
        ("runs", numbers.count(often)),
        ("cycles", ", ".join(numbers.count(run.total_cycles) for run in runs[:8]) + (" …" if len(runs) > 8 else "")),
        ("own cycles", numbers.count(own) + (f" in all runs, {_mean(own, often)} on average" if often > 1 else "")),
        ("MACs", numbers.count(layer.macs) if layer.macs else ""),
        ("live peak", _bytes(max((run.live_peak_bytes for run in runs), default=0))),
        ("stack", _bytes(max((run.stack_bytes for run in runs), default=0))),
        ("code", _bytes(layer.code_bytes, layer.code_shared_bytes)),
        ("constants", _bytes(layer.constant_bytes, layer.constant_shared_bytes)),
        ("bytes read", _regions(layer.read_bytes)),
        ("bytes written", _regions(layer.written_bytes)),
    ]
    causes = causes_table(profile, layer.causes, f"Own cycles of layer {name} by cause")
    look = Look("layer-causes", titled=False)
    said = facts((key, text) for key, text in pairs if text)
    # The chart and the table's cycles are means: without a word these sums would seem to contradict them.
    sums = f"Own cycles by cause, of all {numbers.count(often)} runs together" if often > 1 else ""
    halves = f"<div>{said}</div><div>{paragraph(sums, 'remark')}{table_html(causes, look)}</div>"
    return f'<h3>Layer {escape(name)}</h3><div class="columns">{halves}</div>'


def _mean(whole: int, times: int) -> str:
    return numbers.count(round(whole / times))


def _bytes(size: int, shared: int = 0) -> str:
    if not size:
        return ""
    return f"{numbers.count(size)} bytes" + (
        f", {numbers.count(shared)} of them of other layers, too" if shared else ""
    )


def _regions(by_region: dict[str, int]) -> str:
    return ", ".join(f"{numbers.count(size)} {name}" for name, size in by_region.items() if size)
