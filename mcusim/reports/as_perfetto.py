# SPDX-License-Identifier: Apache-2.0
"""Perfetto: layers, inferences and memory over time as a Chrome trace, for ui.perfetto.dev and chrome://tracing.

With the events of a traced run (`mcusim profile --trace`) functions, interrupts and tasks as well. docs/trace.md says
how to read it.
"""

from __future__ import annotations

from collections.abc import Sequence

from mcusim.profile import Profile
from mcusim.profile_events import Events, LeftOut, Slices
from mcusim.profile_memory import Activation, Layers, Timeline
from mcusim.reports.layer_names import Labels
from mcusim.reports.numbers import percent, things
from mcusim.reports.options import RenderOptions
from mcusim.reports.trace_events import TraceEvents, as_json

MOST_FUNCTIONS_LEFT_OUT = 100  # that the file names
NO_FUNCTIONS = "functions over time are kept only by 'mcusim profile --trace FILE'"


def render(profile: Profile, options: RenderOptions) -> str:
    """Return the trace of a profile: there are no functions in it, since a profile keeps no calls over time."""
    return trace_text(profile, None)


def trace_text(profile: Profile, events: Events | None) -> str:
    """Return the file. Raises McusimError where the profile does not know the core's clock."""
    out = TraceEvents(f"{profile.image.name} on {profile.board.name}", profile.totals.clock)
    about = _about(profile, events)
    first = out.track("inferences" if profile.layers is not None else "what runs" if events is not None else "about")
    out.instant(first, _summary(profile, events), 0, about)
    if profile.layers is not None:
        _network(out, first, profile.layers)
    if events is not None:
        _calls(out, out.track("what runs") if profile.layers is not None else first, profile, events)
    if profile.memory is not None:
        _memory(out, profile.memory.timeline)
    _core(out, profile, events)
    return out.text(about)


def _summary(profile: Profile, events: Events | None) -> str:
    """Return the name of the mark that says what the trace is."""
    return NO_FUNCTIONS if events is None else left_out_words(events.left_out, profile.totals.cycles)


def left_out_words(left_out: LeftOut, cycles: int) -> str:
    """Return one line on what a trace of a run of so many cycles does not show."""
    if not left_out.calls and not left_out.pieces:
        return "every call is in it"
    share = percent(100 * left_out.self_cycles / cycles if cycles else 0.0)
    length = f"{left_out.tick_cycles:,}"
    if left_out.handler_tick_cycles:
        length += f", interrupts shorter than {left_out.handler_tick_cycles:,}"
    calls = things(left_out.calls, "call", "calls")
    return f"left out: {calls} shorter than {length} cycles, {share} of all cycles; of those it has a sample"


def _about(profile: Profile, events: Events | None) -> dict[str, object]:
    """Return what the file says of itself."""
    about: dict[str, object] = {
        "tool": profile.tool, "image": profile.image.name, "sha256": profile.image.sha256,
        "board": profile.board.name, "core": profile.board.core, "cycles": profile.totals.cycles,
        "time_s": profile.totals.time_s, "end": profile.end.text,
    }  # fmt: skip
    if events is None:
        return about | {"functions": NO_FUNCTIONS}
    left_out = events.left_out
    names = [
        {"function": profile.functions[each.function].name, "calls": each.calls, "self_cycles": each.self_cycles}
        for each in left_out.functions
    ]
    return about | {
        "slices": len(events.slices) + len(events.running),
        "left_out": {
            "calls": left_out.calls, "self_cycles": left_out.self_cycles,
            "tick_cycles": left_out.tick_cycles, "interrupt_tick_cycles": left_out.handler_tick_cycles,
            "pieces_of_tracks": left_out.pieces,
            "functions": names[:MOST_FUNCTIONS_LEFT_OUT],
            "further_functions": len(names[MOST_FUNCTIONS_LEFT_OUT:]),
        },
    }  # fmt: skip


# layers


