# SPDX-License-Identifier: Apache-2.0
"""SRAM on one page: the live bytes over time, and below them, on the same time, who lies where."""

from __future__ import annotations

from matplotlib.figure import Figure

from mcusim.plots import PlotOptions, timeline
from mcusim.plots.address_map import draw_key, draw_note, draw_panels, key_height, panels, panels_height
from mcusim.plots.clock import axis_height, draw_axis
from mcusim.plots.page import Page, legend_height
from mcusim.plots.scene import STRIP, WIDTH, draw_strips, span_of, strips, title_height, title_of
from mcusim.profile import Profile


def draw(profile: Profile, options: PlotOptions) -> Figure:
    """Return the picture; without any buffers it is the timeline alone."""
    memory = profile.memory
    assert memory is not None
    span = span_of(profile, options)
    plan = panels(profile, span)
    if not plan.panels:
        return timeline.draw(profile, options)
    entries = timeline.zone_legend(memory, span)
    zones = legend_height([text for text, _ in entries], WIDTH - 1)
    height = (
        title_height(options) + strips(profile.layers) * STRIP + timeline.HEIGHT + _GAP + zones + panels_height(plan)
    )
    page = Page(WIDTH, height + axis_height(profile, span) + key_height(profile, plan) + 0.1)
    page.title(title_of(profile, "SRAM over time", options))
    draw_strips(page, profile, span)
    timeline.draw_curve(page, profile, span)
    page.space(_GAP)
    page.legend(entries)
    draw_panels(page, profile, span, plan)
    draw_axis(page, profile, span)
    draw_note(page, plan)
    draw_key(page, profile, plan)
    return page.figure


_GAP = 0.1
