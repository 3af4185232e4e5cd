# SPDX-License-Identifier: Apache-2.0
"""Flame graphs: the call tree from the top down, each node as wide as its cycles, with a colour that says something.

`flame_chart` draws any tree of `FlameNode`, such as that of a comparison with a colour for what got slower
(`diverging`); `of_profile` makes one of a profile, coloured by how much of a function's own cycles are stalls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mcusim.html_report.charts import Chart
from mcusim.html_report.markup import escape
from mcusim.plots.palette import BLUE, VERMILION
from mcusim.profile import Profile
from mcusim.reports import numbers
from mcusim.reports.functions import ISSUE, stalls

MOST_NODES = 1_500
MOST_LEVELS = 40
_LEVEL_PIXELS = 22
_LONGEST_NAME = 80
_CALM, _PALE = "#F7E3B5", "#F2F2F2"
_GREY = "#C8C8C8"


@dataclass(frozen=True)
class FlameNode:
    """A node: `parent` is an index of an earlier one, -1 for the root, which is the first and the only one.

    `value` is inclusive (at least the sum of the children's) and makes the width, `color` is '#rrggbb', `text` are the
    lines that are shown on hovering, `key` is what a click selects ('function:12'), or ''.
    """

    parent: int
    name: str
    value: int
    color: str
    text: Sequence[str] = ()
    key: str = ""


def flame_chart(name: str, about: str, nodes: Sequence[FlameNode]) -> Chart:
    """Return the chart. A click zooms into a node, one on its top row back out. Raises `ValueError` for no tree."""
    levels = _levels(nodes)
    trace = {
        "type": "icicle",
        "ids": [str(at) for at in range(len(nodes))],
        "labels": [escape(numbers.middle(node.name, _LONGEST_NAME)) for node in nodes],
        "parents": ["" if node.parent < 0 else str(node.parent) for node in nodes],
        "values": [node.value for node in nodes],
        "branchvalues": "total",
        "customdata": [node.key for node in nodes],
        "hovertext": ["<br>".join(escape(line) for line in (node.name, *node.text)) for node in nodes],
        "hoverinfo": "text",
        "textinfo": "text",  # the page makes it of the labels, cut to the width of each
        "textfont": {"color": "#111111"},
        "marker": {"colors": [node.color for node in nodes], "line": {"width": 1}},
        "tiling": {"orientation": "v"},
        "pathbar": {"thickness": _LEVEL_PIXELS},
        "root": {"color": _GREY},
        "leaf": {"opacity": 1.0},  # the colour is what is looked at: by default leaves are paler
    }
    layout = {
        "margin": {"l": 0, "r": 0, "t": _LEVEL_PIXELS + 2, "b": 0},
        "uniformtext": {"mode": "hide", "minsize": 11},
    }
    return Chart(name, about, [trace], layout, _LEVEL_PIXELS * (max(levels) + 2) + 2)


def _levels(nodes: Sequence[FlameNode]) -> list[int]:
    """Return how deep each node is, the root 0."""
    levels: list[int] = []
    for at, node in enumerate(nodes):
        if not (-1 <= node.parent < at) or (node.parent < 0) != (at == 0):
            raise ValueError(f"node {at} has the parent {node.parent}: the first node is the root, parents are earlier")
        levels.append(levels[node.parent] + 1 if at else 0)
    if not nodes:
        raise ValueError("a flame graph has at least its root")
    return levels


def mixed(low: str, high: str, share: float) -> str:
    """Return the colour at `share` (0 to 1) of the way between two, channel by channel."""
    share = min(1.0, max(0.0, share))
    channels = [(int(low[at : at + 2], 16), int(high[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in channels)


def diverging(change: float) -> str:
    """Return the colour of a change from -1 (all of it is gone: blue) over 0 (pale) to 1 (vermilion)."""
    return mixed(_PALE, BLUE if change < 0 else VERMILION, abs(change))


def of_profile(profile: Profile) -> tuple[Chart, str]:
    """Return the flame graph of a run, and a sentence on what is left out ('' for nothing)."""
    tree = profile.tree
    shown = _kept(profile)
    whole = max(profile.totals.cycles, sum(node.total_cycles for node in tree if node.parent < 0))
    nodes = [FlameNode(-1, "whole run", whole, _GREY, [f"{numbers.count(whole)} cycles"])]
    place = {-1: 0}
    for at in shown:
        node = tree[at]
        function = profile.functions[node.function]
        prefix = "" if node.kind in ("call", "thread") else f"[{node.kind}] "
        place[at] = len(nodes)
        nodes.append(
            FlameNode(place[node.parent], prefix + function.name, node.total_cycles, stall_color(function.causes),
                      _lines(profile, at), f"function:{node.function}")
        )  # fmt: skip
    about = "flame graph of the call tree: each function as wide as its cycles with those of what it called"
    return flame_chart("flame", about, nodes), _left_out(profile, shown)


def stall_color(causes: dict[str, int]) -> str:
    """Return the colour of a function by the share of its own cycles that are no plain issue."""
    whole = sum(causes.values())
    return mixed(_CALM, VERMILION, 1 - causes.get(ISSUE, 0) / whole) if whole else _GREY


def _kept(profile: Profile) -> list[int]:
    """Return the nodes that are shown, parents first: the largest, to a depth that can be read."""
    tree = profile.tree
    levels: list[int] = []
    for node in tree:
        levels.append(levels[node.parent] + 1 if node.parent >= 0 else 0)
    near = [at for at, level in enumerate(levels) if level < MOST_LEVELS and tree[at].total_cycles]
    # A parent has at least its children's cycles and comes before them, so it is kept with them.
    largest = sorted(near, key=lambda at: (-tree[at].total_cycles, at))[:MOST_NODES]
    return sorted(largest)


def _lines(profile: Profile, at: int) -> list[str]:
    node = profile.tree[at]
    function = profile.functions[node.function]
    share = numbers.share_percent(node.total_cycles, profile.totals.cycles)
    percent = f" ({numbers.percent(share)} of the run)" if share is not None else ""
    stalled = stalls(function.causes)
    return [
        f"{numbers.count(node.total_cycles)} cycles{percent}",
        f"{numbers.count(node.self_cycles)} of its own, {numbers.things(node.calls, 'call', 'calls')}",
        *([f"the function, wherever it is called, is stalled by: {stalled}"] if stalled else []),
    ]


def _left_out(profile: Profile, shown: Sequence[int]) -> str:
    count = len(profile.tree) - len(shown)
    if not count:
        return ""
    kept = set(shown)
    cycles = sum(
        node.total_cycles
        for at, node in enumerate(profile.tree)
        if at not in kept and (node.parent < 0 or node.parent in kept)
    )
    nodes = numbers.things(count, "node of the call tree is", "nodes of the call tree are")
    return f"{nodes} not drawn, {numbers.count(cycles)} cycles: the smallest, and those below {MOST_LEVELS} levels"
