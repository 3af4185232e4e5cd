# SPDX-License-Identifier: Apache-2.0
"""Weighted paths: what flame graphs are drawn from, whatever is weighed.

A `Stacks` is a forest with a weight at each node, that node's own; a parent's whole weight is the sum below it. So the
weights of all nodes add up to the total of the profile: cycles of the run, bytes allocated, bytes read and written.
`KINDS` lists what can be weighed; a kind has the name of the report's section that shows the same figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mcusim.errors import McusimError
from mcusim.profile import Profile
from mcusim.reports.functions import ISSUE
from mcusim.reports.layer_names import Labels, in_order
from mcusim.reports.numbers import printable
from mcusim.reports.sections import missing

DEEPEST = 500  # frames; runaway recursion goes deeper, and a path for each of its nodes would be quadratic
DEEPER = "[deeper]"  # what lies below them
_STALLED_PERCENT = 20  # of a function's own cycles: from there on it is coloured by what it waited for


@dataclass(frozen=True)
class Frame:
    """A name on a path. `function` is an index into `Profile.functions`, -1 where it is none (a layer, a root).

    `file` and `line` are where the function begins, `cause` is what it mostly waited for; None and '' where unknown.
    """

    name: str
    function: int = -1
    file: str | None = None
    line: int | None = None
    cause: str = ""


@dataclass
class Node:
    """A frame on its path. `parent` is an index into `Stacks.nodes`, -1 at the top; parents come first."""

    parent: int
    frame: Frame
    weight: int = 0
    count: int = 0  # calls, or allocations; 0 where nothing is counted


@dataclass
class Stacks:
    """A forest of weighed paths. `unit` is 'cycles' or 'bytes'."""

    title: str
    unit: str
    nodes: list[Node] = field(default_factory=list)
    ordered: bool = False  # siblings are in an order that says something, such as that of the network

    @property
    def total(self) -> int:
        """All weights together."""
        return sum(node.weight for node in self.nodes)

    def wholes(self) -> list[int]:
        """Return the weight of each node and of all below it."""
        wholes = [node.weight for node in self.nodes]
        for index in range(len(wholes) - 1, -1, -1):
            parent = self.nodes[index].parent
            if parent >= 0:
                wholes[parent] += wholes[index]
        return wholes

    def children(self) -> dict[int, list[int]]:
        """Return the nodes below each node (-1: at the top), as they were added."""
        below: dict[int, list[int]] = {}
        for index, node in enumerate(self.nodes):
            below.setdefault(node.parent, []).append(index)
        return below

    def path(self, node: int) -> list[Frame]:
        """Return the frames from the top down to a node."""
        frames = []
        while node >= 0:
            frames.append(self.nodes[node].frame)
            node = self.nodes[node].parent
        return frames[::-1]

    def walk(self) -> Iterator[tuple[int, bool]]:
        """Yield each node twice, depth first: (node, True) on the way down and (node, False) on the way up."""
        below = self.children()
        todo = [(index, True) for index in reversed(below.get(-1, []))]
        while todo:
            index, down = todo.pop()
            yield index, down
            if down:
                todo.append((index, False))
                todo.extend((child, True) for child in reversed(below.get(index, [])))


class _Builder:
    """Adds paths to a forest; a path that is there already gets heavier."""

    def __init__(self, title: str, unit: str, *, ordered: bool = False) -> None:
        self.stacks = Stacks(title, unit, ordered=ordered)
        self._index: dict[tuple[int, Frame], int] = {}
        self._depth: list[int] = []

    def child(self, parent: int, frame: Frame, weight: int = 0, count: int = 0) -> int:
        """Return the node of `frame` below `parent`, with so much added to it."""
        depth = self._depth[parent] + 1 if parent >= 0 else 0
        if depth >= DEEPEST:
            if depth > DEEPEST:  # the parent stands for all that is deeper
                self._add(parent, weight, count)
                return parent
            frame = Frame(DEEPER)
        index = self._index.setdefault((parent, frame), len(self.stacks.nodes))
        if index == len(self.stacks.nodes):
            self.stacks.nodes.append(Node(parent, frame))
            self._depth.append(depth)
        self._add(index, weight, count)
        return index

    def _add(self, index: int, weight: int, count: int) -> None:
        node = self.stacks.nodes[index]
        node.weight += weight
        node.count += count


def stacks_of(profile: Profile, kind: str) -> Stacks:
    """Return the paths of a kind of `KINDS`. Raises `McusimError` where the profile has nothing for it."""
    why = missing(profile, kind)
    if why:
        raise McusimError(f"--show {kind}: {why}")
    return KINDS[kind](profile)


def available(profile: Profile) -> list[str]:
    """Return the kinds that the profile has something for."""
    return [kind for kind in KINDS if not missing(profile, kind) and stacks_of(profile, kind).total]


def call_stacks(profile: Profile) -> Stacks:
    """Return the call tree by cycles. Reset, handlers and each task have a root of their own."""
    builder = _Builder("cycles by calls", "cycles")
    frames = function_frames(profile)
    tasks = {task.root: task.name for task in profile.tasks}
    where: list[int] = []
    for index, node in enumerate(profile.tree):
        parent = (
            where[node.parent] if node.parent >= 0 else builder.child(-1, Frame(_root(node.kind, tasks.get(index))))
        )
        where.append(builder.child(parent, frames[node.function], node.self_cycles, node.calls))
    return builder.stacks


def _root(kind: str, task: str | None) -> str:
    """Return the name of what runs on its own: '[thread]', '[handlers]', '[task net]'."""
    if kind == "task":
        return f"[task {printable(task)}]" if task else "[tasks]"
    return "[handlers]" if kind == "handler" else f"[{printable(kind)}]"


def function_frames(profile: Profile) -> list[Frame]:
    """Return a frame for each of `Profile.functions`, with the line it begins at."""
    starts = first_lines(profile)
    return [
        Frame(printable(function.name), index, *starts[index], main_cause(function.causes, function.self_cycles))
        for index, function in enumerate(profile.functions)
    ]


def first_lines(profile: Profile) -> list[tuple[str | None, int | None]]:
    """Return the file and the line of each function: of its first instruction that ran and has one."""
    starts: list[tuple[str | None, int | None]] = [(function.file, None) for function in profile.functions]
    for each in sorted(profile.instructions, key=lambda instruction: -instruction.address):
        if each.file is not None:
            starts[each.function] = (each.file, each.line)
    return [(printable(file) if file is not None else None, line) for file, line in starts]


def main_cause(causes: dict[str, int], self_cycles: int) -> str:
    """Return what most of the cycles were waited for; 'issue' where no wait takes much of them, '' without cycles."""
    waits = [(cycles, cause) for cause, cycles in causes.items() if cause != ISSUE]
    cycles, cause = max(waits, key=lambda wait: (wait[0], wait[1]), default=(0, ""))
    if 100 * cycles >= _STALLED_PERCENT * self_cycles > 0:
        return cause
    return ISSUE if self_cycles else ""


def layer_stacks(profile: Profile) -> Stacks:
    """Return the layers by cycles and their causes, and what ran outside of them."""
    builder = _Builder("cycles by layer and cause", "cycles", ordered=True)
    for node, causes, _, _ in _layers(profile, builder):
        for cause, cycles in causes.items():
            builder.child(node, Frame(printable(cause), cause=cause), cycles)
    return builder.stacks


def traffic_stacks(profile: Profile) -> Stacks:
    """Return the bytes that each layer has read from and written to each memory."""
    builder = _Builder("bytes read and written by layer and memory", "bytes", ordered=True)
    if profile.layers is not None:
        parts = [(node, read, written) for node, _, read, written in _layers(profile, builder)]
    else:
        regions = profile.memory.regions if profile.memory is not None else []
        parts = [(-1, {each.name: each.read_bytes}, {each.name: each.written_bytes}) for each in regions]
    for node, read, written in parts:
        for verb, traffic in (("read", read), ("written", written)):
            for region, size_bytes in traffic.items():
                if size_bytes:
                    builder.child(builder.child(node, Frame(printable(region))), Frame(verb), size_bytes)
    return builder.stacks


_Costs = tuple[int, dict[str, int], dict[str, int], dict[str, int]]  # node; causes; bytes read, written by region


def _layers(profile: Profile, builder: _Builder) -> Iterator[_Costs]:
    """Add the layers as they are nested, and what ran outside; yield each node with what it cost itself."""
    layers = profile.layers
    assert layers is not None
    labels = Labels(layers)
    where: dict[int, int] = {-1: -1}
    for place in in_order(layers):
        layer = layers.layers[place.layer]
        where[place.layer] = node = builder.child(where[layer.parent], Frame(printable(labels.layer(place.layer))))
        yield node, layer.causes, layer.read_bytes, layer.written_bytes
    for part in layers.outside:
        node = builder.child(-1, Frame(f"[outside, {part.kind}] {printable(part.name)}"))
        yield node, part.causes, part.read_bytes, part.written_bytes


def heap_stacks(profile: Profile) -> Stacks:
    """Return the bytes that each path of calls has allocated in all, freed again or not."""
    assert profile.memory is not None
    assert profile.memory.heap is not None
    builder = _Builder("bytes allocated by calls", "bytes")
    frames = {frame.name: frame for frame in function_frames(profile)}
    for site in profile.memory.heap.sites:
        node = -1
        for name in map(printable, site.path):
            node = builder.child(node, frames.get(name, Frame(name)))
        builder.child(node, Frame("[allocated]"), site.allocated_bytes, site.allocations)
    return builder.stacks


def peak_stacks(profile: Profile) -> Stacks:
    """Return the bytes that were live when most were: by zone, by what they are reserved by, by who wrote them."""
    assert profile.memory is not None
    builder = _Builder("bytes live at the peak", "bytes")
    labels = Labels(profile.layers)
    for buffer in profile.memory.peak_buffers:
        owner = builder.child(builder.child(-1, Frame(buffer.zone)), Frame(printable(buffer.owner)))
        writer = labels.activation(buffer.writer) or "the firmware"
        builder.child(owner, Frame(f"written by {printable(writer)}"), buffer.live_bytes)
    rest = profile.memory.peak_bytes - builder.stacks.total
    if rest > 0:  # the profile keeps the buffers that were live then and longer
        builder.child(-1, Frame("[live only within that stretch]"), rest)
    return builder.stacks


# What can be weighed, by the report's section that has the same figures.
KINDS: dict[str, Callable[[Profile], Stacks]] = {
    "functions": call_stacks,
    "layers": layer_stacks,
    "regions": traffic_stacks,
    "heap": heap_stacks,
    "peak": peak_stacks,
}
