# SPDX-License-Identifier: Apache-2.0
"""SRAM over time, and below it, on the same time, the layers and who lies where: one chart with zoom and selection.

What is shown, its panels and its colours are those of the pictures (`mcusim.plots`); the chart holds the whole run and
opens at the span that a picture would show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mcusim.html_report.charts import Chart, Trace, legend, place
from mcusim.html_report.markup import Look, details, escape, paragraph, table_html
from mcusim.html_report.shell import Section
from mcusim.plots import PlotOptions, palette
from mcusim.plots.address_map import Panel, Plan, panels, writer_colors
from mcusim.plots.clock import phase_of
from mcusim.plots.scene import Names, bytes_text, span_of
from mcusim.plots.timeline import COLUMNS, thinned
from mcusim.profile import Profile
from mcusim.profile_memory import Activation, Buffer, MemoryProfile
from mcusim.reports import numbers
from mcusim.reports.live import reserved, zones
from mcusim.reports.options import RenderOptions
from mcusim.reports.sections import TABLES, missing
from mcusim.reports.span import Span
from mcusim.reports.table import Table

MOST_BUFFERS = 3_000
MOST_BANDS = 2_000
MOST_LABELS = 150
_ROWS = 200  # of each table of memory
_TABLES = ("peak", "findings", "arenas", "heap", "statics", "regions", "buffers")
_OPENED = ("peak", "findings", "arenas")
_CURVE_PIXELS, _BAND_PIXELS, _GAP_PIXELS, _AXIS_PIXELS = 230, 24, 26, 46
_PANEL_PIXELS_PER_INCH = 95
_TINTS = ("#C4C8CE", "#DDE0E5")
_NEAR = 0.15  # of the chart's width: so near to an edge a label is not centred
_UNUSED = "rgba(128,128,128,0.12)"


def section(profile: Profile) -> Section | None:
    """Return the section, None where memory was not tracked."""
    memory = profile.memory
    if memory is None:
        return None
    charts: list[Chart] = []
    body = ""
    if memory.timeline.start_cycles:
        chart, notes, colors = _chart(profile, memory)
        charts.append(chart)
        hint = "drag to zoom, double-click to see all again"
        body = legend(colors) + place(chart) + paragraph("; ".join([hint, *notes]), "remark")
    return Section("memory", "Memory", body + tables(profile), charts)


def tables(profile: Profile) -> str:
    """Return the tables on SRAM, the shorter story opened."""
    parts = []
    for name in _TABLES:
        if not missing(profile, name):
            table: Table = TABLES[name](profile, RenderOptions(top=_ROWS), audience="people")
            if table.rows:
                html = table_html(table, Look(f"table-{name}", titled=False))
                parts.append(details(table.title, html, opened=name in _OPENED))
    return "".join(parts)


def _chart(profile: Profile, memory: MemoryProfile) -> tuple[Chart, list[str], list[tuple[str, str]]]:
    """Return the chart, what it leaves out, and its legend."""
    opening = span_of(profile, PlotOptions())
    whole = replace(span_of(profile, PlotOptions(whole=True)), note="")
    plan = panels(profile, whole)
    levels = _levels(profile)
    heights = [_CURVE_PIXELS, *([_BAND_PIXELS * len(levels)] if levels else []),
               *(round(panel.height * _PANEL_PIXELS_PER_INCH) for panel in plan.panels)]  # fmt: skip
    layout = _layout(heights, opening, whole)
    rows, traces, notes = _curve(profile, memory, opening, whole)
    layout["yaxis"] |= {"title": {"text": "bytes"}, "tickformat": ",", "rangemode": "tozero", "fixedrange": True}
    layout["shapes"], layout["annotations"] = _levels_of(profile, memory, rows, opening)
    axis = 2
    if levels:
        bands, note = _bands(profile, levels)
        traces += bands
        notes += note
        layout["yaxis2"] |= {"visible": False, "fixedrange": True, "range": [len(levels) - 0.5, -0.5]}
        axis += 1
    colors = writer_colors(profile, plan)
    labelled = _largest([(each, panel) for panel in plan.panels for each in panel.buffers], MOST_LABELS)
    shown = _largest([(each, panel) for panel in plan.panels for each in panel.buffers], MOST_BUFFERS)
    for at, panel in enumerate(plan.panels, axis):
        traces.append(_panel(profile, panel, at, colors, labelled, shown))
        layout[f"yaxis{at}"] |= _panel_axis(panel)
        layout["annotations"].append(_caption(panel, at))
        layout["shapes"] += _unused(panel, at)
    notes += _map_notes(memory, plan, shown)
    clock = _milliseconds(profile, whole)
    if clock is not None:
        layout["xaxis2"] = {"overlaying": "x", "matches": "x", "anchor": "y", "side": "top", "showgrid": False,
                            "zeroline": False, "ticks": "outside", "range": layout["xaxis"]["range"]}  # fmt: skip
        traces.append({"type": "scatter", "xaxis": "x2", "x": [None], "y": [None], "hoverinfo": "skip"})
    about = "SRAM over time: live bytes by zone, below them the layers, and each buffer by its addresses"
    height = sum(heights) + _GAP_PIXELS * len(heights) + _AXIS_PIXELS
    entries = [(zone, palette.ZONE_COLORS[zone]) for zone in zones(memory)]
    return Chart("memory-chart", about, traces, layout, height, _spans(profile), clock), notes, entries


def _milliseconds(profile: Profile, whole: Span) -> dict[str, float] | None:
    """Return what the second axis of time needs (see `Chart`); None where the clock changed while layers ran."""
    phase = phase_of(profile, whole)
    if phase is None:
        return None
    start, end, core_hz, before_ms = phase
    return {"start": start, "end": end, "hz": core_hz, "before": before_ms}


def _layout(heights: Sequence[int], opening: Span, whole: Span) -> dict[str, Any]:
    """Return axes one below the other: y, y2 ... from the top down, all on one time."""
    inner = sum(heights) + _GAP_PIXELS * len(heights)
    layout: dict[str, Any] = {
        "margin": {"l": 76, "r": 10, "t": 0, "b": _AXIS_PIXELS}, "showlegend": False, "barmode": "overlay",
        "hovermode": "closest", "bargap": 0,
        "xaxis": {"title": {"text": "cycles"}, "tickformat": "~s", "range": [opening.start_cycles, opening.end_cycles],
                  "minallowed": whole.start_cycles, "maxallowed": whole.end_cycles,
                  "anchor": f"y{len(heights)}" if len(heights) > 1 else "y"},
    }  # fmt: skip
    top = 1.0
    for at, height in enumerate(heights, 1):
        top -= _GAP_PIXELS / inner
        bottom = max(0.0, top - height / inner)
        layout[f"yaxis{at}" if at > 1 else "yaxis"] = {"domain": [bottom, top], "anchor": "x"}
        top = bottom
    return layout


def _curve(
    profile: Profile, memory: MemoryProfile, opening: Span, whole: Span
) -> tuple[list[int], list[Trace], list[str]]:
    """Return the rows of the timeline that are drawn, the stacked curve, and what was left out."""
    timeline = memory.timeline
    rows = list(range(len(timeline.start_cycles)))
    notes = []
    if len(rows) > 2 * COLUMNS:
        rows = sorted({*thinned(memory, whole)[1], *thinned(memory, opening)[1]})
        notes.append(
            f"the curve shows {numbers.count(len(rows))} of {numbers.count(len(timeline.start_cycles))} stretches of "
            "time: of those too close to tell apart, the one with most live"
        )
    starts = [timeline.start_cycles[row] for row in rows]
    ends = [*starts[1:], max(whole.end_cycles, starts[-1])]
    below = [0] * len(rows)
    traces: list[Trace] = []
    for at, zone in enumerate(zones(memory)):
        below = [low + timeline.live_by_zone[zone][row] for low, row in zip(below, rows, strict=True)]
        traces.append({
            "type": "scatter", "mode": "lines", "name": zone, "x": [*starts, ends[-1]], "y": [*below, below[-1]],
            "line": {"shape": "hv", "width": 0}, "fill": "tonexty" if at else "tozeroy",
            "fillcolor": palette.ZONE_COLORS[zone], "hoverinfo": "skip",
        })  # fmt: skip
    top = max(reserved(memory), *(timeline.live_bytes[row] for row in rows), 1)
    names = Names(profile.layers, dotted=True)
    traces.append({  # nothing to see: it answers the pointer anywhere above or in the curve
        "type": "bar", "x": [start + (end - start) / 2 for start, end in zip(starts, ends, strict=True)],
        "width": [end - start for start, end in zip(starts, ends, strict=True)], "y": [top] * len(rows),
        "marker": {"color": "rgba(0,0,0,0)", "line": {"width": 0}}, "hoverinfo": "text",
        "hovertext": [_stretch(memory, names, row) for row in rows],
        "customdata": [_key(profile, timeline.activation[row]) for row in rows], "meta": "quiet",
    })  # fmt: skip
    return rows, traces, notes


def _stretch(memory: MemoryProfile, names: Names, row: int) -> str:
    """Return what is shown of a stretch of time."""
    timeline = memory.timeline
    where = names.activation(timeline.activation[row])
    parts = [f"{zone} {numbers.count(column[row])}" for zone, column in timeline.live_by_zone.items() if column[row]]
    lines = [
        f"{bytes_text(timeline.live_bytes[row])} live" + (f": {', '.join(parts)}" if parts else ""),
        f"stack {bytes_text(timeline.stack_bytes[row])} deep, heap {bytes_text(timeline.heap_bytes[row])} allocated",
        f"from cycle {numbers.count(timeline.start_cycles[row])}",
    ]
    return "<br>".join(escape(line) for line in (where, *lines) if line)


def _levels_of(
    profile: Profile, memory: MemoryProfile, rows: Sequence[int], opening: Span
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return lines for what is reserved and for the board's limit where it is in scale, and the mark of the peak."""
    reserved_bytes = reserved(memory)
    limit = memory.budget.sram_bytes
    highest = max([reserved_bytes, *(memory.timeline.live_bytes[row] for row in rows), 1])
    levels = [(reserved_bytes, f"reserved: {bytes_text(reserved_bytes)}", "dash")]
    if 0 < limit <= 1.5 * highest:
        levels.append((limit, f"{profile.board.name}: {bytes_text(limit)} of SRAM", "solid"))
    shapes = [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": y, "y1": y,
               "line": {"width": 1, "dash": dash}} for y, _, dash in levels]  # fmt: skip
    notes: list[dict[str, Any]] = [
        {"xref": "paper", "x": 1, "xanchor": "right", "yref": "y", "y": y, "yanchor": "bottom", "text": escape(text),
         "showarrow": False} for y, text, _ in levels
    ]  # fmt: skip
    if memory.peak >= 0:
        timeline = memory.timeline
        start = timeline.start_cycles[memory.peak]
        share = (start - opening.start_cycles) / max(1, opening.end_cycles - opening.start_cycles)
        side = "left" if share < _NEAR else "right" if share > 1 - _NEAR else "center"  # else it were cut at the edge
        notes.append({
            "xref": "x", "x": start, "xanchor": side, "yref": "y", "y": timeline.live_bytes[memory.peak],
            "text": escape(f"peak: {bytes_text(timeline.live_bytes[memory.peak])} live"), "showarrow": True,
            "arrowhead": 2, "ax": 0, "ay": -28, "bgcolor": "paper",
        })  # fmt: skip
    return shapes, notes


