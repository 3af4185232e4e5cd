# SPDX-License-Identifier: Apache-2.0
"""SRAM over time in the terminal: live bytes stacked by zone, the peak, the layers below it.

                                         ▼
     8,640 ┤▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆
           │███████████████████████████████████████
         0 └───────────────────────────────────────
     layer  0    1 2      3 4      5 6      7 8

A column shows the stretch of it in which most was live, so no peak is lost. Zones differ by their shade, and on a
terminal by their colour; only the uppermost character of a column is drawn to an eighth. `mcusim plot` draws the same
as a picture.
"""

from __future__ import annotations

from mcusim.profile import Profile
from mcusim.profile_memory import MemoryProfile
from mcusim.reports import numbers
from mcusim.reports.layer_names import Labels
from mcusim.reports.live import peak_row, reserved, rows_in, zones
from mcusim.reports.options import RenderOptions
from mcusim.reports.span import Span, span_of
from mcusim.reports.table import Cell, Chart, Column, Line, Row, Table

ROWS = 5
LEAST_WIDTH = 72  # in columns, from which on it is part of the default report
_EIGHTHS = " ▁▂▃▄▅▆▇"
# Zone -> its shade, and its colour on a terminal.
_LOOKS = {"arena": ("█", "cyan"), "statics": ("▓", "blue"), "heap": ("▒", "yellow"), "stack": ("░", "red"),
          "other": ("▚", "white")}  # fmt: skip
_INDENT = "  "
_PEOPLE = (
    Column("peak_bytes", "at the peak", "count"),
    Column("most_bytes", "at most", "count"),
    Column("zone", "zone", "text"),
)
_STRETCH = (
    Column("start_cycles", "from cycle", "count"),
    Column("end_cycles", "up to cycle", "count"),
    Column("live_bytes", "live", "count"),
    Column("end_live_bytes", "live at the end", "count"),
    Column("stack_bytes", "stack", "count"),
    Column("heap_bytes", "heap", "count"),
)
_LAYER = Column("layer", "layer", "text")


def timeline_table(profile: Profile, options: RenderOptions, *, audience: str) -> Table:
    """Return the chart for people, whose rows are the zones; for programs, every stretch of the timeline."""
    memory = profile.memory
    assert memory is not None
    span = span_of(profile, options.inference)
    if audience == "data":
        return _stretches(profile, memory, span)
    peak = peak_row(memory, span)
    lives = memory.timeline.live_by_zone
    rows = [Row((lives[zone][peak], max(lives[zone]), zone)) for zone in zones(memory)]
    drawing = _Drawing(profile, memory, span, peak)
    return Chart(f"SRAM over time, {drawing.peak_text()}", _PEOPLE, rows, drawing.remark(), draw=drawing.lines)


def _stretches(profile: Profile, memory: MemoryProfile, span: Span) -> Table:
    timeline = memory.timeline
    labels, shown = Labels(profile.layers), zones(memory)
    ends = [*timeline.start_cycles[1:], span.end_cycles]
    columns = (*_STRETCH, *(Column(f"{zone}_bytes", zone, "count") for zone in shown), _LAYER)
    rows = []
    for row in range(len(ends)) if span.note else rows_in(memory, span):
        cells: list[Cell] = [
            timeline.start_cycles[row], ends[row], timeline.live_bytes[row], timeline.end_live_bytes[row],
            timeline.stack_bytes[row], timeline.heap_bytes[row],
            *(timeline.live_by_zone[zone][row] for zone in shown), labels.activation(timeline.activation[row]),
        ]  # fmt: skip
        rows.append(Row(tuple(cells)))
    return Table("SRAM over time", columns, rows)


