# SPDX-License-Identifier: Apache-2.0
"""What a reader can ask of a report. Light to import: the command line reads it for `--help`."""

from __future__ import annotations

from dataclasses import dataclass

# Sort key (a value of --sort) -> what it orders functions by.
SORTS: dict[str, str] = {
    "self": "self cycles",
    "total": "total cycles",
    "calls": "calls",
    "cpi": "cycles per instruction",
    "instructions": "instructions",
    "name": "name",
    "address": "address",
}

# Formats of what is no report on one profile: tables, in `mcusim.reports.document`.
DOCUMENT_FORMATS = {
    "text": "for a terminal",
    "json": "everything, for programs",
    "csv": "one table with plain numbers",
    "markdown": "GitHub tables, for a page or a pull request",
}

# Section (a value of --show) -> what it shows, in the order of the report. `mcusim.reports.sections` has the tables.
SECTIONS: dict[str, str] = {
    "layers": "what each layer costs",
    "activations": "each run of each layer",
    "timeline": "live bytes of SRAM over time, by zone",
    "peak": "what was live when most bytes were",
    "findings": "what the sanitizer found",
    "arenas": "arrays that a framework plans tensors into",
    "buffers": "neighbouring bytes that one layer wrote and one read last",
    "heap": "allocations by the calls that made them, and leaks",
    "statics": "variables by size, and how much of them was touched",
    "regions": "memories of the board and the traffic with them",
    "flash": "code and constants: executed, read, never used",
    "symbols": "functions and constants in flash by size",
    "tasks": "tasks of an operating system",
    "causes": "cycles by cause",
    "functions": "functions by cycles",
    "registers": "registers that nobody models",
    "advice": "what to look at first, with the figure it rests on",
}

# A word of --show that stands for several sections, of which those that the profile has nothing for are left out.
SECTION_GROUPS: dict[str, tuple[str, ...]] = {
    "memory": ("timeline", "peak", "findings", "arenas", "heap", "statics", "regions"),
    "all": tuple(SECTIONS),
}

# What a report shows unless it is told: what the profile has of these.
DEFAULT_SECTIONS = (
    "layers", "timeline", "peak", "findings", "tasks", "causes", "functions", "registers", "advice"
)  # fmt: skip

DEFAULT_TOP = 20
DEFAULT_PEAK_ROWS = 10
DEFAULT_LAYER_ROWS = 40
DEFAULT_MIN_SHARE_PERCENT = 0.5
DEFAULT_WIDTH = 100
DEFAULT_BATTERY_MAH = 1000.0
NARROWEST = 60


@dataclass(frozen=True)
class RenderOptions:
    """How to render a profile.

    `top` rows are kept (0: all) and tree nodes below `min_share_percent` of all cycles are folded; None stands for the
    default of the format: a bounded table for people, everything in CSV. `match` is a regular expression or a glob on
    function names, `lines` asks for source lines, `annotate` names one function. `show` are sections or groups of them,
    none for the default ones; `layer_rows` is how long the layer table may be (None: the default, 0: all), `inference`
    which one it shows (from 1; None: the mean of all). `width` is in columns and only text looks at it. `duty_s` asks
    how long a battery of `battery_mah` lasts when there is an inference each so many seconds.
    """

    sort: str = "self"
    top: int | None = None
    match: str | None = None
    tree: bool = False
    lines: bool = False
    depth: int | None = None
    min_share_percent: float | None = None
    annotate: str | None = None
    show: tuple[str, ...] = ()
    layer_rows: int | None = None
    inference: int | None = None
    width: int = DEFAULT_WIDTH
    color: bool = False
    duty_s: float | None = None
    battery_mah: float = DEFAULT_BATTERY_MAH
