# SPDX-License-Identifier: Apache-2.0
"""Tasks on a Dask cluster (the extra `mcusim[dask]`): the only module that imports `distributed`.

Images travel with the tasks, so workers share no files with us. Where they do see the folder of results, they look
there before a run and write to it after one: a result that was still on a worker when it died is then found and not
made again. Everywhere else results come back with the task and are kept here, as they arrive.

Dask runs the tasks of a worker that died again, by itself. It gives a task up when several workers died under it, and
that may hit one that only waited beside a task that kills workers. So what was given up is tried again at the end, one
at a time: then it is certain which one it is, and that one fails, alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from queue import Empty, SimpleQueue
from typing import Any

from mcusim.errors import McusimError
from mcusim.sweeping.outcome import Outcome
from mcusim.sweeping.store import Store
from mcusim.sweeping.task import Task
from mcusim.sweeping.work import run_task

CONNECT_S = 15  # to reach the scheduler
ABSENT_S = 60  # without any worker before the sweep gives up: one that restarts needs some seconds
_LOOK_S = 2.0
_WINDOW = 4  # tasks with the scheduler for each thread of a worker: enough to keep all busy, few images in its memory

Work = Callable[[Task, Store | None], Outcome]


def spread_on_cluster(
    address: str, tasks: Sequence[Task], store: Store | None, *, work: Work = run_task, absent_s: float = ABSENT_S
) -> Iterator[tuple[int, Outcome | None]]:
    """Yield (index, outcome) for each task, as they are done; None for one that killed each worker it was given.

    Raises McusimError where `distributed` is not installed, the scheduler does not answer, or all workers stay away.
    """
    client = _connect(address)
    try:
        suspects: list[int] = []
        for index, outcome in _in_flight(client, tasks, range(len(tasks)), store, work, absent_s):
            if outcome is None:
                suspects.append(index)
            else:
                yield index, outcome
        for suspect in suspects:
            yield from _in_flight(client, tasks, [suspect], store, work, absent_s)
    finally:
        client.close()


def _connect(address: str) -> Any:
    try:
        import distributed
    except ImportError as error:
        raise McusimError("--scheduler needs the package 'distributed': pip install 'mcusim[dask]'") from error
    try:
        client: Any = distributed.Client  # untyped
        return client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise McusimError(f"--scheduler {address}: no Dask scheduler answers: {reason}") from error


def _in_flight(
    client: Any, tasks: Sequence[Task], indices: Sequence[int], store: Store | None, work: Work, absent_s: float
) -> Iterator[tuple[int, Outcome | None]]:
    """Keep a window of tasks with the scheduler, and yield what comes back; None for a task that Dask gave up."""
    waiting = list(reversed(indices))
    running: dict[Any, int] = {}
    done: SimpleQueue[Any] = SimpleQueue()
    seen_s = time.monotonic()
    while waiting or running:
        threads = _threads(client)
        if threads:
            seen_s = time.monotonic()
        elif time.monotonic() - seen_s > absent_s:
            raise McusimError(
                "--scheduler: the cluster has no workers left: start some, and the same command again (what was done "
                "is kept)"
            )
        while waiting and len(running) < max(_WINDOW * threads, 1):
            index = waiting.pop()
            future = client.submit(_work_there, work, tasks[index], store, pure=False)
            running[future] = index
            future.add_done_callback(done.put)
        try:
            future = done.get(timeout=_LOOK_S)
        except Empty:
            continue
        yield running.pop(future), _outcome(future)


def _threads(client: Any) -> int:
    """Return how many runs the workers can make at once. Raises McusimError where the scheduler is gone."""
    try:
        return sum(client.nthreads().values())
    except (OSError, TimeoutError, CancelledError) as error:
        raise _gone() from error


def _outcome(future: Any) -> Outcome | None:
    """Return what came of a task that is done; None where Dask gave it up.

    Raises McusimError where a worker cannot run tasks at all, or the scheduler is gone.
    """
    import distributed
    from distributed.comm.core import CommClosedError

    try:
        outcome: Outcome = future.result()
        return outcome
    except distributed.KilledWorker:
        return None
    except McusimError:
        raise
    except (CommClosedError, CancelledError) as error:
        raise _gone() from error
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise McusimError(f"a worker failed ({reason}): install the same mcusim on all of them") from error


def _gone() -> McusimError:
    return McusimError("the Dask scheduler went away: start it and the same command again (what was done is kept)")


def _work_there(work: Work, task: Task, store: Store | None) -> Outcome:
    """Run a task on a worker: with the folder of results, where the worker sees it."""
    return work(task, store if store is not None and store.here else None)