def _levels(profile: Profile) -> list[list[int]]:
    """Return the runs of layers by how deep they are nested."""
    layers = profile.layers
    levels: list[list[int]] = []
    depth: list[int] = []
    for at, run in enumerate(layers.activations if layers is not None else ()):
        depth.append(depth[run.parent] + 1 if run.parent >= 0 else 0)
        levels += [[]] if depth[at] >= len(levels) else []
        levels[depth[at]].append(at)
    return levels


def _bands(profile: Profile, levels: Sequence[Sequence[int]]) -> tuple[list[Trace], list[str]]:
    """Return a row of bands for each level of layers."""
    layers = profile.layers
    assert layers is not None
    names = Names(layers, dotted=True)
    every = [(at, level) for level, runs in enumerate(levels) for at in runs]
    longest = sorted(every, key=lambda each: (_cycles(layers.activations[each[0]]), each[0]))[::-1][:MOST_BANDS]
    shown = sorted(longest)
    labelled = {at for at, _ in longest[:MOST_LABELS]}
    runs = [layers.activations[at] for at, _ in shown]
    trace = {
        "type": "bar", "orientation": "h", "yaxis": "y2", "y": [level for _, level in shown],
        "base": [run.start_cycles for run in runs], "x": [_cycles(run) for run in runs], "width": 0.86,
        "marker": {"color": [_TINTS[place % 2] for place in range(len(runs))], "line": {"width": 0}},
        "text": [escape(names.layer(layers.activations[at].layer)) if at in labelled else "" for at, _ in shown],
        "textposition": "none",  # the page writes names where there is room for them
        "insidetextfont": {"color": "#111111"}, "customdata": [f"layer:{run.layer}" for run in runs],
        "hovertext": [_run(names, at, layers.activations[at]) for at, _ in shown], "hoverinfo": "text",
    }  # fmt: skip
    left = len(every) - len(shown)
    notes = [f"{numbers.things(left, 'short run of a layer is', 'short runs of layers are')} not drawn"] if left else []
    return [trace], notes


