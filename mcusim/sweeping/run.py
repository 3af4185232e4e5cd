# SPDX-License-Identifier: Apache-2.0
"""Run a plan: look up what is known, run the rest, keep each result as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from mcusim.batch import default_processes
from mcusim.comparison import WhatIf
from mcusim.errors import McusimError
from mcusim.machine import Settings
from mcusim.processes import KILLED, spread
from mcusim.profile import Profile
from mcusim.summary import summarize
from mcusim.sweeping.outcome import Outcome
from mcusim.sweeping.plan import Firmware, Planned, plan
from mcusim.sweeping.rows import SweepRow
from mcusim.sweeping.store import Store, open_store
from mcusim.sweeping.task import Task
from mcusim.sweeping.work import run_task

# Called when a row is done: how many are, of how many, and how many of them were known before.
Listener = Callable[[int, int, int], None]
DEFAULT_SETTINGS = Settings(layers="auto", memory_tracking=None)


def sweep(
    images: Iterable[Firmware],
    *,
    boards: Sequence[str | Path] = (),
    cores: Sequence[str] = (),
    clocks_hz: Sequence[int] = (),
    wait_states: Sequence[int] = (),
    memory: Sequence[Sequence[str]] = (),
    settings: Settings = DEFAULT_SETTINGS,
    cache: Path | str | bool = True,
    scheduler: str | None = None,
    processes: int | None = None,
    finished: Listener | None = None,
) -> list[SweepRow]:
    """Run each image on each board with each setting, and return a row for each, the last one varying fastest.

    `images` are files, or (name, bytes). An empty list leaves its setting alone; without boards each image runs on the
    one that fits it best. `memory` holds lists of alternatives, such as [("flash.cache=on", "flash.cache=off")].
    `cache` is the folder that results are kept in and taken from (True: the user's, False: none). `scheduler` is the
    address of a Dask scheduler; without it `processes` of this machine run (None: one for each processor). A script
    that uses them needs the usual `if __name__ == "__main__":`, since they are fresh processes that import it.

    A run that fails, or a firmware that does not fit, is a row that says so. Raises McusimError for what is wrong with
    the question: a file, a board, a core, a folder, the scheduler.
    """
    wanted = WhatIf(
        tuple(str(board) for board in boards), tuple(cores), tuple(clocks_hz), tuple(wait_states),
        tuple(tuple(alternatives) for alternatives in memory),
    )  # fmt: skip
    store = None if cache is False else open_store(None if cache is True else cache)
    planned = plan(images, wanted, settings)
    results = run_results(planned, store=store, scheduler=scheduler, processes=processes, finished=finished)
    return [row for row, _ in results]


def run_results(
    planned: Sequence[Planned], *, store: Store | None, scheduler: str | None = None, processes: int | None = None,
    finished: Listener | None = None,
) -> Iterator[tuple[SweepRow, Profile | None]]:  # fmt: skip
    """Run a plan; then yield each row with the profile of its run, unpacked one at a time."""
    outcomes = run_plan(planned, store=store, scheduler=scheduler, processes=processes, finished=finished)
    for row, (outcome, known) in zip(planned, outcomes, strict=True):
        yield result(row, outcome, known)


def run_plan(
    planned: Sequence[Planned], *, store: Store | None, scheduler: str | None, processes: int | None,
    finished: Listener | None,
) -> list[tuple[Outcome, bool]]:  # fmt: skip
    """Return what came of each row, and whether it was known before. Equal tasks run once."""
    tell = finished or (lambda _done, _all, _known: None)
    found: dict[str, tuple[Outcome, bool]] = {}
    tasks: dict[str, Task] = {}
    keys = [row.task.key() if row.task is not None else "" for row in planned]
    for key, row in zip(keys, planned, strict=True):
        if row.task is not None and key not in found and key not in tasks:
            known = store.get(key) if store is not None and row.task.repeatable else None
            if known is not None:
                found[key] = known, True
            else:
                tasks[key] = row.task
    _check_repeatable(list(tasks.values()), scheduler)
    rows_of = {key: keys.count(key) for key in tasks}
    before = len(planned) - sum(rows_of.values())
    done = before
    tell(done, len(planned), before)
    order = list(tasks)
    for index, outcome in _spread([tasks[key] for key in order], store, scheduler, processes):
        key = order[index]
        if outcome is None:
            outcome = Outcome(None, "", error=KILLED, final=False)
        elif store is not None and scheduler is not None and outcome.final and store.get(key) is None:
            store.put(key, outcome)  # the worker does not see our folder
        found[key] = outcome, False
        done += rows_of[key]
        tell(done, len(planned), before)
    return [
        found[key] if row.task is not None else (Outcome(None, "", error=row.error), False)
        for key, row in zip(keys, planned, strict=True)
    ]


def _check_repeatable(tasks: Sequence[Task], scheduler: str | None) -> None:
    if scheduler is not None and any(not task.repeatable for task in tasks):
        raise McusimError(
            "--files names a folder of this machine, which workers of a cluster do not have: leave it out"
        )


def _spread(
    tasks: Sequence[Task], store: Store | None, scheduler: str | None, processes: int | None
) -> Iterator[tuple[int, Outcome | None]]:
    if scheduler is None:
        at_once = min(processes or default_processes(), max(len(tasks), 1))
        return spread(partial(run_task, store=store), tasks, processes=at_once)
    if not tasks:
        return iter(())
    from mcusim.sweeping.cluster import spread_on_cluster

    return spread_on_cluster(scheduler, tasks, store)


def result(planned: Planned, outcome: Outcome, known: bool) -> tuple[SweepRow, Profile | None]:
    """Return the row and the profile of an outcome, by the names of this plan: results are kept without them."""
    profile = outcome.profile()
    row = SweepRow(
        planned.image, planned.board, planned.settings, outcome.fits, outcome.reason, outcome.error, cached=known
    )
    if profile is None or planned.task is None:
        return row, None
    profile.image.name = planned.task.name
    profile.board.reason = planned.task.board_reason
    figures = summarize(profile) if profile.fault is None else None
    return replace(row, ended=profile.end.text, figures=figures), profile
