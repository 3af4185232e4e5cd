# SPDX-License-Identifier: Apache-2.0
"""The report: what is said about a run, once, for every format that people read.

`build` turns a profile into facts, tables and remarks; text and Markdown only lay them out.
"""

from __future__ import annotations

from dataclasses import dataclass

from mcusim.profile import Profile
from mcusim.reports import numbers
from mcusim.reports.annotate import annotate_table
from mcusim.reports.caches import cache_facts
from mcusim.reports.energy import energy_facts, energy_note
from mcusim.reports.fault import backtrace_table, fault_facts
from mcusim.reports.functions import causes_in_order, functions_table
from mcusim.reports.guessed import guessed_table
from mcusim.reports.lines import lines_table
from mcusim.reports.memory import memory_facts
from mcusim.reports.options import RenderOptions
from mcusim.reports.sections import TABLES, chosen
from mcusim.reports.table import Column, Name, Row, Table
from mcusim.reports.tasks import deepest_fact, stack_fact, tasks_table
from mcusim.reports.tree import tree_table

_MOST_PHASES = 4  # a firmware that changes its clock all the time does not fill the page

_CAUSE_COLUMNS = (
    Column("cycles", "cycles", "count"),
    Column("percent", "share", "percent"),
    Column("bar", "", "bar", audience="people", rank=2),
    Column("cause", "cause", "text"),
    Column("meaning", "what it is", "text", rank=1, flexible=True, wrap=True),
)

NOTE_KINDS = {"not-modelled": "not modelled", "guessed": "guessed", "assumed": "assumed", "detour": "left out",
              "stack": "stack overflow", "too-few-waits": "too fast"}  # fmt: skip


@dataclass(frozen=True)
class Fact:
    """A line of the head of the report: 'time', '617.3 ms at 20 MHz'."""

    key: str
    text: str


@dataclass(frozen=True)
class Report:
    """Everything a person is told. `run` is what ran where and why it ended, `totals` what it cost."""

    title: str
    run: list[Fact]
    totals: list[Fact]
    tables: list[Table]
    notes: list[Fact]
    accuracy: str


def build(profile: Profile, options: RenderOptions) -> Report:
    """Return the report on `profile`. Raises `McusimError` for an option that names nothing."""
    return Report(
        title=f"{profile.image.name} on {profile.board.title}",
        run=_run(profile),
        totals=_totals(profile, options),
        tables=_tables(profile, options),
        notes=[_note(note.kind, note.text, note.count) for note in profile.notes] + _energy_notes(profile),
        accuracy=profile.accuracy.text,
    )


def _tables(profile: Profile, options: RenderOptions) -> list[Table]:
    tables = [backtrace_table(profile)] if profile.fault is not None else []
    return tables + section_tables(profile, options, audience="people")


def section_tables(profile: Profile, options: RenderOptions, *, audience: str) -> list[Table]:
    """Return the tables of the sections that were asked for, or of the default ones.

    Tree, source lines and an annotated function are shown whatever the sections are. For programs there is one table.
    """
    sections = chosen(profile, options)
    if audience == "data" and not options.show:
        sections = ["functions"]
    asked = options.tree or options.lines or options.annotate is not None
    if asked and "functions" not in sections:
        sections.append("functions")
    tables: list[Table] = []
    for name in sections:
        if name in TABLES:
            tables.append(TABLES[name](profile, options, audience=audience))
        elif name == "functions":
            tables += detail_tables(profile, options, audience=audience)
        else:
            tables.append(_PLAIN_TABLES[name](profile).only(audience))
    return tables


def detail_tables(profile: Profile, options: RenderOptions, *, audience: str) -> list[Table]:
    """Return the tables that were asked for: tree, source lines, annotated function, or else the functions."""
    tables = []
    if options.tree:
        tables.append(tree_table(profile, options, audience=audience))
    if options.lines:
        tables.append(lines_table(profile, options, audience=audience))
    if options.annotate is not None:
        tables.append(annotate_table(profile, options.annotate, audience=audience))
    return tables or [functions_table(profile, options, audience=audience)]


