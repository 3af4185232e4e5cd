# SPDX-License-Identifier: Apache-2.0
"""Work of a sweep that notes each run that was really made, for workers in other processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from mcusim.sweeping.outcome import Outcome
from mcusim.sweeping.store import Store
from mcusim.sweeping.task import Task
from mcusim.sweeping.work import run_task

POISON_CYCLES = 7_777


def counted_run(log: Path, task: Task, store: Store | None) -> Outcome:
    """Do as `run_task` does, and note beginning and end of what is not known yet; die of the poisonous task."""
    known = store.get(task.key()) if store is not None else None
    if known is not None:
        return known
    _note(log, "begin", task)
    if task.settings.max_cycles == POISON_CYCLES:
        os.kill(os.getpid(), signal.SIGKILL)
    outcome = run_task(task, store)
    _note(log, "end", task)
    return outcome


def _note(log: Path, what: str, task: Task) -> None:
    line = f"{what} {task.settings.max_cycles} {os.getpid()}\n"
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line.encode())  # one write: lines of several processes do not mix
    os.close(descriptor)
