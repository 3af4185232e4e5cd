# SPDX-License-Identifier: Apache-2.0
"""Rendering: a `Profile` in, a string out. One module per format, listed in `FORMATS`.

Importing this package is cheap; a format's own module is imported when it is asked for. Those of text are `as_*.py` of
this package; the HTML page needs the pictures' code and is a package above this one, found by its name only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING

from mcusim.errors import McusimError, unknown_name
from mcusim.reports.functions import matcher
from mcusim.reports.options import SECTION_GROUPS, SECTIONS, SORTS, RenderOptions

if TYPE_CHECKING:
    from mcusim.profile import Profile

__all__ = ["FORMATS", "Format", "RenderOptions", "check", "render"]


@dataclass(frozen=True)
class Format:
    """A format: the module that has `render(profile, options) -> str`, and what it is good for.

    `module` is one of this package, or a whole dotted name.
    """

    module: str
    title: str


FORMATS: dict[str, Format] = {
    "text": Format("as_text", "for a terminal: totals, causes, functions, what was not modelled"),
    "json": Format("as_json", "the whole profile, as saved by -o"),
    "csv": Format("as_csv", "one table (functions, or --tree, --lines, --annotate, --show SECTION) with plain numbers"),
    "markdown": Format("as_markdown", "the text report as GitHub tables, for a pull request or a CI summary"),
    "html": Format("mcusim.html_report.report", "one page for a browser: charts, tables, code; needs no network"),
}


def check(format: str, options: RenderOptions) -> None:
    """Raise `McusimError` for what is wrong whatever the profile, so that nobody waits for a run in vain."""
    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    if options.sort not in SORTS:
        raise unknown_name("sort key", options.sort, SORTS)
    for word in options.show:
        if word not in SECTIONS and word not in SECTION_GROUPS:
            raise unknown_name("section", word, [*SECTIONS, *SECTION_GROUPS])
    matcher(options.match)
    if format in ("json", "html") and replace(options, width=0, color=False) != RenderOptions(width=0):
        raise McusimError(
            f"{format} is always the whole profile: drop --show, --sort, --top, --match, --tree, --lines, --annotate, "
            "or choose --format csv"
        )
    details = options.tree + options.lines + (options.annotate is not None)
    if format == "csv" and (details > 1 or (details and options.show)):
        raise McusimError("csv holds one table: choose one of --tree, --lines, --annotate, or --show with one section")
    if format == "csv" and (len(options.show) > 1 or set(options.show) & set(SECTION_GROUPS)):
        raise McusimError(f"csv holds one table: --show one of {', '.join(SECTIONS)}")


def render(profile: Profile, format: str = "text", *, options: RenderOptions | None = None) -> str:
    """Return `profile` in the given format, ending in a newline.

    Raises `McusimError` for a format that does not exist or an option that the format or the profile cannot serve.
    """
    check(format, options or RenderOptions())
    name = FORMATS[format].module
    module = import_module(name if "." in name else f"mcusim.reports.{name}")
    text: str = module.render(profile, options or RenderOptions())
    return text
