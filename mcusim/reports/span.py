# SPDX-License-Identifier: Apache-2.0
"""Which part of a run is shown over time, in pictures and in the terminal."""

from __future__ import annotations

from dataclasses import dataclass

from mcusim.profile import Profile
from mcusim.profile_memory import Activation
from mcusim.reports import numbers
from mcusim.reports.layer_names import chosen_activations

_LEAST_SHARE = 0.2  # of a span that layers must take, or it is cut to them
_UNITS = ((2_000_000, 1_000_000, "million cycles"), (2_000, 1_000, "thousand cycles"), (0, 1, "cycles"))


@dataclass(frozen=True)
class Span:
    """The cycles that a picture shows: [start, end), in units of `unit_cycles`."""

    start_cycles: int
    end_cycles: int
    unit_cycles: int
    unit: str
    note: str = ""  # what was left out, for the label of the axis

    def x(self, cycles: float) -> float:
        """Return where a cycle is on the axis."""
        return cycles / self.unit_cycles

    def share(self, first_cycles: int, last_cycles: int) -> float:
        """Return which part of the span a piece of it is; negative for one that lies outside."""
        first, last = max(first_cycles, self.start_cycles), min(last_cycles, self.end_cycles)
        return (last - first) / (self.end_cycles - self.start_cycles)


def span_of(profile: Profile, inference: int | None = None, *, whole: bool = False) -> Span:
    """Return what is shown: the whole run, or one inference with a little before and after it.

    Where layers take so little of the run that they would be hairlines, it is what runs from the first layer to the
    last; where they are hairlines even then, the inference in which most was live. The span's note says so.
    """
    start, end = 0, max(1, profile.totals.cycles)
    if profile.memory is not None:
        end = max([end, *(last + 1 for last in profile.memory.timeline.start_cycles[-1:])])
    runs, note = _zoomed(profile, inference, whole, end)
    if runs:
        first, last = min(run.start_cycles for run in runs), max(run.end_cycles for run in runs)
        margin = max(1, (last - first) // 50)
        start, end = max(0, first - margin), min(end, last + margin)
    divisor, unit = next((size, unit) for least, size, unit in _UNITS if end >= least)
    return Span(start, max(end, start + 1), divisor, unit, note)


def _zoomed(profile: Profile, inference: int | None, whole: bool, end_cycles: int) -> tuple[list[Activation], str]:
    """Return the runs of layers that the span is cut to, and what the axis says of it; ([], '') for the whole run."""
    layers = profile.layers
    if layers is None or not layers.activations:
        return [], ""
    if inference is not None:
        return chosen_activations(layers, inference), ""
    top = [run for run in layers.activations if run.parent < 0]
    inside = sum(run.end_cycles - run.start_cycles for run in top)
    if whole or not 0 < inside < _LEAST_SHARE * end_cycles:
        return [], ""
    share = numbers.percent(100 * inside / end_cycles)
    first, last = min(run.start_cycles for run in top), max(run.end_cycles for run in top)
    if inside >= _LEAST_SHARE * (last - first) or layers.inferences < 2:
        return top, f"only the time of layers: they take {share} of the run"
    highest = max(top, key=lambda run: (run.live_peak_bytes, -run.start_cycles))
    runs = [run for run in top if run.inference == highest.inference]
    which = f"only inference {highest.inference + 1} of {layers.inferences}"
    return runs, f"{which}: layers take {share} of the run"
