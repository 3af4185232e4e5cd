# SPDX-License-Identifier: Apache-2.0
"""What is said of budgets: a table for people and programs, JUnit XML, annotations of a GitHub workflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mcusim import junit
from mcusim.budgets.check import BROKEN, HOLDS, NEW, Outcome, Verdict
from mcusim.ci.workflow import Annotation
from mcusim.profile import Profile
from mcusim.reports import numbers
from mcusim.reports.document import Document
from mcusim.reports.table import Column, Name, Row, Table

if TYPE_CHECKING:
    from mcusim.budgets.project import Project

SCHEMA_VERSION = 1
_SHOWN = 3  # limits of one pattern that hold: more are folded to the one with the least margin
_COLUMNS = (
    Column("status", "", "text"),
    Column("budget", "budget", "text", audience="data"),
    Column("scope", "scope", "text", audience="data"),
    Column("subject", "of", "name", audience="people", flexible=True, least=34),
    Column("of", "of", "text", audience="data"),
    Column("quantity", "quantity", "text"),
    Column("value", "value", "quantity"),
    Column("limit", "limit", "quantity"),
    Column("margin", "margin", "quantity", rank=3),
    Column("margin_percent", "left", "change", rank=1),
    Column("baseline", "baseline", "quantity", rank=4),
    Column("rule", "limit from", "text", rank=2),
    Column("file", "file", "text", audience="data"),
    Column("line", "line", "count", audience="data"),
)
_WORDS = {HOLDS: "ok", BROKEN: "BROKEN", NEW: "new"}


def budget_document(profile: Profile, verdict: Verdict, project: str) -> Document:
    """Return the budgets for every format; `project` names the file that they stand in."""
    count, broken = len(verdict.outcomes), len(verdict.broken)
    outcome = f"{broken} of {count} broken" if broken else f"all {count} hold" if not verdict.cut else "none can hold"
    title = f"Budgets of {profile.image.name} on {profile.board.title}: {outcome}"
    rows = Table("Budgets", _COLUMNS, [_row(each) for each in verdict.outcomes])
    remark = f"from {project}; left: of the limit; value: the largest of several runs"
    shown = Table("Limits", _COLUMNS, _folded(verdict.outcomes), remark)
    lead = [f"FAILED: {verdict.cut}."] if verdict.cut else []
    notes = list(verdict.remarks)
    new = sum(each.status == NEW for each in verdict.outcomes)
    if new:
        notes.append(f"{numbers.things(new, 'limit has', 'limits have')} no counterpart in the baseline (new).")
    notes.append(f"{profile.board.core} ({profile.accuracy.level}): {profile.accuracy.text}")
    return Document(title, [shown], rows, _data(profile, verdict), notes, lead)


def _row(outcome: Outcome) -> Row:
    margin, limit = outcome.margin, outcome.limit
    scope = outcome.budget.scope
    return Row((
        _WORDS[outcome.status], outcome.budget.name, scope,
        Name(f"{scope} {outcome.subject}") if scope in ("layer", "function") else outcome.subject, outcome.subject,
        outcome.quantity, outcome.value, limit, margin, 100 * margin / limit if margin is not None and limit else None,
        outcome.baseline, outcome.rule, outcome.file, outcome.line,
    ))  # fmt: skip


def _folded(outcomes: Sequence[Outcome]) -> list[Row]:
    """Return the rows that people see: of one pattern with many that hold, the one with the least margin."""
    groups: dict[tuple[int, str], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((id(outcome.budget), outcome.quantity), []).append(outcome)
    rows = []
    for group in groups.values():
        holding = [each for each in group if each.status == HOLDS]
        if len(holding) <= _SHOWN:
            rows += [_row(each) for each in group]
            continue
        tightest = min(holding, key=lambda each: (each.margin or 0) / (each.limit or 1))
        rows += [_row(each) for each in group if each.status != HOLDS or each is tightest]
        blank = [None] * len(_COLUMNS)
        cells = dict(zip((column.key for column in _COLUMNS), blank, strict=True))
        label = f"… {numbers.count(len(holding) - 1)} more that match '{group[0].budget.pattern}'"
        rows.append(Row(tuple(
            {**cells, "status": "ok", "subject": label, "quantity": group[0].quantity}.values()
        ), "aside"))  # fmt: skip
    return rows


def sentence(outcome: Outcome) -> str:
    """Return an outcome in words: 'run: cycles 35,148,421, limit 34,000,000 (budget): 1,148,421 over'."""
    text = f"{outcome.subject}: {outcome.quantity} {numbers.quantity(outcome.value)}"
    if outcome.limit is None or outcome.margin is None:
        return f"{text}, {outcome.status}"
    text += f", limit {numbers.quantity(outcome.limit)} ({outcome.rule}"
    if outcome.baseline is not None:
        text += f", which has {numbers.quantity(outcome.baseline)}"
    share = f", {numbers.change(100 * -outcome.margin / outcome.limit)}" if outcome.limit else ""
    over = f"{numbers.quantity(abs(outcome.margin))} {'over' if outcome.margin < 0 else 'left'}"
    return f"{text}): {over}{share if outcome.margin < 0 else ''}"


def budget_junit(profile: Profile, verdict: Verdict) -> bytes:
    """Return the budgets as JUnit XML: a suite for each budget, a case for each limit. A cut run fails them all."""
    suites: dict[int, tuple[str, list[junit.TestCase]]] = {}
    for outcome in verdict.outcomes:
        budget = outcome.budget
        title = budget.name or " ".join(filter(None, (budget.scope, budget.pattern)))
        failure = sentence(outcome) if outcome.status == BROKEN else verdict.cut
        figures = {"value": f"{outcome.value:g}" if outcome.value % 1 else str(int(outcome.value))}
        if outcome.limit is not None:
            figures["limit"] = f"{outcome.limit:.10g}"
        case = junit.TestCase(f"{outcome.subject}: {outcome.quantity}", failure, properties=figures)
        suites.setdefault(id(budget), (title, []))[1].append(case)
    name = f"mcusim budget {profile.image.name} {profile.board.name}"
    return junit.document(name, [junit.TestSuite(title, tuple(cases)) for title, cases in suites.values()])


def budget_annotations(verdict: Verdict, project: Project, place: Callable[[str], str | None]) -> list[Annotation]:
    """Return an annotation for each broken limit: at the function's source, else at the budget in the file.

    `place` returns the name of a source file in the repository, None where it cannot be found there.
    """
    own = place(str(project.path.resolve()))
    found = [Annotation(f"The run fails its budgets: {verdict.cut}", "mcusim budget", own)] if verdict.cut else []
    for outcome in verdict.broken:
        source = place(outcome.file) if outcome.file is not None else None
        file, line = (source, outcome.line) if source is not None else (own, outcome.budget.line)
        title = f"mcusim budget{': ' + outcome.budget.name if outcome.budget.name else ''}"
        found.append(Annotation(sentence(outcome), title, file, line))
    return found


def _data(profile: Profile, verdict: Verdict) -> dict[str, object]:
    return {
        "schema_version": SCHEMA_VERSION,
        "image": profile.image.name,
        "board": profile.board.name,
        "core": profile.board.core,
        "passed": verdict.passed,
        "cut": verdict.cut,
        "remarks": list(verdict.remarks),
        "limits": [
            {
                "budget": each.budget.name,
                "scope": each.budget.scope,
                "of": each.subject,
                "quantity": each.quantity,
                "value": each.value,
                "limit": each.limit,
                "margin": each.margin,
                "baseline": each.baseline,
                "rule": each.rule,
                "status": each.status,
                "file": each.file,
                "line": each.line,
            }
            for each in verdict.outcomes
        ],
    }


def near_the_file(project: Project, top: Path) -> Callable[[str], str | None]:
    """Return `place` of `budget_annotations` for a repository whose top is `top`."""
    from mcusim.ci.workflow import place_in_repository

    return lambda file: place_in_repository(file, top, project.folder)
