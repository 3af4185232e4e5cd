# SPDX-License-Identifier: Apache-2.0
"""CSV: one table with plain numbers, a header of keys with units, every cause a column of its own."""

from __future__ import annotations

import csv
import io

from mcusim.profile import Profile
from mcusim.reports.options import RenderOptions
from mcusim.reports.report import section_tables
from mcusim.reports.table import Cell, Column, Table


def render(profile: Profile, options: RenderOptions) -> str:
    """Return the functions, or the one table that was asked for (`mcusim.reports.check` saw that it is one)."""
    (table,) = section_tables(profile, options, audience="data")
    return csv_table(table)


def csv_table(table: Table) -> str:
    """Return one table as CSV."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(column.key for column in table.columns)
    for row in table.rows:
        writer.writerow(_plain(column, cell) for column, cell in zip(table.columns, row.cells, strict=True))
    return stream.getvalue()


def _plain(column: Column, cell: Cell) -> str:
    if cell is None:
        return ""
    if column.kind == "address" and isinstance(cell, int):
        return f"0x{cell:08x}"
    return f"{cell:.4f}" if isinstance(cell, float) else str(cell)
