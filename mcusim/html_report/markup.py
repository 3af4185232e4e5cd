# SPDX-License-Identifier: Apache-2.0
"""Facts and tables of `mcusim.reports` as HTML. All text is escaped here, and nowhere else.

Tables are whole without any script; `page/tables.js` adds sorting, filtering and folding.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mcusim.reports.numbers import printable
from mcusim.reports.table import Cell, Column, Name, Row, Table, show

_FILTER_FROM = 12  # rows from which a table has a field to filter it
_EXACT = ("percent", "ratio", "change", "error", "quantity")  # kinds whose text has fewer digits than the number


@dataclass(frozen=True)
class Extra:
    """A column that only this page has: its title, and the HTML of each row (in the order of `Table.rows`).

    It stands after the table's column with the key `after`, or at the end.
    """

    title: str
    cells: Sequence[str]
    hint: str = ""
    after: str = ""


@dataclass(frozen=True)
class Look:
    """How a table is shown. `name` is its id in the page, and unique there.

    `key` gives the thing that a row stands for, such as 'layer:3' (a click selects it), or ''. Rows that `foot` is true
    for stay at the end when the table is sorted. `folds` says that rows are a tree, by the depth of their names: then
    they are sorted below what they stand below. `sortable` is for tables whose order has no meaning of its own.
    `titled` shows the table's title above it. `front` are the keys of columns that stand first: what a row is, which
    stays in sight (the last of them) when the table is scrolled sideways. `hottest` is the key of a column: a button
    leads to the row that has most there.
    """

    name: str
    key: Callable[[Row], str] = lambda row: ""
    foot: Callable[[Row], bool] = lambda row: False
    extra: Sequence[Extra] = ()
    sortable: bool = True
    folds: bool = False
    titled: bool = True
    front: Sequence[str] = ()
    hottest: str = ""


def escape(text: str) -> str:
    """Return text for HTML, quotes and control characters too."""
    return html.escape(printable(text))


def paragraph(text: str, style: str = "") -> str:
    """Return a paragraph, '' for no text."""
    return f'<p class="{style}">{escape(text)}</p>' if text else ""


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return keys and what is said of each."""
    rows = "".join(f"<dt>{escape(key)}</dt><dd>{_prose(text)}</dd>" for key, text in pairs)
    return f'<dl class="facts">{rows}</dl>' if rows else ""


def _prose(text: str) -> str:
    """Return text; what stands between wide gaps, such as a register and its value, stays on one line."""
    if "  " not in text:
        return escape(text)
    return " ".join(f'<span class="whole">{escape(part)}</span>' for part in text.split("  "))


def details(title: str, body: str, *, opened: bool = False) -> str:
    """Return a part that is folded until somebody opens it."""
    return f"<details{' open' if opened else ''}><summary>{escape(title)}</summary>{body}</details>"


def table_html(table: Table, look: Look) -> str:
    """Return a table with its title, a field to filter it where it is long, and its remark."""
    table = _arranged(table, look.front)
    hottest = _hottest(table, look.hottest)
    head = f"<h3>{escape(table.title)}</h3>" if look.titled else ""
    tools = none = ""
    if len(table.rows) >= _FILTER_FROM:
        tools = f'<input type="search" class="filter" aria-label="filter: {escape(table.title)}" placeholder="filter">'
        none = '<p class="remark none" hidden>No row has this text.</p>'
    if hottest is not None:
        most = next(column.title for column in table.columns if column.key == look.hottest)
        tools += f'<button type="button" class="jump">to the row with most {escape(most)}</button>'
    kinds = " ".join(word for word, on in (("sortable", look.sortable), ("folds", look.folds)) if on)
    return (
        f'<div class="table {kinds}" id="{escape(look.name)}">{head}{tools}'
        f'<div class="frame"><div class="scroll" tabindex="0" role="region" aria-label="{escape(table.title)}">'
        f"<table>{_head(table, look)}{_body(table, look, hottest)}</table></div></div>"
        f"{none}{paragraph(table.remark, 'remark')}</div>"
    )


def _arranged(table: Table, front: Sequence[str]) -> Table:
    """Leave out bars of text (here a share is a bar in its own cell), and put what a row is in front."""
    keep = [at for at, column in enumerate(table.columns) if column.kind != "bar"]
    keep.sort(key=lambda at: front.index(table.columns[at].key) if table.columns[at].key in front else len(front))
    # A line of source has its text in the first cell that has any, so its cells may change places.
    rows = [Row(tuple(row.cells[at] for at in keep), row.style) for row in table.rows]
    return Table(table.title, tuple(table.columns[at] for at in keep), rows, table.remark)


def _hottest(table: Table, key: str) -> int | None:
    """Return the first row that has most in a column; None for no column, or where no row has anything there."""
    at = next((at for at, column in enumerate(table.columns) if column.key == key), None)
    found = [] if at is None else [(row.cells[at], place) for place, row in enumerate(table.rows) if not row.style]
    numbers = [(cell, -place) for cell, place in found if isinstance(cell, (int, float)) and cell]
    return -max(numbers)[1] if numbers else None