def causes_table(profile: Profile, causes: dict[str, int] | None = None, title: str = "Cycles by cause") -> Table:
    """Return the cycles by cause, in the profile's report order; causes that cost nothing are left out.

    `causes` are those of a part of the run, of which the shares are then; None: of all of it.
    """
    part = profile.totals.causes if causes is None else causes
    whole = profile.totals.cycles if causes is None else sum(causes.values())
    rows = []
    for cause in causes_in_order(profile):
        cycles = part.get(cause, 0)
        if cycles:
            share = numbers.share_percent(cycles, whole)
            rows.append(Row((cycles, share, share, cause, profile.cause_titles.get(cause, ""))))
    return Table(title, _CAUSE_COLUMNS, rows)


_PLAIN_TABLES = {"tasks": tasks_table, "causes": causes_table, "registers": guessed_table}


def _run(profile: Profile) -> list[Fact]:
    board = profile.board
    facts = [
        Fact("board", f"{board.name} ({board.reason})"),
        Fact("core", f"{board.core} ({board.core_title})"),
        Fact("ended", _end(profile)),
    ]
    if profile.fault is not None:
        facts += [Fact(key, text) for key, text in fault_facts(profile.fault)]
    given = ", ".join(_setting(key, value) for key, value in profile.settings.items() if value not in (None, False, ""))
    if given:
        facts.append(Fact("settings", given))
    return facts


def _setting(key: str, value: str | int | bool | None) -> str:
    """Return a setting as an option: the flag alone, or with its value."""
    option = "--" + key.replace("_", "-")
    return option if value is True else f"{option} {value}"


def _end(profile: Profile) -> str:
    end = profile.end
    where = Name(end.function).fit() if end.function else "no function"
    text = f"{end.text}, at {numbers.address(end.address)} in {where}"
    if end.partial:
        text += "; cut by the clock on the wall, so another run may end elsewhere"
    return text


def _energy_notes(profile: Profile) -> list[Fact]:
    text = energy_note(profile)
    return [_note("assumed", text, 0)] if text else []


def _totals(profile: Profile, options: RenderOptions) -> list[Fact]:
    totals, image, board = profile.totals, profile.image, profile.board
    sure = _sure(profile)
    cpi = numbers.per(totals.cycles, totals.instructions)
    return [
        Fact("cycles", f"{numbers.count(totals.cycles)} {sure}"),
        Fact("time", f"{numbers.duration(totals.time_s)}{_clock(profile)}"),
        Fact("instructions", numbers.count(totals.instructions)),
        Fact("CPI", numbers.NOTHING if cpi is None else numbers.ratio(cpi)),
        Fact("flash", numbers.memory(image.flash_bytes, board.flash_bytes)),
        Fact("SRAM", f"{numbers.memory(image.sram_bytes, board.sram_bytes)} (without stack and heap)"),
        *([Fact("stack", stack_fact(profile))] if profile.stacks else []),
        *([Fact("deepest stack", deepest)] if (deepest := deepest_fact(profile)) else []),
        *(Fact(key, text) for key, text in (*cache_facts(profile), *memory_facts(profile))),
        *(Fact(key, text) for key, text in energy_facts(profile, options)),
    ]


def _sure(profile: Profile) -> str:
    """Return what stands beside the cycles: the interval where one was measured, else the word for what they are."""
    interval = profile.accuracy.interval_percent
    return f"({profile.accuracy.level})" if interval is None else f"±{interval:g}% (see how sure)"


def _clock(profile: Profile) -> str:
    """Return the clock, or where it changed the clocks, as what follows the time."""
    phases = profile.totals.clock
    text = ", ".join(
        (f"from cycle {numbers.count(phase.start_cycles)} " if phase.start_cycles else "")
        + f"at {numbers.frequency(phase.core_hz)}"
        for phase in phases[:_MOST_PHASES]
    )
    more = len(phases) - _MOST_PHASES
    if more > 0:
        text += f", and {numbers.things(more, 'more change', 'more changes')} of the clock"
    return f": {text}" if len(phases) > 1 else f" {text}"


def _note(kind: str, text: str, count: int) -> Fact:
    times = f" ({numbers.count(count)} times)" if count > 1 else (" (once)" if count == 1 else "")
    return Fact(NOTE_KINDS.get(kind, kind), text + times)
