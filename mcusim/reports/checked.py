# SPDX-License-Identifier: Apache-2.0
"""Kernels against their reference: a row for each function, and the first of its cases that is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from mcusim.reports.document import Document
from mcusim.reports.numbers import things
from mcusim.reports.table import Column, Row, Table

if TYPE_CHECKING:
    from mcusim.checking.baseline import Comparison
    from mcusim.checking.run import TargetOutcome

SCHEMA_VERSION = 1
_TARGETS = (
    Column("function", "function", "text", flexible=True, least=20),
    Column("operator", "operator", "text", rank=2),
    Column("passed", "passed", "count"),
    Column("cases", "of", "count"),
    Column("cycles", "cycles", "count", rank=3),
    Column("per_mac", "each", "quantity"),
    Column("stack_bytes", "stack", "count", rank=1),
)
_CASES = (
    Column("function", "function", "text"),
    Column("operator", "operator", "text"),
    Column("case", "case", "text"),
    Column("status", "status", "text"),
    Column("cycles", "cycles", "count"),
    Column("instructions", "instructions", "count"),
    Column("stack_bytes", "stack", "count"),
    Column("macs", "products", "count"),
    Column("message", "message", "text"),
)
_REMARK = "cycles of the largest case, and each of its products (or of the elements that it looks at); deepest stack"


def check_document(
    name: str,
    board: str,
    outcomes: Sequence[TargetOutcome],
    comparison: Comparison | None,
    cases_shown: int,
    left_out: Sequence[str] = (),
) -> Document:
    """Return what is said about a check, for every format; of each function so many wrong cases are told.

    `left_out` says why functions that bindings know by name were not checked.
    """
    tables = [Table(f"{name} on {board}", _TARGETS, [_row(outcome) for outcome in outcomes], _REMARK)]
    notes = [f"Not checked: {reason}" for reason in left_out]
    for outcome in outcomes:
        wrong = outcome.wrong
        notes += [f"{outcome.target.name}, case {case.name}: {case.message}" for case in wrong[:cases_shown]]
        if len(wrong) > cases_shown:
            more = things(len(wrong) - cases_shown, "more case is", "more cases are")
            notes.append(f"{outcome.target.name}: {more} wrong (see --show)")
        notes += _known(outcome)
    if comparison is not None:
        notes += _regressions(comparison, cases_shown)
        worse = len(comparison.regressions)
        notes.append(
            f"Against the baseline: {things(worse, 'case', 'cases')} {'takes' if worse == 1 else 'take'} more, "
            f"{comparison.better} less, {comparison.same} the same, {comparison.unknown} "
            f"{'is' if comparison.unknown == 1 else 'are'} not in it"
        )
    records = [_case(outcome, index) for outcome in outcomes for index in range(len(outcome.cases))]
    data: dict[str, object] = {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "board": board,
        "not_checked": list(left_out),
        "cases": [dict(zip((column.key for column in _CASES), record.cells, strict=True)) for record in records],
        "baseline": asdict(comparison) if comparison is not None else None,
    }
    return Document("Kernels against their reference", tables, Table(name, _CASES, records), data, notes)


def _regressions(comparison: Comparison, cases_shown: int) -> Iterator[str]:
    """Yield the cases that got worse, so many of each function."""
    for function in dict.fromkeys(each.function for each in comparison.regressions):
        worse = [each for each in comparison.regressions if each.function == function]
        yield from (f"{function}, case {each.case}: {each.text}" for each in worse[:cases_shown])
        if len(worse) > cases_shown:
            more = things(len(worse) - cases_shown, "more case takes", "more cases take")
            yield f"{function}: {more} more than the baseline (see --show)"


def _known(outcome: TargetOutcome) -> Iterator[str]:
    """Yield what the library is known to do otherwise, with how many cases show it."""
    words = [case.message for case in outcome.cases if case.status == "known"]
    for each in dict.fromkeys(words):
        differ = things(words.count(each), "case differs", "cases differ")
        yield f"{outcome.target.name}: {differ}, which is known of this function: {each}"


def _row(outcome: TargetOutcome) -> Row:
    target, largest = outcome.target, outcome.largest
    cycles = largest.cycles if largest is not None else None
    each = round(largest.cycles / largest.macs, 2) if largest is not None and largest.macs else None
    stack = max((case.stack_bytes for case in outcome.cases if case.measured), default=None)
    return Row((target.name, target.operator.name, outcome.passed, len(outcome.cases), cycles, each, stack))


def _case(outcome: TargetOutcome, index: int) -> Row:
    case = outcome.cases[index]
    spent = (case.cycles, case.instructions, case.stack_bytes) if case.measured else (None, None, None)
    target = outcome.target
    return Row((target.name, target.operator.name, case.name, case.status, *spent, case.macs, case.message))
