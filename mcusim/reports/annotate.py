# SPDX-License-Identifier: Apache-2.0
"""One function, instruction by instruction: how often, how many cycles, and why, with source lines in between.

The cycles that an instruction took beyond its issue stand beside it by cause: `load 406,110, fetch 91,004`.
"""

from __future__ import annotations

from mcusim.errors import McusimError
from mcusim.profile import InstructionCost, Profile
from mcusim.profile_caches import CacheCounts
from mcusim.reports import numbers
from mcusim.reports.caches import cache_columns, cache_values, counts_at
from mcusim.reports.functions import cause_columns, causes_in_order, find_function, stall_cycles
from mcusim.reports.table import Column, Row, Table

_STALLS = 3  # causes that people see beside an instruction; CSV has all
_COLUMNS = (
    Column("address", "address", "address"),
    Column("count", "count", "count", rank=3),
    Column("cycles", "cycles", "count"),
    Column("percent", "share", "percent", rank=2),
    Column("cycles_per_issue", "each", "ratio", rank=4),
    Column("stalls", "stalled by", "text", rank=1, audience="people"),
    Column("encoding", "encoding", "text", rank=5),
    Column("text", "instruction", "text", flexible=True, least=24),
    Column("file", "file", "text", audience="data"),
    Column("line", "line", "count", audience="data"),
)


def annotate_table(profile: Profile, wanted: str, *, audience: str) -> Table:
    """Return the executed instructions of the function called `wanted`, by address.

    Raises `McusimError` where no function, or more than one, has that name.
    """
    index = find_function(wanted, [function.name for function in profile.functions])
    function = profile.functions[index]
    instructions = sorted((i for i in profile.instructions if i.function == index), key=lambda i: i.address)
    if not instructions:
        raise McusimError(f"'{function.name}': the profile has no executed instruction of it: choose another function")
    causes = causes_in_order(profile) if audience == "data" else []
    counts = counts_at(profile)
    rows: list[Row] = []
    place: tuple[str, int] | None = None
    for instruction in instructions:
        if instruction.file is not None and instruction.line is not None:
            here = (instruction.file, instruction.line)
            if here != place:
                rows.append(_source_row(profile, *here))
            place = here
        rows.append(_row(profile, instruction, function.self_cycles, counts.get(instruction.address), causes))
    cycles = numbers.things(function.self_cycles, "cycle", "cycles")
    title = f"{function.name}, {cycles} in {numbers.things(function.calls, 'call', 'calls')}"
    remark = "" if audience == "data" else _remark(function.self_cycles, instructions, causes_in_order(profile))
    return Table(title, _COLUMNS + cache_columns(profile) + cause_columns(causes), rows, remark).only(audience)


def _row(
    profile: Profile, instruction: InstructionCost, whole_cycles: int, counts: CacheCounts | None, causes: list[str]
) -> Row:
    return Row(
        (
            instruction.address,
            instruction.count,
            instruction.cycles,
            numbers.share_percent(instruction.cycles, whole_cycles),
            numbers.per(instruction.cycles, instruction.count),
            stall_cycles(instruction.causes, _STALLS),
            instruction.encoding,
            instruction.text,
            instruction.file,
            instruction.line,
            *cache_values(profile, counts).values(),
            *(instruction.causes.get(cause, 0) for cause in causes),
        )
    )


def _source_row(profile: Profile, file: str, line: int) -> Row:
    source = profile.sources.get(file, {}).get(line, "").expandtabs().strip()
    base = file.replace("\\", "/").rsplit("/", 1)[-1]
    cells = (None, None, None, None, None, None, None, f"{base}:{line}  {source}".rstrip(), None, None)
    return Row((*cells, *(None for _ in cache_columns(profile))), "source")


def _remark(whole_cycles: int, instructions: list[InstructionCost], order: list[str]) -> str:
    seen_cycles = sum(instruction.cycles for instruction in instructions)
    by_cause = {cause: sum(each.causes.get(cause, 0) for each in instructions) for cause in order}
    causes = ", ".join(
        f"{cause} {numbers.count(cycles)} ({numbers.percent(100 * cycles / whole_cycles)})"
        for cause, cycles in by_cause.items()
        if cycles
    )
    remark = f"by cause: {causes}; " if causes else ""
    remark += "share is of the function's own cycles; instructions that never ran are not listed"
    if seen_cycles != whole_cycles:
        remark += f"; {numbers.count(whole_cycles - seen_cycles)} cycles belong to no single instruction"
    return remark
