# SPDX-License-Identifier: Apache-2.0
"""Rendering: a `Profile` in, a string out. One module per format, listed in `FORMATS`.

Importing this package is cheap; a format's own module is imported when it is asked for. Those of text are `as_*.py` of
this package; the HTML page needs the pictures' code and is a package above this one, found by its name only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from mcusim.errors import McusimError, unknown_name
from mcusim.reports.functions import matcher
from mcusim.reports.options import SECTION_GROUPS, SECTIONS, SORTS, RenderOptions

if TYPE_CHECKING:
    from mcusim.profile import Profile

__all__ = ["FORMATS", "Format", "RenderOptions", "check", "render", "render_bytes"]


@dataclass(frozen=True)
class Format:
    """A format: the module that has `render(profile, options) -> str`, and what it is good for.

    `module` is one of this package, or a whole dotted name. One with `paths` takes no option but --show with one kind
    of paths, one that is `whole` none at all. A `binary` one has `render_bytes` instead, which returns bytes.
    """

    module: str
    title: str
    whole: bool = False
    paths: bool = False
    binary: bool = False


FORMATS: dict[str, Format] = {
    "text": Format("as_text", "for a terminal: totals, causes, functions, what was not modelled"),
    "json": Format("as_json", "the whole profile, as saved by -o", whole=True),
    "csv": Format("as_csv", "one table (functions, or --tree, --lines, --annotate, --show SECTION) with plain numbers"),
    "markdown": Format("as_markdown", "the text report as GitHub tables, for a pull request or a CI summary"),
    "html": Format(
        "mcusim.html_report.report", "one page for a browser: charts, tables, code; needs no network", whole=True
    ),
    "flamegraph": Format(
        "as_flamegraph", "an SVG picture of calls by cycles (or --show KIND), for a browser", paths=True
    ),
    "perfetto": Format("as_perfetto", "layers and memory over time, for ui.perfetto.dev (docs/trace.md)", whole=True),
    "speedscope": Format("as_speedscope", "cycles and bytes by calls and layers, for speedscope.app", whole=True),
    "collapsed": Format(
        "as_collapsed", "a line for each path (or --show KIND), for flamegraph.pl, inferno", paths=True
    ),
    "callgrind": Format(
        "as_callgrind", "cycles, instructions and causes, for KCachegrind, callgrind_annotate", whole=True
    ),
    "lcov": Format("as_lcov", "coverage: lines, functions and branches that ran, for genhtml and editors", whole=True),
    "pprof": Format("as_pprof", "cycles, calls, allocations and causes, for 'go tool pprof'", whole=True, binary=True),
}
# What paths of a format with `paths` may be of; `mcusim.reports.stacks` makes them.
PATHS = ("functions", "layers", "regions", "heap", "peak")


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
    _check_export(format, options)
    details = options.tree + options.lines + (options.annotate is not None)
    if format == "csv" and (details > 1 or (details and options.show)):
        raise McusimError("csv holds one table: choose one of --tree, --lines, --annotate, or --show with one section")
    if format == "csv" and (len(options.show) > 1 or set(options.show) & set(SECTION_GROUPS)):
        raise McusimError(f"csv holds one table: --show one of {', '.join(SECTIONS)}")


def _check_export(format: str, options: RenderOptions) -> None:
    """Raise `McusimError` for options that would select a part, where the format is of the whole profile."""
    form = FORMATS[format]
    show = () if form.paths else options.show
    if (form.whole or form.paths) and replace(options, width=0, color=False, show=show) != RenderOptions(width=0):
        selects = "--sort, --top, --match, --tree, --lines, --annotate"
        raise McusimError(
            f"{format} is always the whole profile: drop {'' if form.paths else '--show, '}{selects}, "
            "or choose --format csv"
        )
    if form.paths and (len(options.show) > 1 or not set(options.show) <= set(PATHS)):
        raise McusimError(f"{format} holds one kind of paths: --show one of {', '.join(PATHS)}")


def render(profile: Profile, format: str = "text", *, options: RenderOptions | None = None) -> str:
    """Return `profile` in the given format, ending in a newline.

    Raises `McusimError` for a format that does not exist or is binary (`render_bytes`), and for an option that the
    format or the profile cannot serve.
    """
    check(format, options or RenderOptions())
    if FORMATS[format].binary:
        raise McusimError(f"{format} is not text: mcusim.reports.render_bytes returns its bytes")
    module = _module(format)
    text: str = module.render(profile, options or RenderOptions())
    return text


def render_bytes(profile: Profile, format: str, *, options: RenderOptions | None = None) -> bytes:
    """Return `profile` in the given format as the bytes of a file; text is UTF-8. Raises `McusimError` as `render`."""
    check(format, options or RenderOptions())
    if not FORMATS[format].binary:
        return render(profile, format, options=options).encode("utf-8", "replace")
    module = _module(format)
    data: bytes = module.render_bytes(profile, options or RenderOptions())
    return data


def _module(format: str) -> ModuleType:
    """Import the module of a format."""
    name = FORMATS[format].module
    return import_module(name if "." in name else f"mcusim.reports.{name}")
