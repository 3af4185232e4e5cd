# SPDX-License-Identifier: Apache-2.0
"""Many runs, each on its own, in several processes: what `validate` and `compare` are made of."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mcusim.errors import McusimError
from mcusim.machine import Settings
from mcusim.processes import KILLED, spread
from mcusim.profile import Profile


@dataclass(frozen=True)
class Job:
    """A run: image (`base` for a .bin), board by name (None: guessed), settings. `profiled` asks for a profile."""

    image: Path
    settings: Settings
    board: str | None = None
    base: int | None = None
    profiled: bool = True


@dataclass
class Done:
    """What came of a job. `error` says why there is nothing else, '' if all went well.

    `end` says why it ended; `spans` are the timed stretches of the settings: (cycles, seconds) of each.
    """

    error: str = ""
    board: str = ""
    board_title: str = ""
    core: str = ""
    core_hz: int = 0  # at the end
    output: str = ""
    end: str = ""
    spans: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    profile: Profile | None = None


# Called when a job is done: how many are, of how many.
Listener = Callable[[int, int], None]


def run_jobs(jobs: Sequence[Job], *, processes: int, finished: Listener | None = None) -> list[Done]:
    """Run all jobs, at most `processes` at a time, and return what came of them in their order.

    What is wrong with one job does not keep the others from running, even if its process dies. Ctrl-C ends all of
    them: `KeyboardInterrupt`.
    """
    done: list[Done] = [Done() for _ in jobs]
    tell = finished or (lambda _done, _all: None)
    tell(0, len(jobs))
    for count, (number, result) in enumerate(spread(run_job, jobs, processes=min(processes, len(jobs))), 1):
        done[number] = result or Done(error=KILLED)
        tell(count, len(jobs))
    return done


def run_job(job: Job) -> Done:
    """Run one job here and now."""
    from mcusim.attribution import attribute
    from mcusim.board import load_board
    from mcusim.guess import guess_board
    from mcusim.image import load
    from mcusim.machine import run

    try:
        image = load(job.image, base=job.base)
        board, reason = (load_board(job.board), "given") if job.board is not None else guess_board(image)
        trace = run(image, board, job.settings, board_reason=reason)
    except McusimError as error:
        return Done(error=" ".join(str(error).split()))
    if trace.end.kind == "interrupted":
        raise KeyboardInterrupt
    return Done(
        board=board.name, board_title=board.title, core=trace.core.name, core_hz=trace.clock_phases[-1][1],
        output=trace.output.decode("utf-8", "replace"), end=trace.end.text, spans=trace.spans,
        profile=attribute(trace) if job.profiled else None,
    )  # fmt: skip


def default_processes() -> int:
    """Return how many runs the machine does at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
