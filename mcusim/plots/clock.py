# SPDX-License-Identifier: Apache-2.0
"""A second axis of time, in milliseconds since reset, where the clock did not change while layers ran."""

from __future__ import annotations

from matplotlib.ticker import MaxNLocator, NullLocator

from mcusim.plots.page import TEXT_SIZE, Page
from mcusim.plots.scene import AXIS
from mcusim.profile import Profile
from mcusim.reports.span import Span

_MORE = 0.36  # the height of the second axis with its numbers and unit, in inches


def axis_height(profile: Profile, span: Span) -> float:
    """Return how high the axes of time are: cycles, and below them milliseconds."""
    return AXIS + (_MORE if _ticks(profile, span) else 0.0)


def draw_axis(page: Page, profile: Profile, span: Span) -> None:
    """Leave room for the axis of cycles, which belongs to the last axes, and draw that of milliseconds below it."""
    page.space(AXIS)
    ticks = _ticks(profile, span)
    if not ticks:
        return
    axes = page.axes(0.01)
    axes.set_xlim(span.x(span.start_cycles), span.x(span.end_cycles))
    axes.patch.set_visible(False)
    axes.yaxis.set_major_locator(NullLocator())
    axes.spines["left"].set_visible(False)
    axes.set_xticks([span.x(cycles) for cycles, _ in ticks], [f"{time_ms:,.6g}" for _, time_ms in ticks])
    axes.set_xlabel(f"ms since reset, at {_phase_hz(profile, span) / 1e6:.6g} MHz", labelpad=1, size=TEXT_SIZE - 1)
    page.space(_MORE - 0.01)


def phase_of(profile: Profile, span: Span) -> tuple[int, int, int, float] | None:
    """Return the phase of the clock in which all layers that are shown lie (all of the span, where there are none).

    It is its start and end in cycles, its frequency in Hz, and the milliseconds from reset to its start; None where the
    clock changed while layers ran, or where it is not known.
    """
    first, last = span.start_cycles, span.end_cycles
    runs = profile.layers.activations if profile.layers is not None else []
    runs = [run for run in runs if run.start_cycles < last and run.end_cycles > first]
    if runs:
        first, last = max(first, min(run.start_cycles for run in runs)), min(last, max(run.end_cycles for run in runs))
    before_ms = 0.0
    clock = profile.totals.clock
    for at, phase in enumerate(clock):
        end = clock[at + 1].start_cycles if at + 1 < len(clock) else max(span.end_cycles, phase.start_cycles)
        if phase.core_hz <= 0:
            return None
        if phase.start_cycles <= first and last <= end:
            return phase.start_cycles, end, phase.core_hz, before_ms
        before_ms += 1e3 * (end - phase.start_cycles) / phase.core_hz
    return None


def _phase_hz(profile: Profile, span: Span) -> int:
    phase = phase_of(profile, span)
    return phase[2] if phase else 0


def _ticks(profile: Profile, span: Span) -> list[tuple[float, float]]:
    """Return ticks at round milliseconds, each with its cycle; none outside of the phase of the clock."""
    phase = phase_of(profile, span)
    if phase is None:
        return []
    start, end, core_hz, before_ms = phase
    first, last = max(start, span.start_cycles), min(end, span.end_cycles)
    times = [before_ms + 1e3 * (cycles - start) / core_hz for cycles in (first, last)]
    if times[1] <= times[0]:
        return []
    round_ms = [float(each) for each in MaxNLocator(8).tick_values(*times)]
    slack = 1e-9 * (times[1] - times[0])
    inside = [time_ms for time_ms in round_ms if times[0] - slack <= time_ms <= times[1] + slack]
    return [(start + (time_ms - before_ms) * core_hz / 1e3, time_ms) for time_ms in inside]
