# SPDX-License-Identifier: Apache-2.0
"""A network built by hand, as large as one likes, so that reports and pictures are tested with no simulator running.

A chain of layers in one arena: each reads the tensor of the layer before it, holds the tensor of two layers before
where there is a residual, uses scratch, and writes its own. Sums are right by construction: self cycles of layers and
of what ran outside them add up to the run's, the live bytes of a stretch to those of the buffers that are live in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

from fakes import make_profile

from mcusim.profile import Profile, StackInfo
from mcusim.profile_memory import (
    ZONES,
    Activation,
    Arena,
    Budget,
    Buffer,
    Finding,
    FlashSymbol,
    Heap,
    HeapSite,
    Layer,
    Layers,
    MemoryProfile,
    Outside,
    RegionUse,
    Static,
    Timeline,
)

ARENA = 0x2000_0410
ARENA_BYTES = 104_000
STATICS = 0x2000_0000
HEAP = 0x2001_A000
KINDS = ("conv2d", "depthwise_conv2d", "pointwise_conv2d", "add")
NAMES = ("arm_convolve_s8", "arm_depthwise_conv_s8", "arm_convolve_1x1_s8_fast", "arm_elementwise_add_s8")
STACK_BYTES = (88, 120, 64, 40)
_NETWORK_CYCLES = 9_000_000  # of the fake's 10,973,137


DEEPEST = ["Reset_Handler", "main", "network_run", "conv2d_1x1", "requantize"]


@dataclass
class _Network:
    """What is being built: `parents[i]` is the parent of layer i, `leaves` run kernels."""

    parents: list[int]
    leaves: list[int]
    inferences: int
    activations: list[Activation] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    timeline: Timeline = field(default_factory=lambda: Timeline(live_by_zone={zone: [] for zone in ZONES}))
    self_cycles: dict[int, int] = field(default_factory=dict)


def tensor_bytes(index: int, layers: int) -> int:
    """Return the size of the tensor that layer `index` writes: large in the first layers, small in the last."""
    return max(10, 30_720 * (layers - index) // layers // (1 + index % 3))


def make_network_profile(
    layers: int = 10, *, inferences: int = 1, patches: int = 0, heap: bool = True, findings: bool = False
) -> Profile:
    """Return a profile of `layers` kernels; the first `patches` of them stand below a layer `patch_stage`."""
    parents = [-1] + [0] * patches if patches else []
    first = len(parents)
    parents += [-1] * (layers - patches)
    leaves = [index for index in range(len(parents)) if index > 0 or not patches]
    network = _Network(parents, leaves, inferences)
    profile = make_profile()
    _run(network, profile.totals.cycles, heap)
    profile.layers = _layers(network, profile.totals.cycles, first)
    profile.memory = _memory(network, heap=heap, findings=findings)
    profile.stacks = [StackInfo("main", 0x2001_C000, 0x2001_E000, 1_304, "", DEEPEST)]
    return profile


def _run(network: _Network, whole_cycles: int, heap: bool) -> None:
    """Let the inferences run, one after the other, with time outside of layers before, between and after them."""
    runs = network.inferences
    start_up = 600_000
    between = (whole_cycles - _NETWORK_CYCLES - start_up) // (runs + 1)
    _stretch(network, 0, -1, heap)
    now = start_up
    for inference in range(runs):
        now = _infer(network, inference, now, _NETWORK_CYCLES // runs, heap)
        _stretch(network, now, -1, heap)
        now += between
    _fill_live(network, whole_cycles)


def _infer(network: _Network, inference: int, now: int, cycles: int, heap: bool) -> int:
    """Run one inference of about `cycles`, return the clock after it."""
    count = len(network.leaves)
    weights = [3 + 5 * (place % 4 == 0) + (place * 7) % 5 for place in range(count)]
    first = len(network.activations)
    tensors: list[Buffer] = [_tensor(network, -1, now)]
    for place, layer in enumerate(network.leaves):
        parent = network.parents[layer]
        above = -1
        if parent >= 0:
            above = first
            if layer == parent + 1:
                network.activations.append(Activation(parent, inference, -1, now, now, 400, 400, 0, 24))
                _stretch(network, now, above, heap)
                now += 400
        end = now + cycles * weights[place] // sum(weights) - 200 - 37 * inference * (place % 2)
        mine = len(network.activations)
        spent = end - now - (60 if place == 1 else 0)  # a handler ran inside the second
        stack = STACK_BYTES[place % 4]
        network.activations.append(Activation(layer, inference, above, now, end, spent, spent, 0, stack))
        _compute(network, tensors, place, mine, now, end)
        _stretch(network, now, mine, heap)
        _stretch(network, now + (end - now) // 2, mine, heap)
        now = end
        if above >= 0:
            outer = network.activations[above]
            outer.total_cycles += spent
            outer.end_cycles = now
    tensors[-1].last_cycles, tensors[-1].reader = now + 100, -1
    return now


@cache
def plan(count: int) -> list[tuple[int, int]]:
    """Return where each tensor lies in the arena, as [start, end): first fit, in 256-byte steps (the input first).

    A tensor is read by the next layer, and by the one after the next two where that is an addition.
    """
    placed: list[tuple[int, int, int]] = []
    spans = []
    for tensor in range(count + 1):
        size = tensor_bytes(tensor - 1, count) if tensor else 27_648
        taken = sorted((start, end) for start, end, last in placed if last >= tensor - 1)
        start = ARENA
        for other_start, other_end in taken:
            if start + size > other_start and start < other_end:
                start = ARENA + -(-(other_end - ARENA) // 256) * 256
        last = tensor + 2 if (tensor + 2) % 4 == 3 else tensor
        placed.append((start, start + size, last))
        spans.append((start, start + size))
    assert max(end for _, end in spans) <= ARENA + ARENA_BYTES - 6_000
    return spans


def _tensor(network: _Network, place: int, now: int) -> Buffer:
    """Reserve what layer `place` writes (-1: the input)."""
    start, end = plan(len(network.leaves))[place + 1]
    buffer = Buffer(start, end, "arena", "buffer", -1, -1, max(0, now - 2_000), now)
    network.buffers.append(buffer)
    return buffer


def _compute(network: _Network, tensors: list[Buffer], place: int, mine: int, now: int, end: int) -> None:
    """Read the tensor before (and at an addition the one three before), use scratch, write the next."""
    for source in (tensors[place], *((tensors[place - 2],) if place % 4 == 3 else ())):
        source.last_cycles, source.reader = end, mine
    out = _tensor(network, place, end)
    out.writer, out.first_cycles = mine, now
    tensors.append(out)
    if place % 4 != 3:
        size = 1_152 + 64 * (place % 7)
        scratch = ARENA + ARENA_BYTES - 6_000
        network.buffers.append(Buffer(scratch, scratch + size, "arena", "buffer", mine, mine, now, end))
    if place == 2:
        network.buffers.append(Buffer(HEAP, HEAP + 1_024, "heap", "calloc in setup", mine, mine, now, end))


def _stretch(network: _Network, start: int, activation: int, heap: bool) -> None:
    """Begin a stretch."""
    timeline = network.timeline
    timeline.start_cycles.append(start)
    timeline.activation.append(activation)
    timeline.heap_bytes.append(1_536 if heap and start else 0)
    depth = 300 + (network.activations[activation].stack_bytes if activation >= 0 else 1_004 if not start else 0)
    timeline.stack_bytes.append(depth)


def _fill_live(network: _Network, whole_cycles: int) -> None:
    """Count what is live in each stretch: the buffers, the stack's, and 512 bytes of statics throughout."""
    timeline = network.timeline
    table = Buffer(STATICS, STATICS + 512, "statics", "quantisation", -1, -1, 0, whole_cycles)
    network.buffers.insert(0, table)
    ends = [*timeline.start_cycles[1:], whole_cycles]
    for row, (start, end) in enumerate(zip(timeline.start_cycles, ends, strict=True)):
        live = dict.fromkeys(ZONES, 0)
        across = 0
        for buffer in network.buffers:
            if buffer.first_cycles < end and buffer.last_cycles > start:
                live[buffer.zone] += buffer.end - buffer.start
                across += (buffer.end - buffer.start) * (buffer.last_cycles > end)
        live["stack"] = timeline.stack_bytes[row] * 3 // 4
        for zone in ZONES:
            timeline.live_by_zone[zone].append(live[zone])
        timeline.live_bytes.append(sum(live.values()))
        timeline.end_live_bytes.append(across)
        above = timeline.activation[row]
        while above >= 0:
            each = network.activations[above]
            each.live_peak_bytes = max(each.live_peak_bytes, timeline.live_bytes[row])
            above = each.parent


