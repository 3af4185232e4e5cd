# SPDX-License-Identifier: Apache-2.0
"""Live bytes of SRAM at each layer's peak, and what they were for: the bars that papers on memory show.

A profile knows how many bytes were live at a peak, and which buffers were in use; of a buffer that was being written or
read for the last time, only a part was live. The bars are as high as what was live; above it stands, hatched, what else
the buffers have, each address counted once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from matplotlib.figure import Figure

from mcusim.errors import McusimError
from mcusim.plots import PlotOptions, palette
from mcusim.plots.addresses import merged
from mcusim.plots.bars import Bar, Chart, Part, draw_chart
from mcusim.plots.scene import bytes_text, slashed, title_of
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
_INPUT, _KEPT, _SCRATCH, _OUTPUT, _STACK, _OTHER = range(len(_PARTS))
_FIRST = (_OUTPUT, _SCRATCH, _INPUT, _KEPT, _OTHER)  # who counts an address that lies in several buffers
_REST = "same buffers, not live then"
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
            values, rest_bytes = split(profile, memory, highest[place.layer])
            bars.append(Bar(slashed(place.number), layers.layers[place.layer].name, values, rest_bytes))
    if not bars:
        raise McusimError("--kind layers: no layer ran in what would be shown: try another --inference")
    budget = memory.budget
    reserved_bytes = budget.statics_bytes + budget.stack_bytes + budget.heap_bytes
    top = max(bar.top for bar in bars)
    text = f"reserved: {bytes_text(reserved_bytes)}"
    lines, notes = [], ["each layer at its own peak; peaks of layers do not add up"]
    if any(bar.rest for bar in bars):
        notes.append(
            "numbers and coloured bars are what was live at the same time; how it divides into input and output is "
            "estimated where buffers were live in part"
        )
    if top < reserved_bytes <= _LINE_IN_SCALE * top:
        lines.append((float(reserved_bytes), text))
    elif reserved_bytes:
        notes.append(text)
    written = [f"{round(bar.whole):,}" for bar in bars]
    title = title_of(profile, "live bytes of SRAM at each layer's peak", options)
    return draw_chart(Chart(title, _PARTS, bars, 1024, "KiB", written, lines, notes, _REST))


def split(profile: Profile, memory: MemoryProfile, activation: int) -> tuple[tuple[int, ...], int]:
    """Return what was live at the peak of one run of a layer, in the order of `_PARTS`, and what its buffers have more.

    The parts add up to `Activation.live_peak_bytes`. The stack is exact, other parts are whole buffers as far as the
    live bytes reach; of input and output, which are live in part, the input counts the more the earlier the peak is in
    the layer. `other` is what the network neither wrote nor read, and what no buffer explains (those beyond the limit).
    """
    assert profile.layers is not None
    run = profile.layers.activations[activation]
    start, end, stack_bytes = _peak_of(memory, run.start_cycles, run.end_cycles)
    spans: list[list[tuple[int, int]]] = [[] for _ in _PARTS]
    for buffer in memory.buffers:
        if buffer.first_cycles < end and buffer.last_cycles > start:
            spans[_purpose(buffer, activation)].append((buffer.start, buffer.end))
    parts = _distinct(spans)
    parts[_STACK] = stack_bytes
    rest_bytes = sum(parts) - run.live_peak_bytes
    if rest_bytes <= 0:
        parts[_OTHER] -= rest_bytes
        return tuple(parts), 0
    middle = (max(start, run.start_cycles) + min(end, run.end_cycles)) / 2
    late = (middle - run.start_cycles) / max(1, run.end_cycles - run.start_cycles)
    _cut(parts, rest_bytes, min(1.0, max(0.0, late)))
    return tuple(parts), rest_bytes


def _distinct(spans: Sequence[Sequence[tuple[int, int]]]) -> list[int]:
    """Return the bytes of each part, an address that is in several counted once, for the first of `_FIRST`."""
    parts = [0] * len(_PARTS)
    counted: list[tuple[int, int]] = []
    before = 0
    for part in _FIRST:
        counted = merged([*counted, *spans[part]])
        size = sum(end - start for start, end in counted)
        parts[part], before = size - before, size
    return parts


def _cut(parts: list[int], rest_bytes: int, late: float) -> None:
    """Take so many bytes from input and output, and from the other parts where those do not suffice.

    `late` is where in the layer the peak is, from 0 to 1: an input is used up, an output grows.
    """
    have = parts[_INPUT], parts[_OUTPUT]
    room = max(0, sum(have) - rest_bytes)
    rest_bytes -= sum(have) - room
    weights = have[0] * (1 - late), have[1] * late
    share = round(room * weights[0] / sum(weights)) if sum(weights) else room
    output = min(have[1], room - min(have[0], share))
    parts[_INPUT], parts[_OUTPUT] = room - output, output
    for part in (_OTHER, _KEPT, _SCRATCH, _STACK):
        less = min(parts[part], rest_bytes)
        parts[part] -= less
        rest_bytes -= less


def _purpose(buffer: Buffer, activation: int) -> int:
    """Return what a buffer is for in this run, as a place in `_PARTS`."""
    if buffer.writer == activation:
        return _SCRATCH if buffer.reader == activation else _OUTPUT
    if buffer.writer < 0 and buffer.reader < 0:
        return _OTHER  # the network has no part in it
    return _INPUT if buffer.reader == activation else _KEPT


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
