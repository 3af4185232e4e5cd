# SPDX-License-Identifier: Apache-2.0
"""Validate: run the firmware that published figures were measured with, and compare.

`validate` does the work; what it returns is plain data that reports lay out. A figure is never dropped: it is compared,
or there is a reason in `remark` why it does not count.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcusim.batch import Done, Job, Listener, run_jobs
from mcusim.board import load_board
from mcusim.errors import McusimError
from mcusim.figures import Figure, Setup, convert, setups
from mcusim.machine import Settings

COMPARED, RANDOM, EXCLUDED, NOT_RUN, NO_VALUE = "compared", "random", "excluded", "not run", "no value"
_WITHIN = {True: ", within the runs measured", False: ", outside of the runs measured", None: ""}
_NUMBER = r"[\s:=]*([+-]?\d+(?:\.\d+)?)"


@dataclass(frozen=True)
class Result:
    """A figure and what the simulator gave. `status` says if it counts: compared, random, excluded, not run, no value.

    `seen` is how often the run showed it (the mean counts), `simulated` and `error_percent` are None where it did not.
    """

    figure: Figure
    status: str
    board: str
    board_title: str
    core: str
    simulated: float | None = None
    error_percent: float | None = None
    seen: int = 0
    remark: str = ""


@dataclass(frozen=True)
class Summary:
    """Errors of the figures that count, of one core on one board or of all: in percent, without their sign but `bias`.

    `worst_title` names the worst figure; the numbers are None where no figure counts.
    """

    name: str
    figures: int
    median_percent: float | None
    mean_percent: float | None
    worst_percent: float | None
    bias_percent: float | None
    worst_title: str


def check(figures: Sequence[Figure]) -> None:
    """Raise `McusimError` for a board that does not exist or has another core than a figure says, before any run."""
    for setup in setups(figures):
        if setup.board is None:
            continue
        board = load_board(setup.board)
        if setup.core is not None and setup.core != board.core:
            raise McusimError(f"{board.name} has a {board.core}, but figures were measured on a {setup.core}")


def validate(
    figures: Sequence[Figure], folder: Path, *, processes: int = 1, finished: Listener | None = None
) -> list[Result]:
    """Run what the figures need, each setup once, and return a result for every figure, in their order."""
    check(figures)
    jobs: dict[Setup, Job] = {}
    for setup in setups(figures):
        path = _find(setup, folder)
        if path is not None:
            wanted = tuple(dict.fromkeys(f.span for f in figures if f.setup == setup and f.span is not None))
            settings = Settings(
                max_cycles=setup.max_cycles, until=setup.until, call=setup.call, stubs=setup.stub, spans=wanted,
                clock_hz=setup.clock_hz, wait_states=setup.wait_states, memory=setup.set,
            )  # fmt: skip
            jobs[setup] = Job(path, settings, setup.board, profiled=False)
    done = dict(zip(jobs, run_jobs(list(jobs.values()), processes=processes, finished=finished), strict=True))
    return [_result(figure, done.get(figure.setup)) for figure in figures]


def _find(setup: Setup, folder: Path) -> Path | None:
    return next((folder / name for name in setup.elf if (folder / name).is_file()), None)


def _result(figure: Figure, done: Done | None) -> Result:
    row, setup = figure.row, figure.setup
    board, title, core = setup.board or "", "", setup.core or ""
    if board:
        loaded = load_board(board)
        title, core = loaded.title, loaded.core
    reason = f"excluded: {row.exclude}" if row.exclude else ""
    if done is None:
        missing = f"not run: no {' or '.join(setup.elf)}" if setup.elf else ""
        return Result(figure, EXCLUDED if reason else NOT_RUN, board, title, core, remark=reason or missing)
    if not done.error:
        board, title, core = done.board, done.board_title, done.core
        if setup.core is not None and setup.core != core:
            done = Done(error=f"the image runs on {board}, which has a {core} and not a {setup.core}: give its board")
    numbers = [] if done.error else _numbers(figure, done)
    if row.occurrence is not None:
        numbers = numbers[row.occurrence - 1 : row.occurrence]
    if not numbers or min(numbers) <= 0:
        remark = reason or f"no value: {done.error or _absent(figure, done, numbers)}"
        return Result(figure, EXCLUDED if reason else NO_VALUE, board, title, core, remark=remark)
    simulated = statistics.fmean(numbers)
    status, remark = (EXCLUDED, reason) if reason else (COMPARED, "")
    if row.random and not reason:
        status, remark = RANDOM, f"random inputs{_WITHIN[figure.within(simulated)]}"
    return Result(figure, status, board, title, core, simulated, figure.error_percent(simulated), len(numbers), remark)


def _numbers(figure: Figure, done: Done) -> list[float]:
    """Return the figure each time that the run showed it, in its unit."""
    row = figure.row
    if figure.span is not None:
        spans = done.spans.get(figure.span, [])
        if row.unit == "cycles":
            return [float(cycles) for cycles, _ in spans]
        return [convert(seconds, "s", row.unit, done.core_hz) for _, seconds in spans]
    assert row.label is not None
    given = row.printed_unit or row.unit
    # The label as it stands, but for blanks and line ends, and not the end of another word.
    words = r"\s+".join(re.escape(word) for word in row.label.split())
    found = re.findall(rf"(?<!\w){words}{_NUMBER}", done.output)
    return [convert(float(text) * row.scale, given, row.unit, done.core_hz) for text in found]


def _absent(figure: Figure, done: Done, numbers: Sequence[float]) -> str:
    if numbers:
        return "it is zero"
    if figure.span is not None:
        shown = f"{figure.span} did not run to its end"
    else:
        shown = f"the firmware did not print '{figure.row.label}' and a number"
    times = f" {figure.row.occurrence} times" if (figure.row.occurrence or 1) > 1 else ""
    return f"{shown}{times} (the run ended: {done.end})"


def summarize(results: Iterable[Result]) -> list[Summary]:
    """Return a summary for each core and board, and one of all where there are several.

    Bytes have summaries of their own: figures that are right or wrong to the byte say nothing of time.
    """
    groups: dict[str, list[Result]] = {}
    timed = []
    for result in results:
        bytes_of = "bytes of " if result.figure.row.unit == "bytes" else ""
        if not bytes_of:
            timed.append(result)
        place = f"{result.core} on {result.board}" if result.board else "board not known"
        groups.setdefault(bytes_of + place, []).append(result)
    summaries = [_summary(name, group) for name, group in groups.items()]
    several = sum(not summary.name.startswith("bytes of ") for summary in summaries) > 1
    return [*summaries, _summary("all but bytes", timed)] if several else summaries


def _summary(name: str, results: Sequence[Result]) -> Summary:
    counted = [(each.error_percent, each) for each in results if each.status == COMPARED]
    errors = [error for error, _ in counted if error is not None]
    if not errors:
        return Summary(name, 0, None, None, None, None, "")
    worst = max(counted, key=lambda pair: abs(pair[0] or 0.0))[1]
    sizes = [abs(error) for error in errors]
    return Summary(
        name, len(errors), statistics.median(sizes), statistics.fmean(sizes), max(sizes), statistics.fmean(errors),
        worst.figure.row.title,
    )  # fmt: skip


def failures(results: Iterable[Result], above_percent: float) -> list[str]:
    """Return what a check that allows `above_percent` objects to, in words; empty if nothing.

    An ELF that is not there is no failure, one whose run does not show its figure is, and so is comparing nothing.
    """
    everything = list(results)
    wrong = []
    for each in everything:
        if each.status == NO_VALUE:
            wrong.append(f"{each.figure.row.title}: {each.remark}")
        elif each.status == COMPARED and each.error_percent is not None and abs(each.error_percent) > above_percent:
            wrong.append(f"{each.figure.row.title}: {each.error_percent:+.2f} %")
    if not any(each.status == COMPARED for each in everything):
        wrong.append("no figure was compared")
    return wrong
