# SPDX-License-Identifier: Apache-2.0
"""Several profiles side by side: totals and causes of each, and functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mcusim.profile import Profile
from mcusim.reports import numbers
from mcusim.reports.document import Document
from mcusim.reports.functions import ISSUE, stalls
from mcusim.reports.table import Cell, Column, Row, Table

if TYPE_CHECKING:
    from mcusim.comparison import Variant

SCHEMA_VERSION = 1
_STALLS = 3
_CUT = ("max-cycles", "timeout", "interrupted")  # ends that the firmware did not come to
_COLUMNS = (
    Column("number", "#", "count"),
    Column("setting", "setting", "text"),
    Column("cut", "run", "text"),
    Column("cycles", "cycles", "count"),
    Column("ms", "ms", "quantity"),
    Column("cycles_change_percent", "change", "change"),
    Column("ms_change_percent", "time change", "change", rank=2),
    Column("instructions", "instructions", "count", rank=4),
    Column("cpi", "CPI", "ratio", rank=3),
    Column("stalls", "largest causes", "text", flexible=True, wrap=True, least=18, audience="people"),
    Column("core", "core", "text", audience="data"),
    Column("board", "board", "text", audience="data"),
    Column("end", "ended", "text", audience="data"),
    Column("error", "not run", "text", audience="data"),
)


def comparison_document(variants: Sequence[Variant], *, functions: bool, top: int) -> Document:
    """Return the comparison for every format. The first variant that ran is what the others are compared with."""
    ran = [variant for variant in variants if variant.profile is not None]
    first = ran[0].profile if ran else None
    title = f"{first.image.name} on {first.board.title}" if first is not None and _one_image(ran) else "Comparison"
    causes = sorted({cause for variant in ran if variant.profile for cause in variant.profile.totals.causes})
    columns = _COLUMNS + tuple(
        Column(f"cycles_{cause.replace('-', '_')}", cause, "count", audience="data") for cause in causes
    )
    rows = [_row(number, variant, first, causes) for number, variant in enumerate(variants, 1)]
    remark = f"changes are against the first row{', ' + ran[0].name if ran and ran[0] is not variants[0] else ''}"
    if not _cut(variants):  # then they are all whole
        place = [column.key for column in columns].index("cut")
        columns = columns[:place] + columns[place + 1 :]
        rows = [Row(row.cells[:place] + row.cells[place + 1 :], row.style) for row in rows]
    tables = [Table("Settings" if any(v.settings for v in variants) else "Profiles", columns, rows, remark)]
    if functions and len(ran) > 1:
        tables.append(_functions({n: v for n, v in enumerate(variants, 1) if v.profile is not None}, top))
    data = {"schema_version": SCHEMA_VERSION, "variants": [_record(variant, first) for variant in variants]}
    return Document(title, tables, tables[0], data, _notes(variants))


def _cut(variants: Sequence[Variant]) -> dict[int, str]:
    """Return the runs that something else than the firmware ended: their numbers, and what did."""
    return {
        number: variant.profile.end.text
        for number, variant in enumerate(variants, 1)
        if variant.profile is not None and variant.profile.end.kind in _CUT
    }


def _one_image(ran: Sequence[Variant]) -> bool:
    return len({variant.profile.image.sha256 for variant in ran if variant.profile}) == 1


def _row(number: int, variant: Variant, first: Profile | None, causes: Sequence[str]) -> Row:
    profile = variant.profile
    if profile is None or first is None:
        nothing: tuple[Cell, ...] = (None,) * 6
        return Row(
            (number, variant.name, "none", *nothing, "not run", None, None, None, variant.error, *(0 for _ in causes))
        )
    totals = profile.totals
    return Row(
        (
            number,
            variant.name,
            "cut" if profile.end.kind in _CUT else "whole",
            totals.cycles,
            1e3 * totals.time_s,
            _change(totals.cycles, first.totals.cycles),
            _change(totals.time_s, first.totals.time_s),
            totals.instructions,
            numbers.per(totals.cycles, totals.instructions),
            _largest(totals.causes),
            profile.board.core,
            profile.board.name,
            profile.end.text,
            "",
            *(totals.causes.get(cause, 0) for cause in causes),
        )
    )


def _largest(causes: dict[str, int]) -> str:
    """Return the causes that make up at least a hundredth, without plain issue, the largest first."""
    whole = sum(causes.values())
    least = {cause: cycles for cause, cycles in causes.items() if cause == ISSUE or 100 * cycles >= whole}
    return stalls(least, _STALLS)


def _change(value: float, base: float) -> float | None:
    return 100 * (value / base - 1) if base else None


def _functions(ran: dict[int, Variant], top: int) -> Table:
    """Return the functions that changed most, the first profile's cycles and the others' beside them."""
    costs: dict[str, list[int]] = {}
    for index, variant in enumerate(ran.values()):
        assert variant.profile is not None
        for function in variant.profile.functions:
            costs.setdefault(function.name, [0] * len(ran))[index] += function.self_cycles
    ordered = sorted(costs.items(), key=lambda item: (-max(abs(c - item[1][0]) for c in item[1]), item[0]))
    shown = ordered[:top] if top else ordered
    columns = (
        Column("function", "function", "text", flexible=True, least=24),
        *(Column(f"cycles_{n}", f"#{n}", "count", rank=n if n > 1 else 0) for n in ran),
        Column("change", "difference", "count"),
        Column("change_percent", "change", "change"),
    )
    rows = [Row((name, *c, c[-1] - c[0], _change(c[-1], c[0]))) for name, c in shown]
    remark = f"self cycles; the difference is that of #{list(ran)[-1]} from #{next(iter(ran))}"
    if len(shown) < len(ordered):
        remark += (
            f"; {numbers.things(len(ordered) - len(shown), 'more function', 'more functions')} (--top 0 shows all)"
        )
    return Table("Functions by change", columns, rows, remark)


def _record(variant: Variant, first: Profile | None) -> dict[str, object]:
    record: dict[str, object] = {"name": variant.name, "settings": variant.settings, "error": variant.error}
    profile = variant.profile
    if profile is None or first is None:
        return record
    totals = profile.totals
    return record | {
        "board": profile.board.name,
        "core": profile.board.core,
        "ended": profile.end.text,
        "cycles": totals.cycles,
        "time_s": totals.time_s,
        "instructions": totals.instructions,
        "cycles_change_percent": _change(totals.cycles, first.totals.cycles),
        "time_change_percent": _change(totals.time_s, first.totals.time_s),
        "causes": totals.causes,
        "functions": {function.name: function.self_cycles for function in profile.functions},
    }


def _notes(variants: Sequence[Variant]) -> list[str]:
    """Return what a reader must know: outputs that differ, ends that differ, runs that were cut, how sure it all is."""
    ran = [variant for variant in variants if variant.profile is not None]
    profiles = [variant.profile for variant in ran if variant.profile is not None]
    notes = [f"Not run: {variant.name}: {variant.error}" for variant in variants if variant.profile is None]
    notes += [f"Ended in a fault: {v.name}: {v.profile.end.text}" for v in ran if v.profile and v.profile.fault]
    if len({profile.end.kind for profile in profiles}) > 1:
        ends = ", ".join(f"{v.name}: {v.profile.end.text}" for v in ran if v.profile is not None)
        notes.append(f"The runs ended differently ({ends}).")
    if len({profile.image.sha256 for profile in profiles}) > 1:
        notes.append("These are profiles of different images.")
    elif len({profile.output for profile in profiles}) > 1:
        notes.append("The firmware printed something else from run to run.")
    if cut := _cut(variants):
        ends = ", ".join(f"#{number} ({text})" for number, text in cut.items())
        notes.append(f"Cut: {ends}: such a row is of a part of the run, and its changes say little.")
    if any(profile.end.partial for profile in profiles):
        notes.append("A run was cut by the clock on the wall.")
    notes += _assumed({n: v.profile for n, v in enumerate(variants, 1) if v.profile is not None})
    notes += sorted({f"{p.board.core} ({p.accuracy.level}): {p.accuracy.text}" for p in profiles})
    return notes


def _assumed(profiles: dict[int, Profile]) -> list[str]:
    """Return what was assumed, and in which rows where it was not in all."""
    rows: dict[str, list[int]] = {}
    for number, profile in profiles.items():
        for note in profile.notes:
            if note.kind == "assumed":
                rows.setdefault(note.text, []).append(number)
    return [
        f"Assumed{'' if len(held) == len(profiles) else ' in ' + ', '.join(f'#{n}' for n in held)}: {text}"
        for text, held in rows.items()
    ]