def _cycles(run: Activation) -> int:
    return run.end_cycles - run.start_cycles


def _run(names: Names, at: int, run: Activation) -> str:
    lines = [names.activation(at), f"{numbers.count(run.total_cycles)} cycles",
             f"live peak {bytes_text(run.live_peak_bytes)}, stack {numbers.count(run.stack_bytes)}"]  # fmt: skip
    return "<br>".join(map(escape, lines))


def _largest(buffers: list[tuple[Buffer, Panel]], most: int) -> set[int]:
    """Return the largest by bytes times cycles, by identity."""
    ranked = sorted(
        enumerate(buffers),
        key=lambda each: (-(each[1][0].end - each[1][0].start) * (each[1][0].last_cycles - each[1][0].first_cycles + 1),
                          each[0]),
    )  # fmt: skip
    return {id(buffer) for _, (buffer, _) in ranked[:most]}


def _panel(
    profile: Profile, panel: Panel, axis: int, colors: dict[int, str], labelled: set[int], shown: set[int]
) -> Trace:
    """Return the buffers of a panel as rectangles."""
    layers = profile.layers
    names = Names(layers, dotted=True)
    buffers = [each for each in panel.buffers if id(each) in shown]
    writers = [layers.activations[each.writer].layer if layers and each.writer >= 0 else -1 for each in buffers]
    spots = [(panel.addresses.y(each.start), panel.addresses.y(each.end)) for each in buffers]
    labels = [names.layer(at) if layers and at >= 0 else each.owner for at, each in zip(writers, buffers, strict=True)]
    return {
        "type": "bar", "orientation": "h", "yaxis": f"y{axis}", "y": [(low + high) / 2 for low, high in spots],
        "width": [high - low for low, high in spots], "base": [each.first_cycles for each in buffers],
        "x": [max(1, each.last_cycles - each.first_cycles) for each in buffers],
        "marker": {"color": [colors.get(at, palette.OTHER) for at in writers], "line": {"width": 0.6}},
        "text": [escape(label) if id(each) in labelled else "" for label, each in zip(labels, buffers, strict=True)],
        "textposition": "none",  # the page writes names where there is room for them
        "insidetextfont": {"color": [palette.ink_on(colors.get(at, palette.OTHER)) for at in writers]},
        "customdata": [f"layer:{at}" if at >= 0 else "" for at in writers],
        "hovertext": [_buffer(names, each) for each in buffers], "hoverinfo": "text",
    }  # fmt: skip


