# SPDX-License-Identifier: Apache-2.0
"""Measured against simulated: every figure with its error or the reason why it has none, and the summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from mcusim.reports import numbers
from mcusim.reports.document import Document
from mcusim.reports.table import Cell, Column, Row, Table

if TYPE_CHECKING:
    from mcusim.figures import FigureFile
    from mcusim.validation import Result, Summary

SCHEMA_VERSION = 1
_COLUMNS = (
    Column("figure", "figure", "text"),
    Column("measured", "measured", "quantity"),
    Column("simulated", "simulated", "quantity"),
    Column("unit", "unit", "text", rank=2),
    Column("error_percent", "error", "change"),
    Column("remark", "remark", "text", flexible=True, wrap=True, least=16),
    Column("status", "status", "text", audience="data"),
    Column("seen", "seen", "count", audience="data"),
    Column("min", "least measured", "quantity", audience="data"),
    Column("max", "greatest measured", "quantity", audience="data"),
    Column("board", "board", "text", audience="data"),
    Column("core", "core", "text", audience="data"),
    Column("elf", "elf", "text", audience="data"),
    Column("source", "source", "text", audience="data"),
)
_SUMMARY = (
    Column("name", "figures of", "text"),
    Column("figures", "figures", "count"),
    Column("median", "median error", "error"),
    Column("mean", "mean", "error"),
    Column("worst", "worst", "error"),
    Column("bias", "with sign", "change", rank=1),
    Column("title", "worst figure", "text", rank=2, flexible=True),
)
_COUNTS = ("random", "excluded", "not run", "no value")


def validation_document(file: FigureFile, results: Sequence[Result], summaries: Sequence[Summary]) -> Document:
    """Return what is said about a validation, for every format."""
    groups: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.core, result.board, result.board_title), []).append(result)
    tables = [
        Table(f"{title or board or 'Board not known'}{', ' + core if core else ''}", _COLUMNS, list(map(_row, group)))
        for (core, board, title), group in groups.items()
    ]
    tables.append(_summary(results, summaries))
    data = {
        "schema_version": SCHEMA_VERSION,
        "name": file.name,
        "source": file.source,
        "figures": [_record(result) for result in results],
        "summary": [asdict(summary) for summary in summaries],
    }
    source = "; ".join(f"{key}: {text}" for key, text in file.source.items())
    notes = [f"Measured: {source}"] if source else []
    return Document(file.name, tables, Table(file.name, _COLUMNS, list(map(_row, results))), data, notes)


def _row(result: Result) -> Row:
    row, setup = result.figure.row, result.figure.setup
    cells: tuple[Cell, ...] = (
        row.title,
        row.value if row.value is not None else _bounds(row.least, row.greatest),
        result.simulated,
        row.unit,
        result.error_percent,
        result.remark,
        result.status,
        result.seen,
        row.least,
        row.greatest,
        result.board,
        result.core,
        "; ".join(setup.elf),
        row.source,
    )
    return Row(cells)


def _bounds(least: float | None, greatest: float | None) -> str:
    """Return bounds in words, where there is no other figure."""
    low, high = (numbers.NOTHING if bound is None else numbers.quantity(bound) for bound in (least, greatest))
    return f"{low}..{high}"


def _summary(results: Sequence[Result], summaries: Sequence[Summary]) -> Table:
    rows = [
        Row(
            (s.name, s.figures, s.median_percent, s.mean_percent, s.worst_percent, s.bias_percent, s.worst_title)
        )
        for s in summaries
    ]  # fmt: skip
    counts = {status: sum(result.status == status for result in results) for status in _COUNTS}
    left_out = [f"{number} {status}" for status, number in counts.items() if number]
    remark = f"not in the summary: {', '.join(left_out)}" if left_out else ""
    return Table("Summary", _SUMMARY, rows, remark)


def _record(result: Result) -> dict[str, object]:
    row, setup = result.figure.row, result.figure.setup
    return {
        "title": row.title,
        "source": row.source,
        "elf": list(setup.elf),
        "board": result.board,
        "core": result.core,
        "unit": row.unit,
        "measured": row.value,
        "min": row.least,
        "max": row.greatest,
        "simulated": result.simulated,
        "error_percent": result.error_percent,
        "status": result.status,
        "seen": result.seen,
        "remark": result.remark,
    }
