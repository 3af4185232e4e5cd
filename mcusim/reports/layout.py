# SPDX-License-Identifier: Apache-2.0
"""Fitting a table into a terminal: which columns stay, how wide they are, how long a bar is.

Own arithmetic rather than a library's, so that a report is the same bytes whatever version of it is installed.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from mcusim.reports.table import Cell, Column, Row, Table, show

GAP = 2
INDENT = 2
_BAR = 12
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True)
class Grid:
    """A table laid out: `widths` and `cells` belong to `columns`; `left_out` are the titles that did not fit."""

    columns: list[Column]
    widths: list[int]
    rows: list[tuple[Row, list[str]]]
    left_out: list[str]


def fit(table: Table, width: int) -> Grid:
    """Lay `table` out in `width` columns of characters: drop the least important columns, then shorten names."""
    keep = list(range(len(table.columns)))
    natural = [_natural(column, table.rows, index) for index, column in enumerate(table.columns)]
    least = [
        min(size, column.least) if column.flexible else size
        for column, size in zip(table.columns, natural, strict=True)
    ]
    dropped: list[int] = []
    while _total(least, keep) > width:
        droppable = [index for index in keep if table.columns[index].rank]
        if not droppable:
            break
        worst = max(droppable, key=lambda index: table.columns[index].rank)
        keep.remove(worst)
        dropped.append(worst)
    widths = _stretch(table.columns, natural, least, keep, width)
    columns = [table.columns[index] for index in keep]
    rows = [(row, _texts(columns, [row.cells[index] for index in keep], row, widths)) for row in table.rows]
    left_out = [table.columns[index].title for index in sorted(dropped) if table.columns[index].title]
    return Grid(columns, widths, rows, left_out)


def _natural(column: Column, rows: Sequence[Row], index: int) -> int:
    if column.kind == "bar":
        return _BAR
    texts = (_text(column, row.cells[index], row, None) for row in rows if row.style != "source")
    return max([len(column.title), *map(len, texts)])


def _total(widths: Sequence[int], keep: Sequence[int]) -> int:
    return INDENT + sum(widths[index] for index in keep) + GAP * (len(keep) - 1)


def _stretch(
    columns: Sequence[Column], natural: list[int], least: list[int], keep: Sequence[int], width: int
) -> list[int]:
    """Give the flexible column what is left of the line, at least enough to tell names apart."""
    widths = []
    for index in keep:
        if columns[index].flexible:
            spare = width - (_total(least, keep) - least[index])
            widths.append(max(8, min(natural[index], spare)))
        else:
            widths.append(least[index])
    return widths


def _texts(columns: Sequence[Column], cells: Sequence[Cell], row: Row, widths: Sequence[int]) -> list[str]:
    return [_text(column, cell, row, size) for column, cell, size in zip(columns, cells, widths, strict=True)]


def _text(column: Column, cell: Cell, row: Row, width: int | None) -> str:
    if cell is None and row.style:
        return ""
    if column.kind == "bar":
        return bar(float(cell)) if isinstance(cell, (int, float)) else ""
    return show(column, cell, width)


def bar(percent: float, width: int = _BAR) -> str:
    """Return a bar for 0 to 100 percent, to an eighth of a character; what is not zero shows."""
    eighths = min(8 * width, round(8 * width * percent / 100))
    if percent > 0:
        eighths = max(1, eighths)
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")


def wrap(text: str, width: int) -> list[str]:
    """Break a sentence into lines of at most `width` characters."""
    return textwrap.wrap(text, max(width, 10), break_on_hyphens=False) or [""]
