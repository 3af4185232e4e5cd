# SPDX-License-Identifier: Apache-2.0
"""The profile's part on layers and memory: who needed which bytes, when. Plain data, like `mcusim.profile`.

Words, settled once:

- *layer*: a position in the network, such as the third convolution. An *activation* is one run of it in one inference.
- *live*: a byte of SRAM is live from its last write to the last read before its next write.
- *stretch*: a piece of the timeline. Each activation begins and ends one; long ones are cut further.
- *zone*: what a byte of SRAM is reserved for: arena, statics, heap, stack, other.
- *region*: a memory of the board, by its name in the board's file.
"""

from __future__ import annotations

from dataclasses import dataclass, field

ZONES = ("arena", "statics", "heap", "stack", "other")  # in the order in which pictures stack them, from the bottom


@dataclass
class Layer:
    """A position in the network. Sums are over all its activations and without nested layers, handlers, other tasks.

    `function` is an index into `Profile.functions`, -1 for a layer named by a marker. `parent` is an index into
    `Layers.layers`, -1 at the top; parents come first. `index` is the place among the layers of one parent in one
    inference. `kind` names the operator (conv2d, depthwise_conv2d, fully_connected, ...), '' where nothing tells.
    `shape` and `macs` (of one activation) are of the kernel's arguments, '' and None where nothing tells.
    Flash bytes are distinct ones: code executed, constants read; those that other layers use too are `shared`.
    """

    name: str
    function: int
    parent: int
    index: int
    kind: str
    shape: str
    macs: int | None
    instructions: int
    causes: dict[str, int]
    read_bytes: dict[str, int]  # by region
    written_bytes: dict[str, int]  # by region
    code_bytes: int
    code_shared_bytes: int
    constant_bytes: int
    constant_shared_bytes: int


@dataclass
class Activation:
    """One run of a layer. `total_cycles` counts nested layers, `self_cycles` does not; neither counts handlers.

    `layer` is an index into `Layers.layers`, `parent` into `Layers.activations` (-1 at the top). `live_peak_bytes` is
    the most bytes of SRAM that were live within one stretch of it (0 where memory was not tracked), `stack_bytes` what
    it and what it called added to the stack.
    """

    layer: int
    inference: int
    parent: int
    start_cycles: int
    end_cycles: int
    self_cycles: int
    total_cycles: int
    live_peak_bytes: int
    stack_bytes: int
    cut: bool = False  # the run ended within it: its figures are of a part


@dataclass
class Outside:
    """What ran outside every layer: the reset thread, a handler, a task. `name` is its root function's."""

    name: str
    kind: str  # thread, handler, task
    self_cycles: int
    instructions: int
    causes: dict[str, int]
    read_bytes: dict[str, int]
    written_bytes: dict[str, int]


@dataclass
class Layers:
    """The layers that were found, by which rule, and what ran outside them. All cycles add up to those of the run."""

    rule: str  # in words
    inferences: int
    layers: list[Layer]
    activations: list[Activation]  # in the order of their starts
    outside: list[Outside]
    left_out: int = 0  # activations beyond the limit: their cycles are their parent's
    inferences_by: str = ""  # in words, how they were told apart; '' where there is one

    def numbers(self) -> list[str]:
        """Return the number of each layer as reports print it: '0.2' is the third layer within the first one."""
        numbers: list[str] = []
        for layer in self.layers:
            numbers.append(f"{numbers[layer.parent]}.{layer.index}" if layer.parent >= 0 else str(layer.index))
        return numbers

    def whole_inferences(self) -> list[list[Activation]]:
        """Return the outermost runs of layers of each inference that the run's end has not cut."""
        cut = {run.inference for run in self.activations if run.cut}
        found: dict[int, list[Activation]] = {}
        for run in self.activations:
            if run.parent < 0 and run.inference not in cut:
                found.setdefault(run.inference, []).append(run)
        return [found[inference] for inference in sorted(found)]


@dataclass
class RegionUse:
    """A memory of the board and how it was used. `touched_bytes` are distinct bytes that were read or written."""

    name: str
    kind: str
    start: int
    size_bytes: int
    read_bytes: int
    written_bytes: int
    touched_bytes: int


