# SPDX-License-Identifier: Apache-2.0
"""Making one run: what every worker does, in a process of this machine or of another one."""

from __future__ import annotations

import threading

from mcusim.errors import McusimError
from mcusim.sweeping.outcome import Outcome, by_size, misfit, outcome_of
from mcusim.sweeping.store import Store
from mcusim.sweeping.task import Task, sources_fingerprint

# A process makes one run at a time: what native code shares is not made for several threads.
_ONE_AT_A_TIME = threading.Lock()


def run_task(task: Task, store: Store | None = None) -> Outcome:
    """Return what comes of a task, from the store if it has it; else make the run, and keep it there.

    Raises KeyboardInterrupt where Ctrl-C ended the run, and McusimError where this mcusim is not the one that asks.
    """
    with _ONE_AT_A_TIME:
        key = task.key()
        known = store.get(key) if store is not None and task.repeatable else None
        if known is not None:
            return known
        if task.sources != sources_fingerprint():
            raise McusimError("a worker has another mcusim than this one: install the same version on all of them")
        outcome = _run(task)
        if store is not None and task.repeatable and outcome.final:
            store.put(key, outcome)
        return outcome


def _run(task: Task) -> Outcome:
    """Make the run. What is wrong with it is its outcome; the name of the file is left out of the words."""
    from mcusim.attribution import attribute
    from mcusim.board import parse_board
    from mcusim.guess import check_fits
    from mcusim.machine import run

    try:
        image, board = task.image(), parse_board(task.board_text, task.board_where)
        if reason := misfit(image, board):
            return Outcome(False, reason, error=reason)
        try:
            check_fits(image, board)
        except McusimError as error:
            reason = _short(error, task).partition(f" on {board.name}, which has ")[0]
            return Outcome(False, reason + by_size(image, board), error=reason)
        trace = run(image, board, task.settings, board_reason=task.board_reason)
    except McusimError as error:
        return Outcome(None, "", error=_short(error, task))
    if trace.end.kind == "interrupted":
        raise KeyboardInterrupt
    return outcome_of(attribute(trace), board)


def _short(error: McusimError, task: Task) -> str:
    """Return an error on one line without the name of the firmware, which a result is not kept by."""
    return " ".join(str(error).split()).removeprefix(f"{task.name}: ")