def _buffer(names: Names, buffer: Buffer) -> str:
    lines = [
        f"{bytes_text(buffer.end - buffer.start)} of {buffer.owner} ({buffer.zone})",
        f"{numbers.address(buffer.start)} up to {numbers.address(buffer.end)}",
    ]
    writer, reader = names.activation(buffer.writer), names.activation(buffer.reader)
    lines += [f"written by {writer}", f"last read by {reader}"] if writer else []
    lines.append(f"cycles {numbers.count(buffer.first_cycles)} to {numbers.count(buffer.last_cycles)}")
    return "<br>".join(map(escape, lines))


def _panel_axis(panel: Panel) -> dict[str, Any]:
    """Return the axis of a panel: bytes from an arena's start, or the addresses at which pieces begin."""
    axis: dict[str, Any] = {"range": [0, panel.addresses.height_bytes], "tickformat": ","}
    if panel.arena is None:
        least = panel.addresses.height_bytes / max(1.0, panel.height * 5)
        ticks: list[tuple[int, str]] = []
        for (start, _), bottom in zip(panel.addresses.pieces, panel.addresses.bottoms(), strict=True):
            if not ticks or bottom - ticks[-1][0] >= least:
                ticks.append((bottom, numbers.address(start)))
        axis |= {"tickvals": [at for at, _ in ticks], "ticktext": [text for _, text in ticks]}
    return axis


