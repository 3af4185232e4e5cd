# SPDX-License-Identifier: Apache-2.0
"""Titled tables that are no report on one profile, such as a validation or a comparison, in the formats of reports."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from mcusim.errors import unknown_name
from mcusim.reports.as_csv import csv_table
from mcusim.reports.as_markdown import escape, markdown_table
from mcusim.reports.as_text import draw_table, heading, sentence
from mcusim.reports.numbers import printable
from mcusim.reports.options import DOCUMENT_FORMATS, NARROWEST
from mcusim.reports.table import Table
from mcusim.reports.terminal import Canvas


@dataclass(frozen=True)
class Document:
    """`tables` are for people, `rows` is the one table of CSV, `data` everything for JSON.

    `lead` are sentences that stand before the tables, `notes` those at the end.
    """

    title: str
    tables: list[Table]
    rows: Table
    data: dict[str, object]
    notes: list[str] = field(default_factory=list)
    lead: list[str] = field(default_factory=list)


def render_document(document: Document, format: str, *, width: int, color: bool = False) -> str:
    """Return the document in a format of `DOCUMENT_FORMATS`, ending in a newline."""
    if format not in DOCUMENT_FORMATS:
        raise unknown_name("format", format, DOCUMENT_FORMATS)
    if format == "json":
        return json.dumps(document.data, indent=1) + "\n"
    if format == "csv":
        return csv_table(document.rows.only("data"))
    tables = [table.only("people") for table in document.tables]
    if format == "markdown":
        parts = [f"## {escape(document.title)}", *map(escape, document.lead)]
        parts += [*map(markdown_table, tables), *map(escape, document.notes)]
        return "\n\n".join(parts) + "\n"
    canvas = Canvas(color=color)
    heading(canvas, printable(document.title), first=True)
    for said in document.lead:
        sentence(canvas, said, max(width, NARROWEST))
    for table in tables:
        draw_table(canvas, table, max(width, NARROWEST))
    for note in document.notes:
        sentence(canvas, note, max(width, NARROWEST))
    return canvas.text()
