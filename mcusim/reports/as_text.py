# SPDX-License-Identifier: Apache-2.0
"""Text: the report for a terminal, as wide as it is.

    keyword_spotting.elf on NUCLEO-L4R5ZI

      board  nucleo-l4r5zi (given by --board)
      ...

    Functions by self cycles

      self cycles  share  total cycles  calls   CPI  function (file)
        7,100,000  60.2%     7,100,000     40  1.31  conv2d_1x1 (conv2d_1x1.c)

Columns that do not fit are left out, the least important first, and named below the table.
"""

from __future__ import annotations

from mcusim.profile import Profile
from mcusim.reports import layout
from mcusim.reports.numbers import end, printable
from mcusim.reports.options import NARROWEST, RenderOptions
from mcusim.reports.report import Fact, build
from mcusim.reports.table import Cell, Chart, Column, Row, Table
from mcusim.reports.terminal import Canvas

_HEADING = "bold"
_KEY = "cyan"
_ASIDE = "dim"
_SOURCE = "green"
_PROSE = 110  # sentences are not wider than can be read
_KEY_VALUE_SOURCE = (
    Column("key", "key", "text"),
    Column("value", "value", "text"),
    Column("source", "source", "text", flexible=True, wrap=True),
)
_KEY_VALUE = (Column("key", "key", "text"), Column("value", "value", "text", flexible=True, wrap=True))
_HOT_PERCENT = ((20.0, "bold red"), (5.0, "yellow"))


def render(profile: Profile, options: RenderOptions) -> str:
    """Return the report on `profile` as text. Raises `McusimError` for an option that names nothing."""
    report = build(profile, options)
    width = max(options.width, NARROWEST)
    canvas = Canvas(color=options.color)
    canvas.line((printable(report.title), _HEADING))
    keys = max(len(fact.key) for fact in report.run + report.totals)
    _facts(canvas, report.run, width, keys)
    _facts(canvas, report.totals, width, keys)
    for table in report.tables:
        draw_table(canvas, table, width)
    if report.notes:
        heading(canvas, "Not modelled, guessed, assumed")
        _facts(canvas, report.notes, width)
    heading(canvas, "How sure")
    sentence(canvas, report.accuracy, width)
    return canvas.text()


def sentence(canvas: Canvas, text: str, width: int) -> None:
    """Draw prose, after an empty line."""
    canvas.line()
    for line in layout.wrap(printable(text), min(width, _PROSE) - layout.INDENT):
        canvas.line((" " * layout.INDENT + line, ""))


def draw_table(canvas: Canvas, table: Table, width: int) -> None:
    """Draw a table with its heading and its remarks, as wide as it may be."""
    canvas.line()
    for line in layout.wrap(printable(table.title), width):
        heading(canvas, line, first=True)
    if isinstance(table, Chart):
        for pieces in table.draw(width):
            canvas.line(*pieces)
        _remarks(canvas, [table.remark], width)
        return
    grid = layout.fit(table, width)
    canvas.line()
    titles = [_pad(column.title, column, size) for column, size in zip(grid.columns, grid.widths, strict=True)]
    canvas.line((_join(titles), _KEY))
    for row, texts in grid.rows:
        if row.style == "source":
            source = next(text for text in row.cells if isinstance(text, str))
            canvas.line((" " * layout.INDENT + end(printable(source), width - layout.INDENT), _SOURCE))
            continue
        _draw_row(canvas, grid.columns, grid.widths, row, texts, _heat(table, row))
    remarks = [table.remark] if table.remark else []
    if grid.left_out:
        remarks.append(f"left out at {width} columns: {', '.join(grid.left_out)}")
    _remarks(canvas, remarks, width)


def _remarks(canvas: Canvas, remarks: list[str], width: int) -> None:
    for remark in remarks:
        for line in layout.wrap(printable(remark), width - layout.INDENT):
            canvas.line((" " * layout.INDENT + line, _ASIDE))


def _draw_row(canvas: Canvas, columns: list[Column], widths: list[int], row: Row, texts: list[str], heat: str) -> None:
    """Draw one row; where the last column wraps, on several lines."""
    *head, last = [[text] for text in texts]
    if columns[-1].wrap:
        last = layout.wrap(last[0], widths[-1])
    for number, tail in enumerate(last):
        line = [cell[0] if number == 0 else "" for cell in head] + [tail]
        padded = [_pad(text, column, size) for text, column, size in zip(line, columns, widths, strict=True)]
        canvas.line(
            *((_gap(at) + text, _style(columns[at], row, heat)) for at, text in enumerate(padded)),
        )


def _heat(table: Table, row: Row) -> str:
    """Return the colour of a row's first share: hot rows are seen before they are read."""
    cell: Cell = next((c for column, c in zip(table.columns, row.cells, strict=True) if column.kind == "percent"), None)
    if isinstance(cell, float):
        for least, style in _HOT_PERCENT:
            if cell >= least:
                return style
    return ""


def _style(column: Column, row: Row, heat: str) -> str:
    if row.style == "aside":
        return _ASIDE
    return heat if column.kind in ("percent", "bar") else ""


def heading(canvas: Canvas, text: str, *, first: bool = False) -> None:
    """Draw a heading, with an empty line before it unless it is the first."""
    if not first:
        canvas.line()
    canvas.line((text, _HEADING))


def _facts(canvas: Canvas, facts: list[Fact], width: int, key_width: int = 0) -> None:
    """Draw keys and their texts in two columns; long texts wrap below themselves."""
    canvas.line()
    key_width = max([key_width, *(len(fact.key) for fact in facts)])
    indent = layout.INDENT + key_width + layout.GAP
    for fact in facts:
        first, *rest = layout.wrap(printable(fact.text), min(width, _PROSE) - indent)
        canvas.line((" " * layout.INDENT + printable(fact.key).ljust(key_width + layout.GAP), _KEY), (first, ""))
        for line in rest:
            canvas.line((" " * indent + line, ""))


def _pad(text: str, column: Column, width: int) -> str:
    return text.rjust(width) if column.right else text.ljust(width)


def _gap(position: int) -> str:
    return " " * (layout.GAP if position else layout.INDENT)


def _join(texts: list[str]) -> str:
    return "".join(_gap(at) + text for at, text in enumerate(texts))


def sections(title: str, description: list[tuple[str, list[tuple[str, str, str]]]], *, width: int, color: bool) -> str:
    """Return titled sections of (key, value, source) rows as text: how `mcusim show` prints cores and boards."""
    canvas = Canvas(color=color)
    canvas.line((printable(title), _HEADING))
    for heading, rows in description:
        columns = _KEY_VALUE_SOURCE if any(source for _, _, source in rows) else _KEY_VALUE
        table = Table(heading, columns, [Row(row[: len(columns)]) for row in rows])
        if rows:
            draw_table(canvas, table, max(width, NARROWEST))
    return canvas.text()
