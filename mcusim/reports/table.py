# SPDX-License-Identifier: Apache-2.0
"""A table of a report, before anybody decides how it looks.

The cells hold numbers, not text. Text, Markdown and CSV show the same rows, and `show` is the only place where a
number becomes words for people; so the formats cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mcusim.reports import numbers


@dataclass(frozen=True)
class Name:
    """A function's name that can be made to fit.

    `file` is dropped first, then the middle of the name. `guides` are the lines in front of a node of the call tree,
    `depth` its depth.
    """

    text: str
    file: str | None = None
    guides: str = ""
    depth: int = 0

    def fit(self, width: int | None = None) -> str:
        """Return the name in at most `width` characters."""
        guides, text = self.guides, numbers.printable(self.text)
        full = guides + text + self._suffix()
        if width is None or len(full) <= width:
            return full
        if len(guides) > width // 2:
            guides = f"…{self.depth} "  # so deep that the lines would leave no room for the name
        return guides + numbers.middle(text, max(1, width - len(guides)))

    def _suffix(self) -> str:
        if self.file is None:
            return ""
        base = numbers.printable(self.file.replace("\\", "/").rsplit("/", 1)[-1])
        # A name that had to be told apart from another one already ends with its file.
        return "" if self.text.endswith(f"({base})") else f" ({base})"


Cell = str | int | float | Name | None


@dataclass(frozen=True)
class Column:
    """One column. `kind` is text, count, ratio, percent, change (percent with its sign), error (percent),
    quantity (a number with as many digits as it has), difference (the same with its sign), bar, address or name.

    `audience` is 'all', 'people' (text and Markdown) or 'data' (CSV). In a narrow terminal the column with the highest
    `rank` goes first; rank 0 always stays. One column is `flexible`: it gets the width that is left, not less than
    `least` while another column can go; `wrap` lets its text take more lines.
    """

    key: str
    title: str
    kind: str
    rank: int = 0
    audience: str = "all"
    flexible: bool = False
    wrap: bool = False
    least: int = 30

    @property
    def right(self) -> bool:
        """True for numbers, which are aligned at their last digit."""
        return self.kind in ("count", "ratio", "percent", "change", "error", "quantity", "difference", "address")


@dataclass(frozen=True)
class Row:
    """Cells in the order of the columns.

    `style` is '', or for lines that only people see: 'aside' (a folded part) or 'source' (a line of source, which takes
    the whole width).
    """

    cells: tuple[Cell, ...]
    style: str = ""


@dataclass(frozen=True)
class Table:
    """A titled table. `remark` is a sentence below it, such as what was left out."""

    title: str
    columns: tuple[Column, ...]
    rows: list[Row] = field(default_factory=list)
    remark: str = ""

    def only(self, audience: str) -> Table:
        """Return the table as 'people' or 'data' see it."""
        keep = [i for i, column in enumerate(self.columns) if column.audience in ("all", audience)]
        rows = [
            Row(tuple(row.cells[i] for i in keep), row.style)
            for row in self.rows
            if audience == "people" or not row.style
        ]
        return Table(self.title, tuple(self.columns[i] for i in keep), rows, self.remark)


Line = list[tuple[str, str]]  # pieces of text, each with its style


@dataclass(frozen=True)
class Chart(Table):
    """A table that is drawn: `draw(width)` returns its lines, at most so wide. Its rows say the main figures."""

    draw: Callable[[int], list[Line]] = field(kw_only=True)

    def only(self, audience: str) -> Table:
        """Return the chart itself: it is made for one audience."""
        return self


def show(column: Column, cell: Cell, width: int | None = None) -> str:
    """Return the cell as people read it. None is empty in text columns and a dash in number columns."""
    if cell is None:
        return numbers.NOTHING if column.right else ""
    if isinstance(cell, Name):
        return cell.fit(width)
    if isinstance(cell, str):
        text = numbers.printable(cell)
        return text if width is None or column.wrap else numbers.middle(text, width)
    return _number(column.kind, cell)


def _number(kind: str, value: int | float) -> str:
    if kind == "percent":
        return numbers.percent(value)
    if kind == "change":
        return numbers.change(value)
    if kind == "error":
        return f"{value:.2f} %"
    if kind == "quantity":
        return numbers.quantity(value)
    if kind == "difference":
        return numbers.difference(value)
    if kind == "ratio":
        return numbers.ratio(value)
    if kind == "address":
        return numbers.address(int(value))
    return numbers.count(int(value))
