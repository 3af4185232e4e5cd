# SPDX-License-Identifier: Apache-2.0
"""Source lines by the cycles of their instructions, over all functions that they were compiled or inlined into."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from mcusim.errors import McusimError
from mcusim.profile import Profile
from mcusim.profile_caches import CacheCounts
from mcusim.reports import numbers
from mcusim.reports.caches import added, cache_columns, cache_values, counts_at
from mcusim.reports.functions import cause_columns, causes_in_order, matcher, stalls
from mcusim.reports.options import DEFAULT_TOP, SORTS, RenderOptions
from mcusim.reports.table import Column, Row, Table

LINE_SORTS = ("self", "cpi", "instructions", "name")
_COLUMNS = (
    Column("cycles", "cycles", "count"),
    Column("percent", "share", "percent"),
    Column("instructions", "instructions", "count", rank=5),
    Column("cpi", "CPI", "ratio", rank=3),
    Column("stalls", "stalled by", "text", rank=2, audience="people"),
    Column("place", "line", "text", audience="people"),
    Column("file", "file", "text", audience="data"),
    Column("line", "line", "count", audience="data"),
    Column("functions", "function", "text", rank=4),
    Column("source", "source", "text", flexible=True, least=24),
)


@dataclass
class _Line:
    cycles: int = 0
    instructions: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    functions: Counter[int] = field(default_factory=Counter)  # function -> cycles of the line in it
    addresses: set[int] = field(default_factory=set)


def lines_table(profile: Profile, options: RenderOptions, *, audience: str) -> Table:
    """Return the source lines, the most expensive first, of the functions that match, at most `top` of them.

    Raises `McusimError` for a sort key that lines do not have, and where nothing has line information.
    """
    if options.sort not in LINE_SORTS:
        raise McusimError(f"--lines cannot be sorted by {SORTS[options.sort]}: use --sort {' or '.join(LINE_SORTS)}")
    lines, unknown_cycles = _collect(profile, options.match)
    if not lines:
        raise McusimError("--lines: no executed instruction has line information: build the firmware with -g")
    chosen = sorted(lines.items(), key=lambda item: (_key(options.sort, item[1]), item[0]))
    top = options.top if options.top is not None else (DEFAULT_TOP if audience == "people" else 0)
    shown = chosen[:top] if top else chosen
    causes = causes_in_order(profile) if audience == "data" else []
    counts = counts_at(profile)
    rows = [_row(profile, place, line, counts, causes) for place, line in shown]
    remark = _remark(profile, len(chosen) - len(shown), unknown_cycles, options.match)
    return Table(
        "Source lines by cycles", _COLUMNS + cache_columns(profile) + cause_columns(causes), rows, remark
    ).only(audience)


def _collect(profile: Profile, match: str | None) -> tuple[dict[tuple[str, int], _Line], int]:
    """Return the lines by file and number, and the cycles of instructions that no line is known for."""
    matches = matcher(match)
    lines: dict[tuple[str, int], _Line] = {}
    unknown_cycles = 0
    for instruction in profile.instructions:
        if not matches(profile.functions[instruction.function].name):
            continue
        if instruction.file is None or not instruction.line:
            unknown_cycles += instruction.cycles
            continue
        line = lines.setdefault((instruction.file, instruction.line), _Line())
        line.cycles += instruction.cycles
        line.instructions += instruction.count
        line.causes.update(instruction.causes)
        line.functions[instruction.function] += instruction.cycles
        line.addresses.add(instruction.address)
    return lines, unknown_cycles


def _key(sort: str, line: _Line) -> float:
    if sort == "name":
        return 0
    if sort == "cpi":
        return -(numbers.per(line.cycles, line.instructions) or 0.0)
    return -line.instructions if sort == "instructions" else -line.cycles


def _row(
    profile: Profile, place: tuple[str, int], line: _Line, counts: dict[int, CacheCounts], causes: list[str]
) -> Row:
    file, number = place
    base = file.replace("\\", "/").rsplit("/", 1)[-1]
    first = max(line.functions, key=lambda function: (line.functions[function], -function))
    more = f" and {len(line.functions) - 1} more" if len(line.functions) > 1 else ""
    return Row(
        (
            line.cycles,
            numbers.share_percent(line.cycles, profile.totals.cycles),
            line.instructions,
            numbers.per(line.cycles, line.instructions),
            stalls(dict(line.causes)),
            f"{base}:{number}",
            file,
            number,
            numbers.middle(profile.functions[first].name, 24) + more,
            profile.sources.get(file, {}).get(number, "").expandtabs().strip(),
            *cache_values(profile, added(counts.get(address) for address in line.addresses)).values(),
            *(line.causes.get(cause, 0) for cause in causes),
        )
    )


def _remark(profile: Profile, left_out: int, unknown_cycles: int, match: str | None) -> str:
    sentences = []
    if left_out:
        sentences.append(f"{numbers.things(left_out, 'more line', 'more lines')} (--top 0 shows all)")
    if match is not None:
        sentences.append(f"instructions of functions that match '{match}'")
    share = numbers.share_percent(unknown_cycles, profile.totals.cycles)
    if unknown_cycles and share is not None:
        sentences.append(f"{numbers.percent(share)} of all cycles are of code without line information")
    return "; ".join(sentences)
