# SPDX-License-Identifier: Apache-2.0
"""The call tree: inclusive and exclusive cycles along every path of calls.

    total cycles  share  self cycles  calls  function
       1,000,000  100.0%       1,000      1  Reset_Handler (startup.c)
         999,000   99.9%      99,000      1  └─ main (main.c)
         900,000   90.0%     900,000     10     └─ kernel (kernel.c)

Branches below the smallest share, deeper than asked, or without a function that matches are folded into one line that
says how many cycles they hold, so that the cycles on the page still add up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mcusim.profile import Profile
from mcusim.reports import numbers
from mcusim.reports.functions import matcher
from mcusim.reports.options import DEFAULT_MIN_SHARE_PERCENT, RenderOptions
from mcusim.reports.table import Column, Name, Row, Table

_DEEPEST_GUIDES = 40  # beyond this depth (runaway recursion) guides stop growing

_COLUMNS = (
    Column("total_cycles", "total cycles", "count"),
    Column("total_percent", "share", "percent"),
    Column("self_cycles", "self cycles", "count", rank=1),
    Column("calls", "calls", "count", rank=2),
    Column("label", "function (file)", "name", audience="people", flexible=True),
    Column("node", "node", "count", audience="data"),
    Column("parent", "parent", "count", audience="data"),
    Column("depth", "depth", "count", audience="data"),
    Column("kind", "kind", "text", audience="data"),
    Column("function", "function", "text", audience="data"),
    Column("file", "file", "text", audience="data"),
)


@dataclass
class _Fold:
    """Which nodes are on the page, and what hangs below each (-1: the roots), largest first."""

    visible: list[bool]
    children: dict[int, list[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Line:
    """A line to be printed: a node, or (node -1) the folded children of one."""

    node: int
    depth: int
    guides: str
    folded: tuple[int, ...] = ()


def _unfold(options: RenderOptions) -> list[str]:
    """Return what to ask for to see every branch."""
    without = [name for name, value in (("--match", options.match), ("--depth", options.depth)) if value is not None]
    return ["--min-share 0", *(f"no {name}" for name in without)]


def tree_table(profile: Profile, options: RenderOptions, *, audience: str) -> Table:
    """Return the call tree as a table, depth first, the costliest branch first."""
    fold = _fold(profile, options, audience)
    rows = [_row(profile, line) for line in _lines(profile, fold)]
    remark = ""
    if not all(fold.visible) and audience == "people":
        remark = "folded branches: " + ", ".join(_unfold(options)) + " shows all"
    return Table("Call tree", _COLUMNS, rows, remark).only(audience)


def _fold(profile: Profile, options: RenderOptions, audience: str) -> _Fold:
    nodes = profile.tree
    depth = [0] * len(nodes)
    children: dict[int, list[int]] = {}
    for index, node in enumerate(nodes):  # a node's children come after it
        depth[index] = depth[node.parent] + 1 if node.parent >= 0 else 0
        children.setdefault(node.parent, []).append(index)
    for below in children.values():
        below.sort(key=lambda index: (-nodes[index].total_cycles, index))

    least = options.min_share_percent
    if least is None:
        least = DEFAULT_MIN_SHARE_PERCENT if audience == "people" else 0.0
    least_cycles = least * profile.totals.cycles / 100
    wanted = _matching(profile, options.match)
    visible = [
        wanted[index]
        and (node.total_cycles >= least_cycles or node.parent < 0)  # handlers are news however short they are
        and (options.depth is None or depth[index] < options.depth)
        for index, node in enumerate(nodes)
    ]
    for index, node in enumerate(nodes):
        if node.parent >= 0 and not visible[node.parent]:
            visible[index] = False
    return _Fold(visible, children)


def _matching(profile: Profile, match: str | None) -> list[bool]:
    """A node is wanted if its function matches, or one above it (what it costs) or below it (how one gets there)."""
    matches = matcher(match)
    named = [matches(function.name) for function in profile.functions]
    hit = [named[node.function] for node in profile.tree]
    above = hit.copy()
    below = hit.copy()
    for index, node in enumerate(profile.tree):
        if node.parent >= 0:
            above[index] |= above[node.parent]
    for index in range(len(profile.tree) - 1, -1, -1):
        parent = profile.tree[index].parent
        if parent >= 0:
            below[parent] |= below[index]
    return [a or b for a, b in zip(above, below, strict=True)]


def _lines(profile: Profile, fold: _Fold) -> Iterator[_Line]:
    """Walk the tree depth first, without recursion: firmware may recurse deeper than Python does."""
    stack = [(line, "") for line in reversed(_below(fold, -1, 0, ""))]
    while stack:
        line, indent = stack.pop()
        yield line
        if line.node >= 0:
            below = _below(fold, line.node, line.depth + 1, indent)
            deeper = [(child, indent + ("│  " if "├" in child.guides[-3:] else "   ")) for child in below]
            if line.depth + 1 > _DEEPEST_GUIDES:
                deeper = [(child, indent) for child in below]
            stack.extend(reversed(deeper))


def _below(fold: _Fold, node: int, depth: int, indent: str) -> list[_Line]:
    """Return the lines directly below `node`: its visible children, then one for the folded ones."""
    shown = [index for index in fold.children.get(node, ()) if fold.visible[index]]
    folded = tuple(index for index in fold.children.get(node, ()) if not fold.visible[index])
    entries: list[tuple[int, tuple[int, ...]]] = [(index, ()) for index in shown]
    if folded:
        entries.append((-1, folded))
    lines = []
    for position, (index, hidden) in enumerate(entries):
        joint = "" if node < 0 else ("└─ " if position == len(entries) - 1 else "├─ ")
        lines.append(_Line(index, depth, indent + joint, hidden))
    return lines


def _row(profile: Profile, line: _Line) -> Row:
    whole = profile.totals.cycles
    if line.node < 0:
        cycles = sum(profile.tree[index].total_cycles for index in line.folded)
        label = Name(
            f"… {numbers.things(len(line.folded), 'branch', 'branches')} folded", None, line.guides, line.depth
        )
        share = numbers.share_percent(cycles, whole)
        return Row((cycles, share, None, None, label, -1, None, line.depth, "", "", None), "aside")
    node = profile.tree[line.node]
    function = profile.functions[node.function]
    prefix = _prefix(profile, line.node)
    return Row(
        (
            node.total_cycles,
            numbers.share_percent(node.total_cycles, whole),
            node.self_cycles,
            node.calls,
            Name(prefix + function.name, function.file, line.guides, line.depth),
            line.node,
            node.parent,
            line.depth,
            node.kind,
            function.name,
            function.file,
        )
    )


def _prefix(profile: Profile, node: int) -> str:
    """Return what stands before a root that is no plain start: a handler, or a task by its name."""
    kind = profile.tree[node].kind
    if kind == "task":
        names = [task.name for task in profile.tasks if task.root == node]
        return f"[task {names[0]}] " if names else "[task] "
    return "[handler] " if kind == "handler" else ""
