# SPDX-License-Identifier: Apache-2.0
"""What pictures and the terminal show of live bytes over time."""

from __future__ import annotations

from mcusim.profile_memory import ZONES, MemoryProfile
from mcusim.reports.span import Span


def reserved(memory: MemoryProfile) -> int:
    """Return how many bytes of SRAM are reserved: statics, stacks and heap at their deepest."""
    budget = memory.budget
    return budget.statics_bytes + budget.stack_bytes + budget.heap_bytes


def zones(memory: MemoryProfile) -> list[str]:
    """Return the zones in which anything ever was live, from the bottom of a stack of them."""
    return [zone for zone in ZONES if any(memory.timeline.live_by_zone.get(zone, ()))]


def peak_row(memory: MemoryProfile, span: Span) -> int:
    """Return the stretch of the span in which most bytes were live."""
    inside = rows_in(memory, span)
    last = len(memory.timeline.start_cycles) - 1
    return max(inside, key=lambda row: (memory.timeline.live_bytes[row], -row), default=last)


def rows_in(memory: MemoryProfile, span: Span) -> list[int]:
    """Return the stretches that lie in the span, or partly."""
    starts = memory.timeline.start_cycles
    ends = [*starts[1:], span.end_cycles]
    return [
        row
        for row, start in enumerate(starts)
        if start < span.end_cycles and (ends[row] > span.start_cycles or row == len(ends) - 1)
    ]
