# SPDX-License-Identifier: Apache-2.0
"""Where cycles go in the code: flame graph and call tree, functions, source lines, and annotated instructions."""

from __future__ import annotations

from collections import Counter

from mcusim.html_report import flame
from mcusim.html_report.charts import Chart, place
from mcusim.html_report.markup import Look, details, escape, paragraph, part, table_html
from mcusim.html_report.shell import Section
from mcusim.profile import Profile
from mcusim.reports import numbers
from mcusim.reports.annotate import annotate_table
from mcusim.reports.functions import functions_table
from mcusim.reports.lines import lines_table
from mcusim.reports.options import RenderOptions
from mcusim.reports.report import causes_table
from mcusim.reports.table import Name, Row
from mcusim.reports.tree import tree_table

MOST_FUNCTIONS = 500
MOST_LINES = 400
MOST_TREE_ROWS = 800
MOST_ANNOTATED = 150  # functions with their instructions, and
MOST_INSTRUCTIONS = 6_000  # instructions of all of them together
_SHARES = (0.1, 0.5, 2.0, 10.0, 50.0)  # percent: branches of less are folded; the first with few enough rows
_DEPTHS = (60, 20, 8)


def tree_section(profile: Profile) -> Section | None:
    """Return flame graph and call tree; None where nothing was called."""
    if not profile.tree:
        return None
    charts: list[Chart] = []
    body = ""
    if profile.totals.cycles:
        chart, left_out = flame.of_profile(profile)
        charts.append(chart)
        scale = ('<p class="remark">As wide as its cycles with those of what it called. Colour: how much of the '
                 'function\'s own cycles are stalls, <span class="scale" '
                 f'style="--low:{flame.stall_color({"issue": 1})};--high:{flame.stall_color({"stall": 1})}"></span> '
                 "from none to all. A click zooms in, and shows the function's code below.</p>")  # fmt: skip
        body = scale + place(chart) + paragraph(left_out, "remark")
    return Section("calls", "Calls", body + _tree(profile), charts)


def _tree(profile: Profile) -> str:
    """Return the call tree as a table that folds, with as many branches as fit."""
    functions = {function.name: at for at, function in enumerate(profile.functions)}
    options = [(share, depth) for depth in _DEPTHS for share in _SHARES]
    table = None
    for share, depth in options:
        asked = RenderOptions(min_share_percent=share, depth=depth)
        table = tree_table(profile, asked, audience="people")
        if len(table.rows) <= MOST_TREE_ROWS:
            break
    assert table is not None
    look = Look("tree", key=lambda row: _tree_key(row, functions), folds=True, titled=False, front=("label",))
    return details(table.title, table_html(table, look), opened=True)


def _tree_key(row: Row, functions: dict[str, int]) -> str:
    name = next(cell for cell in row.cells if isinstance(cell, Name))
    text = name.text
    if name.depth == 0 and text not in functions:  # what stands before a root: [handler], [task NAME]
        text = text.partition("] ")[2]
    return f"function:{functions[text]}" if text in functions and not row.style else ""


def functions_section(profile: Profile) -> Section:
    """Return the functions, and of the costliest the instructions, for whoever selects them."""
    table = functions_table(profile, RenderOptions(top=MOST_FUNCTIONS), audience="people")
    functions = {function.name: at for at, function in enumerate(profile.functions)}
    name = next(at for at, column in enumerate(table.columns) if column.kind == "name")

    def key(row: Row) -> str:
        cell = row.cells[name]
        return f"function:{functions[cell.text]}" if isinstance(cell, Name) and cell.text in functions else ""

    parts, remark = _parts(profile)
    body = table_html(table, Look("function-table", key=key, titled=False, front=("label",)))
    body += paragraph("Select a function to see its instructions and source. " + remark, "remark")
    return Section("functions", "Functions", body + part("function", next(iter(parts), "")), parts=parts)


def lines_section(profile: Profile) -> Section | None:
    """Return the source lines by cycles, or what to do to get them; None where no instruction is known at all."""
    if not profile.instructions:
        return None
    title = "Source lines"
    if not any(each.file is not None and each.line for each in profile.instructions):
        how = "No executed instruction has line information: build the firmware with -g."
        return Section("lines", title, paragraph(how))
    table = lines_table(profile, RenderOptions(top=MOST_LINES), audience="people")
    return Section("lines", title, table_html(table, Look("source-lines", titled=False, front=("place", "source"))))


def labels(profile: Profile) -> dict[str, str]:
    """Return the names of functions by their key: of those that tables or charts show."""
    costliest = _costliest(profile)[: MOST_FUNCTIONS + flame.MOST_NODES]
    return {f"function:{at}": numbers.middle(profile.functions[at].name, 60) for at in costliest}


def _costliest(profile: Profile) -> list[int]:
    functions = profile.functions
    return sorted(range(len(functions)), key=lambda at: (-functions[at].self_cycles, functions[at].address))


def _parts(profile: Profile) -> tuple[dict[str, str], str]:
    """Return causes and instructions of functions by their key, the costliest first, and what is left out."""
    counts = Counter(instruction.function for instruction in profile.instructions)
    named = Counter(function.name for function in profile.functions)
    parts: dict[str, str] = {}
    room = MOST_INSTRUCTIONS
    whole = [at for at in _costliest(profile) if counts[at]]
    for at in whole:
        function = profile.functions[at]
        if counts[at] > room or named[function.name] > 1 or len(parts) == MOST_ANNOTATED:
            continue
        room -= counts[at]
        table = annotate_table(profile, function.name, audience="people")
        causes = causes_table(profile, function.causes, f"Own cycles of {function.name} by cause")
        parts[f"function:{at}"] = (
            f"<h3>{escape(table.title)}</h3>{table_html(causes, Look(f'causes-{at}', titled=False))}"
            + table_html(table, Look(f"code-{at}", titled=False, front=("address", "text"), hottest="cycles"))
        )
    rest = len(whole) - len(parts)
    more = numbers.things(rest, "function has its", "functions have their")
    return parts, f"{more} instructions left out: 'mcusim report RUN.json --annotate NAME' shows them." if rest else ""
