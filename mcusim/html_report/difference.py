# SPDX-License-Identifier: Apache-2.0
"""What changed from one profile to another as a page: a differential flame graph, and the tables of `mcusim diff`."""

from __future__ import annotations

from collections.abc import Sequence

from mcusim.diff import Difference
from mcusim.diff.tree import TreeChange, tree_changes
from mcusim.html_report.charts import legend, place
from mcusim.html_report.flame import MOST_LEVELS, MOST_NODES, FlameNode, diverging, flame_chart
from mcusim.html_report.markup import Look, paragraph, table_html
from mcusim.html_report.shell import Section, page
from mcusim.reports import numbers
from mcusim.reports.diffed import REASONS, TOTALS
from mcusim.reports.document import Document

_HEADLINES = (TOTALS, REASONS)  # tables of the document that are the summary
_FULL_COLOR = 0.5  # a difference of half of the larger side has the whole colour: most are small


def render_difference(changed: Difference, document: Document) -> str:
    """Return the page; `document` is what the other formats show. Raises `McusimError` without the chart library."""
    tables = [table.only("people") for table in document.tables]
    bodies = [table_html(table, Look(f"table-{at}")) for at, table in enumerate(tables)]
    headlines = sum(table.title in _HEADLINES for table in tables)
    summary = "".join(paragraph(said) for said in document.lead) + "".join(bodies[:headlines])
    sections = [
        Section("summary", "Summary", summary),
        _flame(changed),
        Section("parts", "Causes, layers, functions, memory", "".join(bodies[headlines:])),
        Section("sure", "How sure", "".join(paragraph(note) for note in document.notes)),
    ]  # fmt: skip
    kept = [section for section in sections if section is not None and section.body]
    return page(document.title, "", kept, labels={}, tool=changed.after.tool)


def _flame(changed: Difference) -> Section | None:
    """Return the differential flame graph: no side of it is hidden, so what is gone has its place as well."""
    changes = tree_changes(changed.before, changed.after)
    shown = _kept(changes)
    if not shown:
        return None
    before, after = changed.before.totals.cycles, changed.after.totals.cycles
    whole = sum(change.width for change in changes if change.parent < 0)
    nodes = [FlameNode(-1, "whole run", whole, diverging(_tint(before, after)), _cycles(before, after))]
    at_node = {-1: 0}
    for at in shown:
        change = changes[at]
        at_node[at] = len(nodes)
        prefix = "" if change.kind in ("call", "thread") else f"[{change.kind}] "
        color = diverging(_tint(*change.total_cycles))
        nodes.append(FlameNode(at_node[change.parent], prefix + change.name, change.width, color, _lines(change)))
    chart = flame_chart("flame", "flame graph of both call trees, coloured by what changed", nodes)
    told = (
        "Each function is as wide as its cycles with those of what it called, of the profile in which it has more: so "
        "what is gone has a place, too. A click zooms in."
    )
    colors = legend([("slower, or new", diverging(1)), ("as before", diverging(0)), ("faster, or gone", diverging(-1))])
    body = paragraph(told) + colors + place(chart) + paragraph(_left_out(changes, shown), "remark")
    return Section("calls", "Flame graph", body, [chart])


def _tint(before: int, after: int) -> float:
    """Return the strength of the colour, from -1 to 1."""
    share = (after - before) / max(before, after, 1)
    return max(-1.0, min(1.0, share / _FULL_COLOR))


def _lines(change: TreeChange) -> list[str]:
    before, after = change.calls
    calls = (
        numbers.count(before) if before == after else f"{numbers.count(before)} before, {numbers.count(after)} after"
    )
    return [*_cycles(*change.total_cycles), f"own: {_sides(*change.own_cycles)}", f"calls: {calls}"]


def _cycles(before: int, after: int) -> list[str]:
    """Return '+100 cycles (+10.00 %)' and '1,000 before, 1,100 after': short lines, for small screens."""
    if before == after:
        return [f"{numbers.count(before)} cycles, as before"]
    percent = f" ({numbers.change(100 * (after / before - 1))})" if before and after else ""
    return [f"{numbers.difference(after - before)} cycles{percent}", _sides(before, after)]


def _sides(before: int, after: int) -> str:
    return f"{numbers.count(before)} before, {numbers.count(after)} after"


def _kept(changes: Sequence[TreeChange]) -> list[int]:
    """Return the nodes that are drawn, parents first: the widest, to a depth that can be read."""
    levels: list[int] = []
    for change in changes:
        levels.append(levels[change.parent] + 1 if change.parent >= 0 else 0)
    near = [at for at, level in enumerate(levels) if level < MOST_LEVELS and changes[at].width]
    return sorted(sorted(near, key=lambda at: (-changes[at].width, at))[:MOST_NODES])


def _left_out(changes: Sequence[TreeChange], shown: Sequence[int]) -> str:
    """Return how much of the call trees is not drawn, '' for nothing."""
    kept = set(shown)
    rest = [change for at, change in enumerate(changes) if at not in kept and change.width]
    if not rest:
        return ""
    edge = [change for change in rest if change.parent < 0 or change.parent in kept]
    more = sum(change.total_cycles[1] - change.total_cycles[0] for change in edge)
    return f"{numbers.count(len(rest))} paths of calls are not drawn, {numbers.difference(more)} cycles in sum"
