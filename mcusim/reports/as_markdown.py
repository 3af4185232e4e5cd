# SPDX-License-Identifier: Apache-2.0
"""Markdown: the report as GitHub shows it, tables and all."""

from __future__ import annotations

import re

from mcusim.profile import Profile
from mcusim.reports.numbers import printable
from mcusim.reports.options import RenderOptions
from mcusim.reports.report import Fact, build
from mcusim.reports.table import Cell, Chart, Column, Row, Table, show

_CHART_WIDTH = 90  # what a page of GitHub shows without a scroll bar


def render(profile: Profile, options: RenderOptions) -> str:
    """Return the report on `profile` as Markdown. Raises `McusimError` for an option that names nothing."""
    report = build(profile, options)
    parts = [f"## {escape(report.title)}", _facts(report.run + report.totals)]
    parts += [markdown_table(table) for table in report.tables]
    if report.notes:
        parts.append("### Not modelled, guessed, assumed\n\n" + "\n".join(_bullet(note) for note in report.notes))
    parts.append(f"### How sure\n\n{escape(report.accuracy)}")
    return "\n\n".join(parts) + "\n"


def _facts(facts: list[Fact]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {escape(fact.key)} | {escape(fact.text)} |" for fact in facts)])


def _bullet(note: Fact) -> str:
    return f"- **{escape(note.key)}**: {escape(note.text)}"


def markdown_table(table: Table) -> str:
    """Return a table with its heading and its remark; a chart as text."""
    if isinstance(table, Chart):
        drawn = ["".join(text for text, _ in pieces).rstrip() for pieces in table.draw(_CHART_WIDTH)]
        return "\n".join([f"### {escape(table.title)}", "", "```text", *drawn, "```", "", f"*{escape(table.remark)}*"])
    keep = [index for index, column in enumerate(table.columns) if column.kind != "bar"]
    columns = [table.columns[index] for index in keep]
    lines = [
        f"### {escape(table.title)}",
        "",
        "| " + " | ".join(column.title for column in columns) + " |",
        "|" + "|".join("---:" if column.right else "---" for column in columns) + "|",
    ]
    for row in table.rows:
        cells = [_cell(columns[at], row.cells[index], row) for at, index in enumerate(keep)]
        lines.append("| " + " | ".join(cells) + " |")
    if table.remark:
        lines += ["", f"*{escape(table.remark)}*"]
    return "\n".join(lines)


def _cell(column: Column, cell: Cell, row: Row) -> str:
    if cell is None and row.style:
        return ""
    text = show(column, cell)
    if not text:
        return ""
    return _code(text) if column.flexible and not column.wrap else escape(text)


def _code(text: str) -> str:
    """Quote a name or an instruction. A bar ends the cell even in code, and Markdown eats leading blanks."""
    text = text.replace("`", "'").replace("|", "\\|")
    indent = len(text) - len(text.lstrip())
    return "&nbsp;" * indent + f"`{text.lstrip()}`"


def escape(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return re.sub(r"([\\|*_`<>\[\]])", r"\\\1", printable(text))
