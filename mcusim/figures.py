# SPDX-License-Identifier: Apache-2.0
"""Published figures of silicon, as `mcusim validate` takes them: TOML or CSV. docs/validating.md describes the files.

A figure says which firmware it was measured with, where the run shows it (a number that the firmware prints behind a
label, a function, a stretch between two functions), and what silicon gave. Unknown keys are errors, and so is a figure
that does not say where it comes from.
"""

from __future__ import annotations

import csv
import io
import math
import tomllib
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any

import msgspec

from mcusim.errors import McusimError, unknown_name
from mcusim.machine.settings import MAX_WAIT_STATES

TIMES = {"s": 1.0, "ms": 1e-3, "us": 1e-6}  # unit -> seconds
UNITS = ("cycles", *TIMES, "bytes", "score")
LIST_SEPARATOR = ";"  # in a CSV cell
_Strings = str | tuple[str, ...]


class Setup(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What runs and how: figures of equal setups come from one run. `elf` are names in the folder; the first counts."""

    elf: tuple[str, ...] = ()
    board: str | None = None
    core: str | None = None
    max_cycles: int | None = None
    until: str | None = None
    call: str | None = None
    stub: tuple[str, ...] = ()
    clock_hz: int | None = None
    wait_states: int | None = None
    set: tuple[str, ...] = ()


class FigureRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One figure as a file gives it. See docs/validating.md for the keys."""

    title: str = ""
    source: str = ""
    label: str | None = None
    function: str | None = None
    start: str | None = msgspec.field(name="from", default=None)
    to: str | None = None
    occurrence: int | None = None
    value: float | None = None
    least: float | None = msgspec.field(name="min", default=None)
    greatest: float | None = msgspec.field(name="max", default=None)
    unit: str = "cycles"
    printed_unit: str | None = None
    scale: float = 1.0
    random: bool = False
    exclude: str = ""


class _Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    title: str = ""
    source: str = ""
    elf: _Strings = ()
    board: str | None = None
    core: str | None = None
    max_cycles: int | None = None
    until: str | None = None
    call: str | None = None
    stub: _Strings = ()
    clock_hz: int | None = None
    wait_states: int | None = None
    set: _Strings = ()
    exclude: str = ""
    figures: tuple[FigureRow, ...]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str
    board: str | None = None
    core: str | None = None
    max_cycles: int | None = None
    source: dict[str, str] = {}
    run: tuple[_Run, ...]


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure, checked: its setup, and `row` with title, source and reason of exclusion filled in."""

    setup: Setup
    row: FigureRow

    @property
    def span(self) -> str | None:
        """What is timed in the run, in the words of `Settings.spans`; None where the firmware prints the figure."""
        if self.row.function is not None:
            return self.row.function
        return f"{self.row.start}..{self.row.to}" if self.row.start is not None else None

    @property
    def measured(self) -> float:
        """What silicon gave: the value, or the middle of its bounds."""
        row = self.row
        if row.value is not None:
            return row.value
        bounds = [bound for bound in (row.least, row.greatest) if bound is not None]
        return sum(bounds) / len(bounds)

    def error_percent(self, simulated: float) -> float:
        """Return how far a simulated figure is off; of bounds alone, how far it is outside of them."""
        row, wanted = self.row, self.row.value
        if wanted is None:
            wanted = max(simulated, row.least if row.least is not None else simulated)
            wanted = min(wanted, row.greatest if row.greatest is not None else wanted)
        return 100 * (simulated / wanted - 1)

    def within(self, simulated: float) -> bool | None:
        """Return whether a simulated figure is between the bounds; None where there are none."""
        row = self.row
        if row.least is None and row.greatest is None:
            return None
        return (row.least is None or simulated >= row.least) and (row.greatest is None or simulated <= row.greatest)


class FigureFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of figures: its name, what it says of its source, the figures in its order."""

    name: str
    source: dict[str, str]
    figures: tuple[Figure, ...]


def load_figures(path: Path) -> FigureFile:
    """Read and check a file of figures (.toml or .csv). Raises `McusimError` with file, figure and what is wrong."""
    parsers = {".toml": parse_toml, ".csv": parse_csv}
    parse = parsers.get(path.suffix.lower())
    if parse is None:
        raise McusimError(f"{path}: files of figures end in .toml or .csv")
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise McusimError(f"{path}: cannot be read: {error.strerror or type(error).__name__}") from error
    except ValueError as error:
        raise McusimError(f"{path}: not a text file in UTF-8") from error
    return parse(text, str(path))


def parse_toml(text: str, where: str) -> FigureFile:
    """Return the figures of a TOML file; `where` names it in errors."""
    try:
        file = msgspec.convert(tomllib.loads(text), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise McusimError(f"{where}: {_plain(error)}") from error
    figures = []
    for run in file.run:
        setup = Setup(
            elf=_strings(run.elf), board=run.board or file.board, core=run.core or file.core, until=run.until,
            max_cycles=file.max_cycles if run.max_cycles is None else run.max_cycles, call=run.call,
            stub=_strings(run.stub), clock_hz=run.clock_hz, wait_states=run.wait_states, set=_strings(run.set),
        )  # fmt: skip
        for row in run.figures:
            title = " ".join(part for part in (run.title, row.title) if part)
            source = row.source or run.source or "; ".join(file.source.values())
            source = file.source.get(source, source)  # a key of [source], or the words themselves
            exclude = row.exclude or run.exclude
            figures.append(
                Figure(setup=setup, row=msgspec.structs.replace(row, title=title, source=source, exclude=exclude))
            )
    return _checked(FigureFile(name=file.name, source=dict(file.source), figures=tuple(figures)), where)


def parse_csv(text: str, where: str) -> FigureFile:
    """Return the figures of a CSV file: one a line, its columns named like the keys of a run and of a figure."""
    reader = csv.DictReader(io.StringIO(text), strict=True)
    setup_keys = {field.encode_name for field in msgspec.structs.fields(Setup)}
    known = setup_keys | {field.encode_name for field in msgspec.structs.fields(FigureRow)}
    figures = []
    try:
        for name in reader.fieldnames or ():
            if name not in known:
                raise McusimError(f"{where}: {unknown_name('column', name, known)}")
        for cells in reader:
            if None in cells or None in cells.values():
                raise McusimError(f"{where}: line {reader.line_num}: has not as many cells as the first line")
            given: dict[str, Any] = {key: cell.strip() for key, cell in cells.items() if cell.strip()}
            for key in ("elf", "stub", "set"):
                if key in given:
                    given[key] = [part.strip() for part in given[key].split(LIST_SEPARATOR)]
            parts = [{k: v for k, v in given.items() if (k in setup_keys) is inside} for inside in (True, False)]
            figures.append(
                Figure(
                    setup=msgspec.convert(parts[0], Setup, strict=False),
                    row=msgspec.convert(parts[1], FigureRow, strict=False),
                )
            )
    except (csv.Error, msgspec.ValidationError) as error:
        raise McusimError(f"{where}: line {reader.line_num}: {_plain(error)}") from error
    return _checked(FigureFile(name=PurePath(where).stem, source={}, figures=tuple(figures)), where)


def _plain(error: Exception) -> str:
    return str(error).replace("`", "'").replace("$.", "").replace("$", "the file")


def _strings(value: _Strings) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _checked(file: FigureFile, where: str) -> FigureFile:
    if not file.figures:
        raise McusimError(f"{where}: holds no figures")
    for number, figure in enumerate(file.figures, 1):
        wrong = _wrong(figure)
        if wrong:
            raise McusimError(f"{where}: figure {number} '{figure.row.title}': {wrong}")
    return file


def _wrong(figure: Figure) -> str:
    """Return what is wrong with a figure, '' if nothing."""
    row, setup = figure.row, figure.setup
    if not row.title or not row.source:
        return "needs a title, and a source: where was it published?"
    if not setup.elf and not row.exclude:
        return "names no elf: give the file that it was measured with, or 'exclude' with the reason"
    for name in setup.elf:
        path = PurePath(name)
        if not name or path.is_absolute() or ".." in path.parts:
            return f"elf '{name}': give a name relative to the folder of --elfs"
    if setup.clock_hz is not None and setup.clock_hz < 1:
        return f"clock_hz is {setup.clock_hz}: it must be above zero"
    if not 0 <= (setup.wait_states or 0) <= MAX_WAIT_STATES:
        return f"wait_states is {setup.wait_states}: give from 0 to {MAX_WAIT_STATES}"
    if sum(given is not None for given in (row.label, row.function, row.start)) != 1 or (
        (row.start is None) != (row.to is None)
    ):
        return "needs either a label that the firmware prints, or a function, or 'from' and 'to'"
    if row.label is not None and not row.label.strip():
        return "its label is empty"
    return _wrong_numbers(row, printed=row.label is not None)


def _wrong_numbers(row: FigureRow, *, printed: bool) -> str:
    numbers = [number for number in (row.least, row.value, row.greatest) if number is not None]
    if not numbers:
        return "has no value: give 'value', or 'min' and 'max'"
    if not all(math.isfinite(number) for number in (*numbers, row.scale)):
        return "its numbers must be finite"
    if min(numbers) <= 0 or numbers != sorted(numbers):
        return "its values must be above zero, and min <= value <= max"
    if row.occurrence is not None and row.occurrence < 1:
        return "occurrence counts from 1 (leave it out for the mean of all)"
    if row.scale <= 0:
        return "scale must be above zero"
    for unit in (row.unit, row.printed_unit):
        if unit is not None and unit not in UNITS:
            return str(unknown_name("unit", unit, UNITS))
    if not printed and (row.printed_unit is not None or row.scale != 1.0):
        return "'printed_unit' and 'scale' are for what the firmware prints"
    if not convertible("cycles" if not printed else row.printed_unit or row.unit, row.unit):
        given = row.printed_unit if printed else "cycles"
        return f"{given} cannot be turned into {row.unit}"
    return ""


def convertible(given: str, wanted: str) -> bool:
    """Return whether a number in one unit can be turned into another: cycles and times can."""
    clocked = ("cycles", *TIMES)
    return given == wanted or (given in clocked and wanted in clocked)


def convert(number: float, given: str, wanted: str, core_hz: int) -> float:
    """Return a number in another unit; cycles are those of a core at `core_hz`."""
    if given == wanted:
        return number
    seconds = number / core_hz if given == "cycles" else number * TIMES[given]
    return seconds * core_hz if wanted == "cycles" else seconds / TIMES[wanted]


def setups(figures: Iterable[Figure]) -> list[Setup]:
    """Return the setups that figures need, each once, in their order."""
    return list(dict.fromkeys(figure.setup for figure in figures))