def _causes(cycles: int, layer: int) -> dict[str, int]:
    """Split cycles into causes, a little otherwise for each layer."""
    load, branch, fetch = cycles * (8 + layer % 5) // 100, cycles * (4 + layer % 3) // 100, cycles // 150
    return {"issue": cycles - load - branch - fetch, "load": load, "branch": branch, "fetch": fetch}


def _layers(network: _Network, whole_cycles: int, patches: int) -> Layers:
    layers = []
    for layer, parent in enumerate(network.parents):
        mine = [each for each in network.activations if each.layer == layer]
        cycles = sum(each.self_cycles for each in mine)
        siblings = [other for other in range(layer) if network.parents[other] == parent]
        stage = patches and not layer
        place = layer % 4
        side = max(2, 32 - layer)
        layers.append(
            Layer(
                name="patch_stage" if stage else NAMES[place],
                function=2 if stage else 3 + place % 2,
                parent=parent,
                index=len(siblings),
                kind="" if stage else KINDS[place],
                shape="" if stage else f"{side}x{side}x16 -> {side}x{side}x{16 + 8 * place}",
                macs=None if stage or place == 3 else side * side * 16 * (9 if place == 1 else 16 + 8 * place),
                instructions=cycles * 3 // 4,
                causes=_causes(cycles, layer),
                read_bytes={"flash": cycles // 30, "sram": cycles // 5},
                written_bytes={"sram": cycles // 40},
                code_bytes=220 + 180 * place,
                code_shared_bytes=96 + 30 * place,
                constant_bytes=0 if stage or place == 3 else 432 * (1 + layer % 9),
                constant_shared_bytes=0 if stage or place == 3 else 128,
            )
        )
    inside = sum(each.self_cycles for each in network.activations)
    handler = 60 * network.inferences
    moved = ({"flash": 4_000, "sram": 9_000}, {"sram": 6_000})
    outside = [
        Outside("Reset_Handler", "thread", whole_cycles - inside - handler, 1_400_000,
                _causes(whole_cycles - inside - handler, 0), *moved),
        Outside("SysTick_Handler", "handler", handler, handler // 2, {"issue": handler}, {"sram": 96}, {"sram": 48}),
    ]  # fmt: skip
    return Layers("tinyengine: calls made by invoke", network.inferences, layers, network.activations, outside)


def _memory(network: _Network, *, heap: bool, findings: bool) -> MemoryProfile:
    timeline = network.timeline
    peak = max(range(len(timeline.live_bytes)), key=lambda row: timeline.live_bytes[row])
    start = timeline.start_cycles[peak]
    alive = [each for each in network.buffers if each.first_cycles <= start < each.last_cycles]
    now, top = timeline.activation[peak], 0x2001_DB00
    depth = timeline.live_by_zone["stack"][peak]
    alive.append(Buffer(top - depth, top, "stack", "main", now, now, start, start + 10))
    leaves = network.leaves
    return MemoryProfile(
        regions=[
            RegionUse("flash", "flash", 0x0800_0000, 2 << 20, 1_204_000, 0, 31_404),
            RegionUse("sram", "ram", 0x2000_0000, 640 << 10, 7_340_112, 1_020_554, 107_120),
            RegionUse("peripherals", "device", 0x4000_0000, 512 << 20, 880, 412, 64),
        ],
        timeline=timeline,
        resolution_cycles=400_000,
        peak=peak,
        peak_bytes=timeline.live_bytes[peak],
        peak_buffers=[
            replace(each, live_bytes=each.end - each.start)
            for each in sorted(alive, key=lambda each: (each.start - each.end, each.start))
        ],
        buffers=sorted(network.buffers, key=lambda each: (each.first_cycles, each.start)),
        buffers_left_out=0,
        arenas=[Arena("buffer", ARENA, ARENA_BYTES, ARENA_BYTES - 2_100, max(timeline.live_by_zone["arena"]))],
        statics=[
            Static("buffer", ARENA, ARENA_BYTES, "arena", ARENA_BYTES - 3_000),
            Static("quantisation", STATICS, 512, "statics", 512),
            Static("console_line", STATICS + 512, 256, "statics", 14),
            Static(".bss without a symbol", STATICS + 768, 16, "statics", 0),
        ],
        heap=_heap() if heap else None,
        budget=Budget(640 << 10, 104_784, 1_304, 1_536 if heap else 0),
        flash_symbols=[
            FlashSymbol("conv2d_1x1", 0x0800_07C0, 388, "code", 372, leaves[::2][:12]),
            FlashSymbol("print_number", 0x0800_0EE0, 70, "code", 70, []),
            FlashSymbol("unused_kernel", 0x0800_2000, 2_204, "code", 0, []),
            FlashSymbol("weights0", 0x0800_5700, 18_432, "constants", 18_432, leaves[:1]),
            FlashSymbol("weights1", 0x0800_9F00, 4_608, "constants", 4_600, leaves[1:2]),
            FlashSymbol("multipliers", 0x0800_B100, 1_024, "constants", 1_000, leaves[:7]),
            FlashSymbol("digits", 0x0800_B500, 16, "constants", 10, []),
            FlashSymbol("unused_table", 0x0800_B510, 512, "constants", 0, []),
        ],
        sanitized=findings,
        findings=_findings(leaves) if findings else [],
    )  # fmt: skip


def _heap() -> Heap:
    return Heap(
        1_536, 610_000, 512, 2_048, 5, 4, 1,
        [
            HeapSite(["Reset_Handler", "main", "setup", "calloc"], 1, 1_024, 1_024, 0, 0),
            HeapSite(["Reset_Handler", "main", "network_run", "tflite::Prepare(TfLiteContext*, TfLiteNode*)", "malloc"],
                     4, 2_048, 512, 1, 512),
        ],
    )  # fmt: skip


def _findings(leaves: list[int]) -> list[Finding]:
    return [
        Finding("uninitialised", "read of 4 bytes that were never written", leaves[1], "conv2d_1x1", "conv2d_1x1.c", 34,
                0x0800_07C4, ARENA + 40_000, 4, 288, 1_204_000, ""),
        Finding("overlap", "write into a buffer that is still to be read", leaves[-1], "requantize", None, None,
                0x0800_0E84, ARENA + 128, 1, 1, 7_004_000, "the output of layer 2 conv2d_1x1, read by layer 5"),
    ]  # fmt: skip