@dataclass
class Timeline:
    """Columns, one row a stretch, in time. A stretch ends where the next one starts, the last one with the run.

    `live_bytes` are distinct bytes that were live at some time within the stretch, `end_live_bytes` those that were
    live across its end (exact). `live_by_zone` splits `live_bytes`. `stack_bytes` is the depth of the stack in use at
    its deepest, `heap_bytes` what was allocated at most. `activation` is an index into `Layers.activations`, or -1.
    """

    start_cycles: list[int] = field(default_factory=list)
    activation: list[int] = field(default_factory=list)
    live_bytes: list[int] = field(default_factory=list)
    end_live_bytes: list[int] = field(default_factory=list)
    stack_bytes: list[int] = field(default_factory=list)
    heap_bytes: list[int] = field(default_factory=list)
    live_by_zone: dict[str, list[int]] = field(default_factory=dict)


@dataclass
class Buffer:
    """Neighbouring bytes that one activation wrote and that were read last in one activation: [start, end).

    `writer` and `reader` are indices into `Layers.activations`, -1: outside every layer. `owner` is what the bytes are
    reserved by: a symbol, a stack, an allocation. `first_cycles` and `last_cycles` are the start of the stretch that
    wrote it and the end of the stretch that read it last. `live_bytes` is for `MemoryProfile.peak_buffers`: how many of
    them were live then (an input whose first rows have been used lives no more as a whole); elsewhere 0.
    """

    start: int
    end: int
    zone: str
    owner: str
    writer: int
    reader: int
    first_cycles: int
    last_cycles: int
    live_bytes: int = 0


@dataclass
class Arena:
    """An array that a framework plans tensors into.

    `used_bytes` reaches to the last byte that was live once, or written by a layer; `lived_bytes` are all those, and
    `gap_bytes` is the longest row of others (frameworks may plan from both ends). `live_peak_bytes` is exact for the
    only arena that was used; of several it is a bound, by whole buffers.
    """

    name: str
    start: int
    size_bytes: int
    used_bytes: int
    live_peak_bytes: int
    lived_bytes: int = 0
    gap_bytes: int = 0


@dataclass
class Static:
    """A variable (or what a section reserves without one) in SRAM; `used_bytes` as those of an arena, but counted."""

    name: str
    address: int
    size_bytes: int
    zone: str
    used_bytes: int


@dataclass
class HeapSite:
    """What one path of calls has allocated. `path` runs from the outermost function to the one that allocated."""

    path: list[str]
    allocations: int
    allocated_bytes: int  # in sum
    peak_bytes: int  # at the same time
    leaked_blocks: int
    leaked_bytes: int  # not freed when the run ended


@dataclass
class Heap:
    """Allocations as the firmware asked for them. `reserved_bytes` is what _sbrk has handed out, 0 without it."""

    peak_bytes: int
    peak_cycles: int
    end_bytes: int
    reserved_bytes: int
    allocations: int
    frees: int
    failed: int
    sites: list[HeapSite]


@dataclass
class Budget:
    """SRAM of the board, and what is reserved of it: statics (arenas among them), stacks and heap at their deepest."""

    sram_bytes: int
    statics_bytes: int
    stack_bytes: int
    heap_bytes: int
    memories: int = 1  # that the board's SRAM is in; what is left may be in several

    @property
    def left_bytes(self) -> int:
        """What is left of the board's SRAM; negative where the firmware needs more than there is."""
        return self.sram_bytes - self.statics_bytes - self.stack_bytes - self.heap_bytes


@dataclass
class FlashSymbol:
    """A function or constant of the image. Of code `used_bytes` were executed or read, of constants read."""

    name: str
    address: int
    size_bytes: int
    kind: str  # code, constants
    used_bytes: int
    layers: list[int]  # that used it, indices into `Layers.layers`


@dataclass
class Finding:
    """What the sanitizer found, once for each place. `other` is the other party, in words, '' where there is none."""

    kind: str
    text: str
    layer: int  # index into `Layers.layers`, -1: outside
    function: str
    file: str | None
    line: int | None
    pc: int
    address: int
    size_bytes: int
    count: int
    cycles: int  # of the first time
    other: str


@dataclass
class MemoryProfile:
    """Every byte of SRAM and flash. `peak` is the stretch in which most bytes were live, -1 without any."""

    regions: list[RegionUse]
    timeline: Timeline
    resolution_cycles: int  # the longest stretch
    peak: int
    peak_bytes: int
    peak_buffers: list[Buffer]  # what was live then and longer, by writer, reader and zone, largest first
    buffers: list[Buffer]  # in arenas, heap and statics, by time
    buffers_left_out: int
    arenas: list[Arena]
    statics: list[Static]
    heap: Heap | None
    budget: Budget
    flash_symbols: list[FlashSymbol]
    sanitized: bool = False
    findings: list[Finding] = field(default_factory=list)
