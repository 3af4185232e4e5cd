# SPDX-License-Identifier: Apache-2.0
"""Flame graph: one SVG file that needs nothing else, roots at the top, as wide as their weights.

Frames are coloured by what they mostly waited for, or by the file they come from; a click on the legend's other word
changes that where the page runs scripts. Frames that would be narrower than can be seen are left out, and the picture
says how many, and how much they weigh.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape

from mcusim.profile import Profile
from mcusim.reports import numbers
from mcusim.reports.flamegraph_script import SCRIPT, STYLE
from mcusim.reports.options import RenderOptions
from mcusim.reports.stacks import Stacks, stacks_of

_WIDTH, _LEFT, _ROW, _TOP, _BOTTOM = 1200, 10, 18, 64, 10  # in pixels
_INNER = _WIDTH - 2 * _LEFT
_CHARACTER = 7.25  # the width of one, in pixels, at 12 px in common monospaced fonts
_NARROWEST = 0.2  # in pixels
_NOTHING = "#dddddd"  # frames that nothing is known of
# A cause has the same colour in every picture.
_CAUSE_COLORS = {
    "issue": "#eedd88", "load": "#ee8866", "transfer": "#f4b183", "store": "#ffaabb", "branch": "#77aadd",
    "misprediction": "#4f8fd0", "fetch": "#99ddff", "sram-fetch": "#c9a0a0", "flash-fetch": "#44bb99",
    "flash-literal": "#7fd1b9", "flash-data": "#2a9d7c", "icache": "#bbcc33", "dcache": "#d9a400", "bus": "#aaaa00",
    "division": "#c2a5cf", "fp": "#9970ab", "exception": "#c08a6a", "sleep": "#bbbbbb",
}  # fmt: skip
# Told apart by people who see red and green alike: Paul Tol's "light" scheme, and tints of his "bright" one.
_COLORS = ("#ee8866", "#77aadd", "#ffaabb", "#44bb99", "#bbcc33", "#99ddff", "#c2a5cf", "#aaaa00", "#dfc27d", "#92c5de")
_LONGEST_LEGEND = 8


@dataclass(frozen=True)
class _Box:
    """A frame on the page: `x` and `share` are parts of the whole, `row` counts from the top."""

    node: int
    row: int
    x: float
    share: float


@dataclass(frozen=True)
class _Way:
    """A way to colour frames: `groups` has what each node is put down to, `colors` the heaviest group first."""

    name: str
    groups: list[str]
    colors: dict[str, str]

    def color(self, node: int) -> str:
        return self.colors[self.groups[node]]


def render(profile: Profile, options: RenderOptions) -> str:
    """Return the calls by cycles, or the kind of paths that --show names, as SVG."""
    stacks = stacks_of(profile, options.show[0] if options.show else "functions")
    wholes = stacks.wholes()
    boxes, left_out = _boxes(stacks, wholes)
    ways = _ways(stacks)
    height = _TOP + _ROW * (1 + max((box.row for box in boxes), default=0)) + _BOTTOM
    title = f"{profile.image.name} on {profile.board.name}: {stacks.title}"
    summary = f"{numbers.count(stacks.total)} {stacks.unit}"
    if left_out:
        summary += f"; {numbers.things(left_out, 'frame', 'frames')} too narrow to be seen left out"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}">',
        f"<title>{_text(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="{_LEFT}" y="20">{_text(title)}</text>',
        f'<text id="info" x="{_LEFT}" y="38">{_text(summary)}</text>',
        _button("search", _WIDTH - _LEFT, "search"),
        _button("reset", _WIDTH - _LEFT - 70, "whole picture"),
        f'<text id="found" x="{_WIDTH - _LEFT}" y="38" text-anchor="end"></text>',
        *(line for way in ways for line in _legend(way, ways)),
        *(_frame(stacks, wholes, box, ways) for box in boxes),
        f"<script><![CDATA[{SCRIPT % {'left': _LEFT, 'width': _INNER, 'character': _CHARACTER}}]]></script>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _boxes(stacks: Stacks, wholes: list[int]) -> tuple[list[_Box], int]:
    """Return the frames that can be seen, of siblings without an order the heaviest first, and how many cannot."""
    total = max(1, stacks.total)
    below = stacks.children()
    boxes: list[_Box] = []
    todo = [(-1, -1, 0.0)]
    while todo:
        parent, row, x = todo.pop()
        siblings = below.get(parent, [])
        if not stacks.ordered:
            siblings.sort(key=lambda index: (-wholes[index], index))
        for index in siblings:
            share = wholes[index] / total
            if share * _INNER >= _NARROWEST:
                boxes.append(_Box(index, row + 1, x, share))
                todo.append((index, row + 1, x))
            x += share
    return boxes, len(stacks.nodes) - len(boxes)


def _ways(stacks: Stacks) -> list[_Way]:
    """Return how the frames may be coloured: by cause, by file, or else by name."""
    frames = [node.frame for node in stacks.nodes]
    by = {
        "cause": [frame.cause for frame in frames],
        "file": [(frame.file or "").replace("\\", "/").rsplit("/", 1)[-1] for frame in frames],
    }
    ways = [_way(name, groups, stacks) for name, groups in by.items() if any(groups)]
    return ways or [_way("name", [frame.name for frame in frames], stacks)]


def _way(name: str, groups: list[str], stacks: Stacks) -> _Way:
    weights: Counter[str] = Counter()
    for group, node in zip(groups, stacks.nodes, strict=True):
        weights[group] += node.weight
    order = sorted(weights, key=lambda group: (-weights[group], group))
    fixed = {"": _NOTHING} | (_CAUSE_COLORS if name == "cause" else {})
    others = [group for group in order if group not in fixed]
    colors = fixed | {group: _COLORS[at % len(_COLORS)] for at, group in enumerate(others)}
    return _Way(name, groups, {group: colors[group] for group in order})


def _button(name: str, x: int, text: str) -> str:
    hidden = 'text-anchor="end" style="display:none"'
    return f'<text id="{name}" class="button" x="{x}" y="20" {hidden}>{text}</text>'


def _legend(way: _Way, ways: list[_Way]) -> list[str]:
    """Return what the colours mean, and the word that changes them; by names there is nothing to say."""
    if way.name == "name":
        return []
    hidden = "" if way is ways[0] else ' style="display:none"'
    x = float(_LEFT)
    lines = [f'<g class="legend" id="legend-{way.name}"{hidden}>']
    named = [group for group in way.colors if group]
    for group in named[:_LONGEST_LEGEND]:
        label = numbers.middle(group, 24)
        lines.append(f'<rect x="{x:.0f}" y="47" width="11" height="11" fill="{way.colors[group]}"/>')
        lines.append(f'<text x="{x + 15:.0f}" y="57">{_text(label)}</text>')
        x += 15 + (len(label) + 2) * _CHARACTER
    if len(named) > _LONGEST_LEGEND:
        lines.append(f'<text x="{x:.0f}" y="57">and {len(named) - _LONGEST_LEGEND} more</text>')
    for other in ways:
        if other is not way:
            place = f'x="{_WIDTH - _LEFT}" y="57" text-anchor="end" style="display:none"'
            lines.append(f'<text class="button" data-way="{other.name}" {place}>colour by {other.name}</text>')
    return [*lines, "</g>"]


def _frame(stacks: Stacks, wholes: list[int], box: _Box, ways: list[_Way]) -> str:
    node = stacks.nodes[box.node]
    x, y, width = _LEFT + box.x * _INNER, _TOP + box.row * _ROW, box.share * _INNER
    name = node.frame.name
    colors = " ".join(f'data-{way.name}="{way.color(box.node)}"' for way in ways)
    place = f'data-x="{box.x:.9f}" data-w="{box.share:.9f}" data-r="{box.row}" data-n="{_text(name)}"'
    room = int((width - 6) / _CHARACTER)
    label = "" if room < 3 else numbers.end(name, room)
    return (
        f'<g class="f" {place} {colors}><title>{_text(_says(stacks, wholes, box))}</title>'
        f'<rect x="{x:.2f}" y="{y}" width="{width:.2f}" height="{_ROW}" fill="{ways[0].color(box.node)}"/>'
        f'<text x="{x + 3:.2f}" y="{y + 13}">{_text(label)}</text></g>'
    )


def _says(stacks: Stacks, wholes: list[int], box: _Box) -> str:
    """Return what a frame says when it is pointed at."""
    node = stacks.nodes[box.node]
    whole, own = wholes[box.node], node.weight
    words = [f"{node.frame.name}: {numbers.count(whole)} {stacks.unit}, {numbers.percent(100 * box.share)}"]
    if 0 < own < whole:
        words.append(f"{numbers.count(own)} of its own")
    if node.count:
        words.append(numbers.things(node.count, "time", "times"))
    if node.frame.cause and node.frame.cause != node.frame.name:
        words.append(f"mostly {node.frame.cause}")
    if node.frame.file:
        words.append(node.frame.file + (f":{node.frame.line}" if node.frame.line else ""))
    return ", ".join(words)


def _text(text: str) -> str:
    """Return text for XML."""
    return escape(numbers.printable(text), quote=True)
