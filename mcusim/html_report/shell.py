# SPDX-License-Identifier: Apache-2.0
"""The page: one file with its style, its scripts, the chart library and the data, that asks no network for anything.

A content security policy in the page forbids every request, so that the browser holds what is promised. The library,
plotly.js, comes out of the package `plotly`, which is optional; it is embedded compressed (4.8 MB are 2 MB then), and
the page can be read while it is unpacked. The same sections give the same bytes, with the same version of plotly.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from mcusim.errors import McusimError
from mcusim.html_report.charts import Chart
from mcusim.html_report.markup import escape
from mcusim.reports.numbers import printable

# Scripts in the order in which they run; each says what it is for.
SCRIPTS = ("core.js", "tables.js", "code.js", "labels.js", "charts.js")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:; "
_POLICY += "form-action 'none'; base-uri 'none'"
_LICENSE = (
    "Charts are drawn by plotly.js, copyright 2012-2026 Plotly, Inc., MIT license; this page holds it whole and "
    "compressed."
)


@dataclass(frozen=True)
class Section:
    """A part of the page with an entry in its navigation. `body` is HTML, `charts` are those whose places it holds.

    `parts` are pieces of HTML that scripts show when their key is selected ('layer:3'), so that the page need not hold
    thousands of rows that nobody has asked for.
    """

    name: str
    title: str
    body: str
    charts: Sequence[Chart] = ()
    parts: dict[str, str] = field(default_factory=dict)


def page(title: str, head: str, sections: Sequence[Section], *, labels: dict[str, str], tool: str) -> str:
    """Return the page, ending in a newline.

    `head` is the HTML above the sections. `labels` gives what can be selected, such as 'layer:3', the name that people
    see. `tool` is the version that made the page. Raises `McusimError` where the chart library is missing.
    """
    charts = {chart.name: chart.data() for section in sections for chart in section.charts}
    parts = {key: part for section in sections for key, part in section.parts.items()}
    data = {"charts": charts, "parts": parts, "labels": {key: printable(label) for key, label in labels.items()}}
    links = "".join(f'<li><a href="#{escape(each.name)}">{escape(each.title)}</a></li>' for each in sections)
    body = "".join(f'<section id="{escape(each.name)}"><h2>{escape(each.title)}</h2>{each.body}</section>\n'
                   for each in sections)  # fmt: skip
    scripts = "".join(f"<script>\n{_asset(name)}</script>\n" for name in SCRIPTS)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="generator" content="{escape(tool)}">\n<title>{escape(title)}</title>\n'
        f"<style>\n{_asset('page.css')}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#content">skip to the report</a>\n'
        f'<nav aria-label="sections"><ul>{links}</ul>'
        '<button type="button" id="theme" title="light, dark, or as the system">theme</button></nav>\n'
        f'<main id="content">\n<header><h1>{escape(title)}</h1>{head}</header>\n{body}'
        f"<footer><p>{escape(tool)}. {_LICENSE if charts else ''}</p></footer>\n</main>\n"
        '<div id="selected" role="status" aria-live="polite" hidden></div>\n'
        f'<script type="application/json" id="data">{script_json(data)}</script>\n'
        + (f'<script type="text/plain" id="library">{library()}</script>\n' if charts else "")
        + f"{scripts}</body>\n</html>\n"
    )


def script_json(data: object) -> str:
    """Return JSON that may stand in a script element: nothing in it ends the element or opens a comment."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _asset(name: str) -> str:
    return files("mcusim.html_report").joinpath("page", name).read_text("utf-8")


@cache
def library() -> str:
    """Return plotly.js, compressed (zlib) and as base64.

    Raises `McusimError` where plotly is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise McusimError("an HTML report needs the package 'plotly': pip install 'mcusim[html]'") from error
    return base64.b64encode(zlib.compress(get_plotlyjs().encode("utf-8"), 9)).decode("ascii")
