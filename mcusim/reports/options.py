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

DEFAULT_TOP = 20
DEFAULT_MIN_SHARE_PERCENT = 0.5
DEFAULT_WIDTH = 100
NARROWEST = 60


@dataclass(frozen=True)
class RenderOptions:
    """How to render a profile.

    `top` rows are kept (0: all) and tree nodes below `min_share_percent` of all cycles are folded; None stands for the
    default of the format: a bounded table for people, everything in CSV. `match` is a regular expression or a glob on
    function names, `lines` asks for source lines, `annotate` names
    one function. `width` is in columns and only text looks at it.
    """

    sort: str = "self"
    top: int | None = None
    match: str | None = None
    tree: bool = False
    lines: bool = False
    depth: int | None = None
    min_share_percent: float | None = None
    annotate: str | None = None
    width: int = DEFAULT_WIDTH
    color: bool = False
