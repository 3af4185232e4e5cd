# SPDX-License-Identifier: Apache-2.0
"""Live bytes of SRAM at each layer's peak, and what they were for: the bars that papers on memory show."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from matplotlib.figure import Figure

from mcusim.errors import McusimError
from mcusim.plots import PlotOptions, palette
from mcusim.plots.bars import Bar, Chart, Part, draw_chart
from mcusim.plots.scene import bytes_text, title_of
from mcusim.profile import Profile
from mcusim.profile_memory import Buffer, MemoryProfile
from mcusim.reports.layer_names import chosen_activations, in_order

_PARTS = [
    Part("input, read here last", palette.SKY),
    Part("kept for later layers", palette.GREEN),
    Part("scratch", palette.YELLOW),
    Part("output", palette.BLUE),
    Part("stack", palette.VERMILION),
    Part("other", palette.OTHER, palette.OTHER_HATCH),
]
_LINE_IN_SCALE = 2.0


def draw(profile: Profile, options: PlotOptions) -> Figure:
    """Return the picture: of each layer that has none nested in it, the run with the highest peak."""
    layers, memory = profile.layers, profile.memory
    assert layers is not None
    assert memory is not None
    chosen = {id(run) for run in chosen_activations(layers, options.inference)}
    highest: dict[int, int] = {}
    for at, run in enumerate(layers.activations):
        before = highest.get(run.layer)
        if id(run) in chosen and (before is None or run.live_peak_bytes > layers.activations[before].live_peak_bytes):
            highest[run.layer] = at
    parents = {layer.parent for layer in layers.layers}
    bars = []
    for place in in_order(layers):
        if place.layer in highest and place.layer not in parents:
            values = split(profile, memory, highest[place.layer])
            live_bytes = layers.activations[highest[place.layer]].live_peak_bytes
            mark = live_bytes if live_bytes < sum(values) else None
            bars.append(Bar(place.number, layers.layers[place.layer].name, values, mark))
    if not bars:
        raise McusimError("--kind layers: no layer ran in what would be shown: try another --inference")
    budget = memory.budget
    reserved_bytes = budget.statics_bytes + budget.stack_bytes + budget.heap_bytes
    top = max(bar.whole for bar in bars)
    text = f"reserved: {bytes_text(reserved_bytes)}"
    lines, notes = [], ["each layer at its own peak; peaks of layers do not add up"]
    if any(bar.mark is not None for bar in bars):
        notes.append(
            "bars are whole buffers; the black mark is what was live at the same time, less where buffers were still "
            "being written or already read in part"
        )
    if top < reserved_bytes <= _LINE_IN_SCALE * top:
        lines.append((float(reserved_bytes), text))
    elif reserved_bytes:
        notes.append(text)
    written = [f"{round(bar.whole):,}" for bar in bars]
    title = title_of(profile, "SRAM of each layer at its peak", options)
    return draw_chart(Chart(title, _PARTS, bars, 1024, "KiB", written, lines, notes))


def split(profile: Profile, memory: MemoryProfile, activation: int) -> tuple[int, ...]:
    """Return the bytes of the buffers that are live at the peak of one run of a layer, in the order of `_PARTS`.

    They may be more than were live: of a buffer that is being written or read for the last time, a part is live.
    The last part is what the network neither wrote nor read, and what no buffer explains (those beyond the limit).
    """
    assert profile.layers is not None
    run = profile.layers.activations[activation]
    start, end, stack_bytes = _peak_of(memory, run.start_cycles, run.end_cycles)
    parts = [0] * len(_PARTS)
    for buffer in memory.buffers:
        if buffer.first_cycles < end and buffer.last_cycles > start:
            parts[_purpose(buffer, activation)] += buffer.end - buffer.start
    parts[4] = stack_bytes
    parts[5] += max(0, run.live_peak_bytes - sum(parts))
    return tuple(parts)


def _purpose(buffer: Buffer, activation: int) -> int:
    """Return what a buffer is for in this run, as a place in `_PARTS`."""
    if buffer.writer == activation:
        return 2 if buffer.reader == activation else 3
    if buffer.writer < 0 and buffer.reader < 0:
        return 5  # the network has no part in it
    return 0 if buffer.reader == activation else 1


def _peak_of(memory: MemoryProfile, start_cycles: int, end_cycles: int) -> tuple[int, int, int]:
    """Return the stretch of these cycles with most live bytes, and the bytes of stack in it."""
    timeline = memory.timeline
    starts: Sequence[int] = timeline.start_cycles
    first = max(0, bisect_right(starts, start_cycles) - 1)
    last = max(first + 1, bisect_left(starts, end_cycles))
    row = max(range(first, last), key=lambda at: (timeline.live_bytes[at], -at))
    end = starts[row + 1] if row + 1 < len(starts) else max(end_cycles, starts[row] + 1)
    stack = timeline.live_by_zone.get("stack")
    return starts[row], end, stack[row] if stack else 0
