# SPDX-License-Identifier: Apache-2.0
"""The function table, and choosing functions by name."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches

from mcusim.errors import McusimError
from mcusim.profile import FunctionCost, Profile
from mcusim.reports import numbers
from mcusim.reports.caches import cache_columns, cache_values
from mcusim.reports.options import DEFAULT_TOP, SORTS, RenderOptions
from mcusim.reports.table import Cell, Column, Name, Row, Table

_COLUMNS = (
    Column("self_cycles", "self cycles", "count"),
    Column("self_percent", "share", "percent"),
    Column("total_cycles", "total cycles", "count", rank=1),
    Column("total_percent", "share of total", "percent", rank=5),
    Column("calls", "calls", "count", rank=2),
    Column("instructions", "instructions", "count", rank=4),
    Column("cpi", "CPI", "ratio", rank=3),
    Column("address", "address", "address", rank=7),
    Column("size_bytes", "bytes", "count", rank=8),
    Column("stalls", "stalled by", "text", rank=6, audience="people"),
    Column("label", "function (file)", "name", audience="people", flexible=True),
    Column("function", "function", "text", audience="data"),
    Column("file", "file", "text", audience="data"),
)

ISSUE = "issue"  # the cause every instruction has: it explains nothing, so `stalls` leaves it out

# Sort key -> the column it orders by, which is never left out.
_SORT_COLUMN = {"self": "self_cycles", "total": "total_cycles", "name": "label"}


def functions_table(profile: Profile, options: RenderOptions, *, audience: str) -> Table:
    """Return the functions that match, sorted, at most `top` of them, with a remark on what was left out."""
    matches = matcher(options.match)
    chosen = sorted((f for f in profile.functions if matches(f.name)), key=_sort_key(options.sort))
    top = options.top if options.top is not None else (DEFAULT_TOP if audience == "people" else 0)
    shown = chosen[:top] if top else chosen
    causes = causes_in_order(profile) if audience == "data" else []
    columns = tuple(_pinned(column, options.sort) for column in _COLUMNS) + cache_columns(profile)
    misses = dict(zip(map(id, profile.functions), profile.caches.functions, strict=True)) if profile.caches else {}
    rows = [
        Row(
            _cells(function, profile.totals.cycles)
            + tuple(cache_values(profile, misses.get(id(function))).values())
            + tuple(function.causes.get(cause, 0) for cause in causes)
        )
        for function in shown
    ]
    columns += cause_columns(causes)
    remark = _remark(profile, options, chosen, shown)
    return Table(f"Functions by {SORTS[options.sort]}", columns, rows, remark).only(audience)


def _cells(function: FunctionCost, whole_cycles: int) -> tuple[Cell, ...]:
    return (
        function.self_cycles,
        numbers.share_percent(function.self_cycles, whole_cycles),
        function.total_cycles,
        numbers.share_percent(function.total_cycles, whole_cycles),
        function.calls,
        function.instructions,
        numbers.per(function.self_cycles, function.instructions),
        function.address,
        function.size_bytes,
        stalls(function.causes),
        Name(function.name, function.file),
        function.name,
        function.file,
    )


def _pinned(column: Column, sort: str) -> Column:
    return replace(column, rank=0) if column.key == _SORT_COLUMN.get(sort, sort) else column


def _sort_key(sort: str) -> Callable[[FunctionCost], tuple[float | str, int, str]]:
    """Numbers from the largest down, names and addresses up; ties by address, so that the order is always the same."""
    values: dict[str, Callable[[FunctionCost], float | str]] = {
        "self": lambda f: -f.self_cycles,
        "total": lambda f: -f.total_cycles,
        "calls": lambda f: -f.calls,
        "cpi": lambda f: -(numbers.per(f.self_cycles, f.instructions) or 0.0),
        "instructions": lambda f: -f.instructions,
        "name": lambda f: f.name,
        "address": lambda f: f.address,
    }
    value = values[sort]
    return lambda function: (value(function), function.address, function.name)


def _remark(
    profile: Profile, options: RenderOptions, chosen: Sequence[FunctionCost], shown: Sequence[FunctionCost]
) -> str:
    """Say what the table does not show, and how much that is: a table that was cut must not look whole."""
    sentences = []
    if len(shown) < len(chosen):
        rest_cycles = sum(f.self_cycles for f in chosen) - sum(f.self_cycles for f in shown)
        share = numbers.share_percent(rest_cycles, profile.totals.cycles)
        part = f", {numbers.percent(share)} of all cycles" if share is not None else ""
        more = numbers.things(len(chosen) - len(shown), "more function", "more functions")
        sentences.append(f"{more}{part} (--top 0 shows all)")
    if options.match is not None:
        sentences.append(f"{len(chosen)} of {len(profile.functions)} functions match '{options.match}'")
    return "; ".join(sentences)


def causes_in_order(profile: Profile) -> list[str]:
    """Return every cause of the run: in the profile's report order, then those it gives no title."""
    titled = [cause for cause in profile.cause_titles if cause in profile.totals.causes]
    return titled + sorted(set(profile.totals.causes) - set(titled))


