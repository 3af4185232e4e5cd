# SPDX-License-Identifier: Apache-2.0
"""Work for several processes of this machine, of which any may die without taking the others' work along.

When a process dies, the pool is gone and nobody says which task it was. All that were with it are suspects: each runs
again alone, in a process of its own, so that the one that kills its process is known for certain, and fails; the others
are done. At most as many tasks as there are processes are with the pool, so few are suspected.
"""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

KILLED = "the run kills its process each time (too little memory, or a bug in mcusim)"
TRIES = 2  # deaths that a task is blamed for alone before it counts as one that kills its process


def spread(work: Callable[[T], R], tasks: Sequence[T], *, processes: int) -> Iterator[tuple[int, R | None]]:
    """Yield (index, result) of `work(task)` for each task, as they are done; None for one that killed its process.

    `work` and its tasks must be picklable. What `work` raises is raised here, and ends the other processes.
    """
    if processes <= 1 or len(tasks) == 0:
        for index, task in enumerate(tasks):
            yield index, work(task)
        return
    suspects: deque[int] = deque()
    waiting = deque(range(len(tasks)))
    while waiting:
        yield from _with_pool(work, tasks, waiting, suspects, min(processes, len(waiting)))
    for index in suspects:
        yield index, _alone(work, tasks[index])


def _with_pool(
    work: Callable[[T], R], tasks: Sequence[T], waiting: deque[int], suspects: deque[int], processes: int
) -> Iterator[tuple[int, R | None]]:
    """Work through `waiting` with one pool, until all is done or the pool breaks; then name the suspects."""
    running: dict[Future[R], int] = {}
    with _Pool(processes) as pool:
        while waiting or running:
            try:
                while waiting and len(running) < processes:
                    running[pool.submit(work, tasks[waiting[0]])] = waiting[0]
                    waiting.popleft()
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    result = future.result()
                    yield running.pop(future), result
            except BrokenProcessPool:
                for future, index in running.items():
                    if future.done() and future.exception() is None:
                        yield index, future.result()
                    else:
                        suspects.append(index)
                return


def _alone(work: Callable[[T], R], task: T) -> R | None:
    """Run a suspect in a process of its own; None where that dies each time."""
    for _ in range(TRIES):
        with _Pool(1) as pool:
            try:
                return pool.submit(work, task).result()
            except BrokenProcessPool:
                continue
    return None


class _Pool:
    """A pool of fresh processes, not forks: native code and its tables do not survive a fork everywhere.

    Where something is raised, Ctrl-C above all, the processes end at once.
    """

    def __init__(self, processes: int) -> None:
        self._others = set(active_children())
        self._pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))

    def __enter__(self) -> _Pool:
        return self

    def submit(self, work: Callable[[T], R], task: T) -> Future[R]:
        """Hand a task to the pool."""
        with _interrupt_ignored():  # which the workers inherit: Ctrl-C is for this process to act on
            return self._pool.submit(work, task)

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if kind is not None:
            for worker in set(active_children()) - self._others:
                worker.terminate()
        self._pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupt_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # where signals cannot be set
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