class _Drawing:
    """The chart of one span; `lines` draws it as wide as asked."""

    def __init__(self, profile: Profile, memory: MemoryProfile, span: Span, peak: int) -> None:
        self._profile, self._memory, self._span, self._peak = profile, memory, span, peak
        self._zones = zones(memory)
        self._most_bytes = max(1, memory.timeline.live_bytes[peak])

    def peak_text(self) -> str:
        """Return how much was live at the peak, and in which layer."""
        timeline = self._memory.timeline
        run = timeline.activation[self._peak]
        where = Labels(self._profile.layers).activation(run)
        return f"at most {numbers.count(timeline.live_bytes[self._peak])} bytes live" + (
            f", in layer {where}" if run >= 0 else f", {where}" if where else ""
        )

    def remark(self) -> str:
        """Return the span and what is reserved, in a sentence."""
        span = self._span
        text = f"from cycle {numbers.count(span.start_cycles)} to {numbers.count(span.end_cycles)}"
        text += f" ({span.note})" if span.note else ""
        return f"{text}; ▼ the peak; {numbers.count(reserved(self._memory))} bytes are reserved"

    def lines(self, width: int) -> list[Line]:
        """Return the lines of the chart, at most `width` wide, as pieces of text with their styles."""
        labels = [numbers.count(self._most_bytes), "layer"]
        gutter = len(_INDENT) + max(map(len, labels))
        size = max(10, width - gutter - 2)
        columns = self._columns(size)
        marker = self._column(self._start(self._peak), size)
        lines: list[Line] = [[(" " * (gutter + 2 + marker) + "▼", "bold")]]
        for row in range(ROWS - 1, -1, -1):
            label, joint = (labels[0], "┤") if row == ROWS - 1 else ("", "│")
            lines.append([(label.rjust(gutter) + f" {joint}", ""), *self._cells(columns, row)])
        lines.append([("0".rjust(gutter) + " └" + "─" * size, "")])
        strip = self._strip(size)
        if strip:
            lines.append([("layer".rjust(gutter) + "  " + strip, "")])
        return lines + self._legend(width)

    def _start(self, row: int) -> int:
        return max(self._memory.timeline.start_cycles[row], self._span.start_cycles)

    def _column(self, cycles: int, size: int) -> int:
        """Return the column that a cycle is in."""
        span = self._span
        return min(size - 1, (cycles - span.start_cycles) * size // (span.end_cycles - span.start_cycles))

    def _columns(self, size: int) -> list[int]:
        """Return for each column the stretch in it of which most is live."""
        timeline, span = self._memory.timeline, self._span
        columns = [-1] * size
        ends = [*timeline.start_cycles[1:], span.end_cycles]
        for row in rows_in(self._memory, span):
            first = self._column(self._start(row), size)
            last = self._column(max(self._start(row), min(ends[row], span.end_cycles) - 1), size)
            for column in range(first, last + 1):
                if columns[column] < 0 or timeline.live_bytes[row] > timeline.live_bytes[columns[column]]:
                    columns[column] = row
        return columns

    def _cells(self, columns: list[int], row: int) -> Line:
        """Return one row of characters, counted from the bottom, in pieces of one zone."""
        pieces: Line = []
        for column in columns:
            character, style = self._cell(column, row)
            if pieces and pieces[-1][1] == style:
                pieces[-1] = (pieces[-1][0] + character, style)
            else:
                pieces.append((character, style))
        return pieces

    def _cell(self, stretch: int, row: int) -> tuple[str, str]:
        """Return the character for what is live in a stretch between two heights, and its colour."""
        if stretch < 0:
            return " ", ""
        timeline, scale = self._memory.timeline, 8 * ROWS / self._most_bytes
        live = timeline.live_bytes[stretch]
        eighths = max(round(live * scale), 1 if live else 0) - 8 * row
        if eighths <= 0:
            return " ", ""
        middle = (8 * row + min(eighths, 8) / 2) / scale
        below, zone = 0, "other"
        for zone in self._zones:
            below += timeline.live_by_zone[zone][stretch]
            if middle < below:
                break
        shade, color = _LOOKS[zone]
        return (shade if eighths >= 8 else _EIGHTHS[eighths]), color

    def _strip(self, size: int) -> str:
        """Return the numbers of the outermost layers below where they run, those that there is room for."""
        layers, span = self._profile.layers, self._span
        if layers is None:
            return ""
        numbered = Labels(layers).numbers
        strip = ""
        for run in layers.activations:
            if run.parent >= 0 or run.end_cycles <= span.start_cycles or run.start_cycles >= span.end_cycles:
                continue
            first = self._column(max(run.start_cycles, span.start_cycles), size)
            last = self._column(min(run.end_cycles, span.end_cycles - 1), size)
            number = numbered[run.layer]
            free = len(strip) + bool(strip)  # a blank between two numbers
            if max(first, free) + len(number) <= max(last, first + 1):
                strip = strip.ljust(max(first, free)) + number
        return strip

    def _legend(self, width: int) -> list[Line]:
        """Return the zones with their shade and what was live of them at the peak, on as many lines as it takes."""
        lines: list[Line] = [[(_INDENT + "bytes at the peak:", "")]]
        for zone in self._zones:
            shade, color = _LOOKS[zone]
            text = f" {zone} {numbers.count(self._memory.timeline.live_by_zone[zone][self._peak])}"
            used = sum(len(piece) for piece, _ in lines[-1])
            if used + 2 + len(shade) + len(text) > width:
                lines.append([("", "")])
            lines[-1] += [("  ", ""), (shade, color), (text, "")]
        return lines
