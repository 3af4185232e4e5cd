# SPDX-License-Identifier: Apache-2.0
"""The report on one profile as a page: the sections that the profile has something for, in the order of the questions.

How much? Which layers? Which bytes? Why? Where in the code? How sure? What the text report says is said here in the
same words. A section that `mcusim.reports` has and that has no place of its own here is shown as its table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mcusim.html_report import code, layers, memory, overview
from mcusim.html_report.markup import Look, details, escape, facts, paragraph, table_html
from mcusim.html_report.shell import Section, page
from mcusim.profile import Profile
from mcusim.reports.options import SECTIONS, RenderOptions
from mcusim.reports.report import Report, build, causes_table, section_tables
from mcusim.reports.sections import missing

_ROWS = 300  # of a table that has no place of its own
_MOST_OUTPUT = 20_000  # characters of what the firmware printed
# Sections of reports that are shown in one of ours.
_PLACED = (
    "layers",
    "timeline",
    "peak",
    "findings",
    "arenas",
    "buffers",
    "heap",
    "statics",
    "regions",
    "causes",
    "functions",
)
_FIRST = ("advice",)  # sections of reports that are sections here: below the summary
_LAST = ("tasks", "registers")  # and behind the code
_TITLES = {"advice": "Advice"}  # where that of the table is too long for the navigation


def render(profile: Profile, options: RenderOptions) -> str:
    """Return the page. Raises `McusimError` where the chart library is missing."""
    report = build(profile, RenderOptions())
    sections = [
        Section("summary", "Summary", overview.summary(profile, report) + overview.fault_section(report)),
        *_own(profile, _FIRST),
        layers.section(profile),
        memory.section(profile),
        _causes(profile),
        code.tree_section(profile),
        code.functions_section(profile),
        code.lines_section(profile),
        *_own(profile, _LAST),
        _more(profile),
        _output(profile),
        _sure(report),
    ]
    return page(
        report.title,
        overview.head(profile),
        [each for each in sections if each is not None],
        labels={**layers.labels(profile), **code.labels(profile)},
        tool=profile.tool,
    )


def _causes(profile: Profile) -> Section | None:
    table = causes_table(profile)
    if not table.rows:
        return None
    return Section("causes", "Cycles by cause", table_html(table, Look("causes-of-run", titled=False)))


def _tables(profile: Profile, names: Iterable[str]) -> list[tuple[str, str]]:
    """Return (title, HTML) of the sections of reports that the profile has something for."""
    found = []
    for name in names:
        if missing(profile, name):
            continue
        for table in section_tables(profile, RenderOptions(show=(name,), top=_ROWS), audience="people"):
            if table.rows:
                found.append((table.title, table_html(table, Look(f"table-{name}", titled=False))))
    return found


def _own(profile: Profile, names: Sequence[str]) -> list[Section]:
    """Return sections of reports that are sections of the page."""
    return [Section(name, _TITLES.get(name, title), body) for name in names for title, body in _tables(profile, [name])]


def _more(profile: Profile) -> Section | None:
    """Return every other section that reports have, folded."""
    names = [name for name in SECTIONS if name not in (*_PLACED, *_FIRST, *_LAST)]
    body = "".join(details(title, html) for title, html in _tables(profile, names))
    return Section("more", "More tables", body) if body else None


def _output(profile: Profile) -> Section | None:
    if not profile.output:
        return None
    lines = profile.output[:_MOST_OUTPUT].splitlines()
    text = "\n".join(map(escape, lines))
    cut = paragraph("The rest of it is left out.", "remark") if len(profile.output) > _MOST_OUTPUT else ""
    return Section("output", "Output", f'<pre tabindex="0">{text}</pre>{cut}')


def _sure(report: Report) -> Section:
    """Return what is not modelled, guessed or assumed, and how far the model is from silicon."""
    notes = facts((note.key, note.text) for note in report.notes)
    head = "<h3>Not modelled, guessed, assumed</h3>" if notes else ""
    return Section("sure", "How sure", f"{paragraph(report.accuracy)}{head}{notes}")