def _network(out: TraceEvents, track: int, layers: Layers) -> None:
    for number in range(layers.inferences):
        runs = [run for run in layers.activations if run.inference == number and run.parent < 0]
        if runs:
            start, end = min(run.start_cycles for run in runs), max(run.end_cycles for run in runs)
            args = as_json({"cycles": end - start, "layers": len(runs)})
            out.slice(track, f"inference {number + 1}", start, end, args)
    labels = Labels(layers)
    tracks: list[int] = []
    for activation, lane in zip(layers.activations, _lanes(layers.activations), strict=True):
        if lane == len(tracks):
            tracks.append(out.track(f"layers ({lane + 1})" if lane else "layers"))
        args = as_json(_layer_args(layers, activation))
        name = labels.layer(activation.layer)
        out.slice(tracks[lane], name, activation.start_cycles, activation.end_cycles, args)


def _lanes(activations: Sequence[Activation]) -> list[int]:
    """Return the lane of each activation: several tasks, or a handler, may run layers at the same time."""
    until: list[int] = []
    lanes: list[int] = []
    for activation in activations:
        if activation.parent >= 0:
            lanes.append(lanes[activation.parent])
            continue
        lane = next((at for at, end in enumerate(until) if end <= activation.start_cycles), len(until))
        until[lane : lane + 1] = [activation.end_cycles]
        lanes.append(lane)
    return lanes


def _layer_args(layers: Layers, run: Activation) -> dict[str, object]:
    layer = layers.layers[run.layer]
    args: dict[str, object] = {
        "inference": run.inference + 1,
        "cycles": run.total_cycles,
        "self_cycles": run.self_cycles,
    }
    if layer.kind:
        args["kind"] = layer.kind
    if layer.shape:
        args["shape"] = layer.shape
    if layer.macs is not None:
        args["macs"] = layer.macs
    args |= {"live_peak_bytes": run.live_peak_bytes, "stack_bytes": run.stack_bytes}
    return args | {"cut": "the run ended within it"} if run.cut else args


# functions


def _calls(out: TraceEvents, core: int, profile: Profile, events: Events) -> None:
    names = [profile.functions[node.function].name for node in profile.tree]
    for start, end, _, total, _, track, _ in events.running.rows():
        out.slice(core, events.tracks[track].title, start, end, f'{{"cycles":{total}}}')
    tracks = [out.track(f"{each.title} thread" if each.kind == "thread" else f"{each.kind} {each.title}")
              for each in events.tracks]  # fmt: skip
    hidden = _hidden(profile, events.slices) if events.left_out.calls else [0] * len(events.slices)
    for row, unseen in zip(events.slices.rows(), hidden, strict=True):
        start, end, own, total, node, track, cut = row
        args = f'{{"cycles":{total},"self_cycles":{own}'
        if total != end - start:
            args += f',"interrupted_cycles":{end - start - total}'
        if unseen:
            args += f',"left_out_cycles":{unseen}'
        if cut:
            args += ',"cut":"the run ended within it"'
        out.slice(tracks[track], names[node], start, end, args + "}")


def _hidden(profile: Profile, slices: Slices) -> list[int]:
    """Return for each slice the cycles of what it called and is not shown."""
    hidden = [total - own for own, total in zip(slices.self_cycles, slices.total_cycles, strict=True)]
    stacks: dict[int, list[int]] = {}  # by track: slices, each in the one before
    for at, (node, track) in enumerate(zip(slices.node, slices.track, strict=True)):
        stack, caller = stacks.setdefault(track, []), profile.tree[node].parent
        while stack and slices.node[stack[-1]] != caller:
            stack.pop()
        if stack:
            hidden[stack[-1]] -= slices.total_cycles[at]
        stack.append(at)
    return hidden


# counters


def _memory(out: TraceEvents, timeline: Timeline) -> None:
    columns = [("live SRAM", timeline.live_bytes)]
    used = {zone: values for zone, values in timeline.live_by_zone.items() if any(values)}
    if len(used) > 1:
        columns += [(f"live SRAM: {zone}", values) for zone, values in used.items()]
    columns += [("stack", timeline.stack_bytes), ("heap", timeline.heap_bytes)]
    for title, values in columns:
        if any(values):
            out.counter(title, "bytes", zip(timeline.start_cycles, values, strict=True))


def _core(out: TraceEvents, profile: Profile, events: Events | None) -> None:
    clock = profile.totals.clock
    out.counter("clock", "MHz", ((phase.start_cycles, phase.core_hz / 1e6) for phase in clock))
    for counter in events.counters if events is not None else ():
        out.counter(counter.title, counter.unit, zip(counter.cycles, counter.values, strict=True))
