# SPDX-License-Identifier: Apache-2.0
"""Several profiles side by side: totals and causes of each, and functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
_COLUMNS = (
    Column("number", "#", "count"),
    Column("image", "image", "text"),
    Column("setting", "setting", "text"),
    Column("fits", "fits", "text"),
    Column("cut", "run", "text"),
    Column("cycles", "cycles", "count"),
    Column("ms", "ms", "quantity"),
    Column("cycles_change_percent", "change", "change", rank=2),
    Column("ms_change_percent", "time change", "change", rank=6),
    Column("inferences", "inferences", "count", audience="data"),
    Column("inference_cycles", "cycles/inf.", "count", rank=5),
    Column("inference_ms", "ms/inf.", "quantity", rank=3),
    Column("energy_uj", "µJ", "quantity", rank=9),
    Column("inference_uj", "µJ/inf.", "quantity", rank=6),
    Column("sram_reserved_bytes", "SRAM", "count"),
    Column("sram_live_bytes", "live peak", "count", rank=4),
    Column("flash_bytes", "flash", "count", rank=1),
    Column("instructions", "instructions", "count", rank=8),
    Column("cpi", "CPI", "ratio", rank=7),
    Column("stalls", "largest causes", "text", flexible=True, wrap=True, least=18, audience="people"),
    Column("reason", "why not", "text", audience="data"),
    Column("core", "core", "text", audience="data"),
    Column("board", "board", "text", audience="data"),
    Column("accuracy", "accuracy", "text", audience="data"),
    Column("end", "ended", "text", audience="data"),
    Column("error", "not run", "text", audience="data"),
)
_Values = dict[str, Cell]
_CAVEATS = {"assumed": "Assumed", "too-few-waits": "Too fast"}  # kinds of notes that a comparison repeats
_OR_WHY_NOT = "why not, or largest causes"
_FITS = {True: "yes", False: "no", None: ""}


def comparison_document(variants: Sequence[Variant], *, functions: bool, top: int) -> Document:
    """Return the comparison for every format. The first variant that ran is what the others are compared with."""
    ran = [variant for variant in variants if variant.profile is not None]
    first = ran[0].profile if ran else None
    title = f"{first.image.name} on {first.board.title}" if first is not None and _one_image(ran) else "Comparison"
    causes = sorted({cause for variant in ran if variant.profile for cause in variant.profile.totals.causes})
    columns = _COLUMNS + tuple(
        Column(f"cycles_{cause.replace('-', '_')}", cause, "count", audience="data") for cause in causes
    )
    values = [_values(number, variant, first, causes) for number, variant in enumerate(variants, 1)]
    several = len({variant.image for variant in variants}) > 1
    shown = tuple(column for column in columns if _says_something(column, values, several))
    if any(variant.reason for variant in variants):
        shown = tuple(replace(each, title=_OR_WHY_NOT) if each.key == "stalls" else each for each in shown)
    remark = f"changes are against the first row{', ' + ran[0].name if ran and ran[0] is not variants[0] else ''}"
    remark = remark if not several else ""
    what = "Settings" if any(v.settings for v in variants) else "Runs" if several else "Profiles"
    tables = [_table(what, shown, values, remark)]
    if functions and len(ran) > 1:
        tables.append(_functions({n: v for n, v in enumerate(variants, 1) if v.profile is not None}, top))
    data = {"schema_version": SCHEMA_VERSION, "variants": [_record(variant, first) for variant in variants]}
    return Document(title, tables, _table(what, columns, values, ""), data, _notes(variants))


def _table(title: str, columns: tuple[Column, ...], values: Sequence[_Values], remark: str) -> Table:
    return Table(title, columns, [Row(tuple(each.get(column.key) for column in columns)) for each in values], remark)


def _is_cut(profile: Profile) -> bool:
    """Return whether something else than the firmware ended the run; a fault has words of its own."""
    return profile.end.cut and profile.end.kind != "fault"


def _cut(variants: Sequence[Variant]) -> dict[int, str]:
    """Return the runs that something else than the firmware ended: their numbers, and what did."""
    return {
        number: variant.profile.end.text
        for number, variant in enumerate(variants, 1)
        if variant.profile is not None and _is_cut(variant.profile)
    }


def _one_image(ran: Sequence[Variant]) -> bool:
    return len({variant.profile.image.sha256 for variant in ran if variant.profile}) == 1


def _says_something(column: Column, values: Sequence[_Values], several: bool) -> bool:
    """Return whether people need a column: not where all rows are empty, nor changes between several images."""
    if column.audience == "data" or column.key in ("number", "setting", "cycles", "ms"):
        return True
    if column.key == "image" or column.kind == "change":  # from other firmware it means nothing
        return several == (column.key == "image")
    if column.key == "cut":  # else they are all whole
        return any(each["cut"] == "cut" for each in values)
    return any(each.get(column.key) not in (None, "") for each in values)


def _values(number: int, variant: Variant, first: Profile | None, causes: Sequence[str]) -> _Values:
    """Return the cells of a row by key; of one that did not run, or does not fit, why."""
    profile = variant.profile
    fits = "faulted" if profile is not None and profile.fault is not None and variant.fits is None else ""
    values: _Values = {
        "number": number, "image": variant.image, "setting": variant.name, "fits": _FITS[variant.fits] or fits,
        "reason": variant.reason, "board": variant.board, "error": variant.error, "stalls": _short(variant.reason),
        "cut": "none",
    }  # fmt: skip
    if profile is None or first is None:
        not_run = {} if variant.fits is False else {"stalls": "not run"}
        return values | not_run | {f"cycles_{cause.replace('-', '_')}": 0 for cause in causes}
    totals = profile.totals
    values |= {
        "image": variant.image or profile.image.name,
        "cycles": totals.cycles,
        "ms": 1e3 * totals.time_s,
        "cycles_change_percent": _change(totals.cycles, first.totals.cycles),
        "ms_change_percent": _change(totals.time_s, first.totals.time_s),
        "instructions": totals.instructions,
        "cpi": numbers.per(totals.cycles, totals.instructions),
        "stalls": _short(variant.reason) or _largest(totals.causes),
        "core": profile.board.core,
        "board": profile.board.name,
        "end": profile.end.text,
        "cut": "cut" if _is_cut(profile) else "whole",
    }
    values |= {f"cycles_{cause.replace('-', '_')}": totals.causes.get(cause, 0) for cause in causes}
    return values | _figures(variant)


def _short(reason: str) -> str:
    """Return what people need of why something does not fit: the last part, sizes rather than an address."""
    return reason.rpartition("; linked for ")[1].lstrip("; ") + reason.rpartition("; linked for ")[2]


def _figures(variant: Variant) -> _Values:
    """Return the cells that come from a run's figures."""
    figures = variant.figures
    if figures is None:
        return {}
    return {
        "inferences": figures.inferences or None,
        "inference_cycles": figures.inference_cycles,
        "inference_ms": _times(figures.inference_s, 1e3),
        "energy_uj": _times(figures.energy_j, 1e6),
        "inference_uj": _times(figures.inference_j, 1e6),
        "sram_reserved_bytes": figures.sram_reserved_bytes,
        "sram_live_bytes": figures.sram_live_bytes,
        "flash_bytes": figures.flash_bytes,
        "accuracy": figures.accuracy,
    }


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


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
    if variant.image:
        record |= {"image": variant.image, "fits": variant.fits, "reason": variant.reason}
    profile = variant.profile
    if profile is None or first is None:
        return record
    totals = profile.totals
    return (
        record
        | _figures(variant)
        | {
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
    )


def _notes(variants: Sequence[Variant]) -> list[str]:
    """Return what a reader must know: outputs that differ, ends that differ, runs that were cut, how sure it all is."""
    ran = [variant for variant in variants if variant.profile is not None]
    profiles = [variant.profile for variant in ran if variant.profile is not None]
    notes = _not_run(variants)
    notes += [f"Ended in a fault: {v.name}: {v.profile.end.text}" for v in ran if v.profile and v.profile.fault]
    if len({profile.end.kind for profile in profiles}) > 1:
        ends = ", ".join(f"{v.name}: {v.profile.end.text}" for v in ran if v.profile is not None)
        notes.append(f"The runs ended differently ({ends}).")
    if len({profile.image.sha256 for profile in profiles}) > 1:
        if not any(variant.image for variant in ran):
            notes.append("These are profiles of different images.")
    elif len({profile.output for profile in profiles}) > 1:
        notes.append("The firmware printed something else from run to run (which may be its cycles).")
    if cut := _cut(variants):
        ends = ", ".join(f"#{number} ({text})" for number, text in cut.items())
        notes.append(f"Cut: {ends}: such a row is of a part of the run, and its changes say little.")
    if any(profile.end.partial for profile in profiles):
        notes.append("A run was cut by the clock on the wall.")
    notes += _assumed({n: v.profile for n, v in enumerate(variants, 1) if v.profile is not None})
    notes += sorted({f"{p.board.core} ({p.accuracy.level}): {p.accuracy.text}" for p in profiles})
    return notes


def _not_run(variants: Sequence[Variant]) -> list[str]:
    """Return why rows have no run, each reason once; what does not fit has its reason in the table."""
    rows: dict[str, list[str]] = {}
    for number, variant in enumerate(variants, 1):
        if variant.profile is None and variant.fits is not False:
            rows.setdefault(variant.error, []).append(variant.name if not variant.image else f"#{number}")
    return [f"Not run: {', '.join(names)}: {error}" for error, names in rows.items()]


def _assumed(profiles: dict[int, Profile]) -> list[str]:
    """Return what was assumed, and in which rows where it was not in all."""
    rows: dict[tuple[str, str], list[int]] = {}
    for number, profile in profiles.items():
        for note in profile.notes:
            if note.kind in _CAVEATS:
                rows.setdefault((_CAVEATS[note.kind], note.text), []).append(number)
    return [
        f"{kind}{'' if len(held) == len(profiles) else ' in ' + ', '.join(f'#{n}' for n in held)}: {text}"
        for (kind, text), held in sorted(rows.items(), key=lambda row: row[0][0] == "Assumed")
    ]