def cause_columns(causes: Sequence[str]) -> tuple[Column, ...]:
    """Return one data column per cause: 'load-use' becomes `cycles_load_use`."""
    return tuple(Column("cycles_" + re.sub(r"\W+", "_", cause), cause, "count", audience="data") for cause in causes)


def stalls(causes: dict[str, int], most: int = 2) -> str:
    """Return the largest causes other than plain issue, in shares of all: 'load-use 20%, branch 11%'."""
    whole = sum(causes.values())
    stalled = ((cycles, cause) for cause, cycles in causes.items() if cycles and cause != ISSUE)
    largest = sorted(stalled, key=lambda stall: (-stall[0], stall[1]))
    return ", ".join(f"{cause} {100 * cycles / whole:.0f}%" for cycles, cause in largest[:most])


def stall_cycles(causes: dict[str, int], most: int) -> str:
    """Return the causes other than plain issue in cycles, the largest first: 'load 406,110, fetch 91,004'."""
    stalled = [(cycles, cause) for cause, cycles in causes.items() if cycles and cause != ISSUE]
    largest = sorted(stalled, key=lambda stall: (-stall[0], stall[1]))
    return ", ".join(f"{cause} {numbers.count(cycles)}" for cycles, cause in largest[:most])


def matcher(pattern: str | None) -> Callable[[str], bool]:
    """Return the test for --match: a glob if it has `*` or `?` and nothing only a regular expression has.

    Otherwise a regular expression searched in the name, so a plain word is found anywhere. What occurs literally in a
    name always matches (`f(int)` means that function). Raises `McusimError` for a broken expression.
    """
    if pattern is None:
        return lambda name: True
    if re.search(r"[*?]", pattern) and not re.search(r"[\^$.+()|\\{}]", pattern):
        return lambda name: fnmatch.fnmatchcase(name, pattern)
    try:
        expression = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise McusimError(f"--match '{pattern}': not a regular expression or glob: {error}") from error
    return lambda name: pattern in name or expression.search(name) is not None


def find_function(wanted: str, names: Sequence[str]) -> int:
    """Return the index of the one function called `wanted` (or `wanted (file.c)`).

    Raises `McusimError` with the near names where there is none, with the list where there are several.
    """
    if wanted in names:
        return names.index(wanted)
    several = [index for index, name in enumerate(names) if name.startswith((f"{wanted} (", f"{wanted}("))]
    if not several:
        near = get_close_matches(wanted, names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "--top 0 lists the functions there are"
        raise McusimError(f"no function '{wanted}': {hint}")
    if len(several) > 1:
        listed = ", ".join(f"'{names[index]}'" for index in several)
        raise McusimError(f"'{wanted}' names {len(several)} functions: give one of {listed}")
    return several[0]