def _head(table: Table, look: Look) -> str:
    stuck = _stuck(table, look)
    cells = [f"<th{_class(column, stuck)}>{escape(column.title)}</th>" for column in table.columns]
    added = [f'<th class="picture" title="{escape(extra.hint)}">{escape(extra.title)}</th>' for extra in look.extra]
    return f"<thead><tr>{_with_extra(table, look, cells, added)}</tr></thead>"


def _stuck(table: Table, look: Look) -> str:
    """Return the key of the column that stays in sight: of the front the last, else the name where that comes first."""
    if look.front:
        return look.front[-1]
    return next((column.key for column in table.columns[:2] if column.kind == "name"), "")


def _with_extra(table: Table, look: Look, cells: list[str], added: list[str]) -> str:
    """Return a row's cells with those of the extra columns in their places."""
    keys = [column.key for column in table.columns]
    parts = cells.copy()
    for extra, cell in reversed(list(zip(look.extra, added, strict=True))):
        parts.insert(keys.index(extra.after) + 1 if extra.after in keys else len(cells), cell)
    return "".join(parts)


def _body(table: Table, look: Look, hottest: int | None) -> str:
    body: list[str] = []
    foot: list[str] = []
    ends = [look.foot(row) for row in table.rows]
    full = _largest_shares(table, [row for row, end in zip(table.rows, ends, strict=True) if not end])
    for at, (row, end) in enumerate(zip(table.rows, ends, strict=True)):
        (foot if end else body).append(_row(table, look, at, row, full, hot=at == hottest))
    end_rows = f"<tfoot>{''.join(foot)}</tfoot>" if foot else ""
    return f"<tbody>{''.join(body)}</tbody>{end_rows}"


def _largest_shares(table: Table, rows: Sequence[Row]) -> list[float]:
    """Return for each column the value whose bar fills its cell: the largest, so that small shares can be compared."""
    columns = zip(*(row.cells for row in rows), strict=True) if rows else [() for _ in table.columns]
    return [max((cell for cell in column if isinstance(cell, (int, float))), default=0.0) for column in columns]


def _row(table: Table, look: Look, at: int, row: Row, full: Sequence[float], *, hot: bool) -> str:
    if row.style == "source":
        text = next((cell for cell in row.cells if isinstance(cell, str)), "")
        width = len(table.columns) + len(look.extra)
        return f'<tr class="source"><td colspan="{width}">{escape(text)}</td></tr>'
    key = look.key(row)
    depth = next((cell.depth for cell in row.cells if isinstance(cell, Name)), 0)
    attributes = f' data-key="{escape(key)}"' if key else ""
    attributes += f' data-depth="{depth}"' if look.folds else ""
    style = "hottest" if hot else row.style
    attributes += f' class="{style}"' if style else ""
    if look.foot(row):
        full = [0.0] * len(full)  # sums would fill every bar
    stuck = _stuck(table, look)
    cells = [_cell(column, cell, row, most, stuck)
             for column, cell, most in zip(table.columns, row.cells, full, strict=True)]  # fmt: skip
    added = [f'<td class="picture">{extra.cells[at]}</td>' for extra in look.extra]
    return f"<tr{attributes}>{_with_extra(table, look, cells, added)}</tr>"


def _cell(column: Column, cell: Cell, row: Row, most: float, stuck: str) -> str:
    if cell is None and row.style:
        return f"<td{_class(column, stuck)}></td>"
    if isinstance(cell, Name):
        label = Name(cell.text, cell.file).fit()
        return f'<td{_class(column, stuck)} style="--depth:{min(cell.depth, 40)}">{escape(label)}</td>'
    value = ""
    if column.kind in _EXACT and isinstance(cell, (int, float)):
        value = f' data-value="{cell:.9g}"'
        if column.kind == "percent":
            value += f' style="--share:{_share(cell, most)}%"'
    return f"<td{_class(column, stuck)}{value}>{escape(show(column, cell))}</td>"


def _share(cell: Cell, most: float) -> str:
    """Return how far a bar reaches, in percent of its place, where `most` fills it; 0 where that is 0."""
    return f"{min(100.0, max(0.0, 100 * cell / most)):.3g}" if isinstance(cell, (int, float)) and most > 0 else "0"


def _class(column: Column, stuck: str) -> str:
    if column.kind == "percent":
        words = ["number", "share"]
    elif column.right:
        words = ["number"]
    elif column.wrap:
        words = ["wrap"]
    else:
        words = ["name"] if column.flexible or column.kind == "name" else []
    words += ["stuck"] if column.key == stuck else []
    return f' class="{" ".join(words)}"' if words else ""


def part(kind: str, first: str) -> str:
    """Return the place where the selected thing of a kind is told; until then that with the key `first`."""
    return f'<div class="part" id="part-{escape(kind)}" data-part="{escape(kind)}" data-first="{escape(first)}"></div>'