def _caption(panel: Panel, axis: int) -> dict[str, Any]:
    return {"xref": "paper", "x": 0, "xanchor": "left", "yref": f"y{axis} domain", "y": 1, "yanchor": "bottom",
            "text": escape(panel.caption), "showarrow": False, "name": "caption"}  # fmt: skip


def _unused(panel: Panel, axis: int) -> list[dict[str, Any]]:
    """Return a shade on what of an arena was never used."""
    arena = panel.arena
    if arena is None or arena.used_bytes >= arena.size_bytes:
        return []
    return [{"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "yref": f"y{axis}", "y0": arena.used_bytes,
             "y1": arena.size_bytes, "fillcolor": _UNUSED, "line": {"width": 0}, "layer": "below"}]  # fmt: skip


def _map_notes(memory: MemoryProfile, plan: Plan, shown: set[int]) -> list[str]:
    notes = ["colours of buffers are of the layer that wrote them, grey: outside of layers"] if plan.panels else []
    count = sum(len(panel.buffers) for panel in plan.panels) - len(shown)
    if count > 0:
        notes.append(f"{numbers.things(count, 'buffer', 'buffers')} of the least bytes and cycles not drawn")
    if memory.buffers_left_out:
        notes.append(f"{numbers.things(memory.buffers_left_out, 'later buffer was', 'later buffers were')} not kept")
    return notes + ([plan.note] if plan.note else [])


def _key(profile: Profile, activation: int) -> str:
    return f"layer:{profile.layers.activations[activation].layer}" if profile.layers and activation >= 0 else ""


_MOST_SPANS = 60  # of one layer that are marked in time


def _spans(profile: Profile) -> dict[str, list[list[int]]]:
    """Return when each layer ran, the first times of those that ran very often."""
    spans: dict[str, list[list[int]]] = {}
    for run in profile.layers.activations if profile.layers is not None else ():
        mine = spans.setdefault(f"layer:{run.layer}", [])
        if len(mine) < _MOST_SPANS:
            mine.append([run.start_cycles, run.end_cycles])
    return spans
