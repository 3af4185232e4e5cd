# SPDX-License-Identifier: Apache-2.0
"""A chart: data of plotly's schema as plain dictionaries, and the place in the page where it is drawn.

The page draws it with the theme's colours (`page/charts.js`). A point whose `customdata` is the key of something, such
as 'layer:3' or 'function:12', selects it when it is clicked, and is shown as selected wherever it was selected.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mcusim.html_report.markup import escape

Trace = dict[str, Any]
FONT_PIXELS = 12


@dataclass(frozen=True)
class Chart:
    """`name` is its id in the page, `about` says in words what it shows, for those who do not see it.

    `traces` and `layout` are plotly's. The height is in pixels. `spans` are [start, end) on the first axis of each
    key, so that what is selected can be marked there. `clock` says what milliseconds `xaxis2` shows: `start` and `end`
    of a stretch of time in cycles, its frequency `hz`, and the milliseconds `before` it.

    The page writes the `text` of horizontal bars where there is room, and cuts the names of flame graphs.
    """

    name: str
    about: str
    traces: list[Trace]
    layout: dict[str, Any]
    height: int
    spans: dict[str, list[list[int]]] = field(default_factory=dict)
    clock: dict[str, float] | None = None

    def data(self) -> dict[str, Any]:
        """Return what the page's scripts need."""
        layout = {**self.layout, "height": self.height}
        return {"traces": self.traces, "layout": layout, "spans": self.spans, "clock": self.clock}


def place(chart: Chart) -> str:
    """Return the HTML in which the chart is drawn."""
    return (
        f'<figure class="chart" id="{escape(chart.name)}" role="figure" aria-label="{escape(chart.about)}" '
        f'style="min-height:{chart.height}px">'
        '<p class="waiting">The chart is drawn by a script of the page.</p></figure>'
    )


def legend(entries: list[tuple[str, str]]) -> str:
    """Return a legend of (name, colour)."""
    items = "".join(f'<li><span class="swatch" style="--color:{color}"></span>{escape(name)}</li>'
                    for name, color in entries)  # fmt: skip
    return f'<ul class="legend">{items}</ul>'
