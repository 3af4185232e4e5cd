# SPDX-License-Identifier: Apache-2.0
"""What ends a run from outside: limits of cycles and of wall time, Ctrl-C. And what tells how far it is."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mcusim.machine.settings import Progress

if TYPE_CHECKING:
    from mcusim.machine.loop import RunLoop

ACCESSES_PER_LOOK = 4096  # device accesses between looks at the wall clock
PROGRESS_INTERVAL_S = 0.2

ProgressListener = Callable[[Progress], None]


class Limits:
    """Looks at the clocks for a run loop."""

    def __init__(self, loop: RunLoop, progress: ProgressListener | None) -> None:
        self._loop, self._progress = loop, progress
        self.interrupted = False
        self._wall_start = time.monotonic()
        self._last_progress = 0.0
        self._accesses = 0

    def leave_out(self, seconds: float) -> None:
        """Let wall time that has passed not count, such as while a person thinks."""
        self._wall_start += seconds

    @property
    def reached(self) -> bool:
        """True when the user or the wall clock ends the run."""
        timeout = self._loop.settings.timeout_s
        return self.interrupted or (timeout is not None and time.monotonic() - self._wall_start >= timeout)

    def look(self) -> bool:
        """End the run if a limit is reached; report progress. Return whether the run goes on."""
        loop, settings = self._loop, self._loop.settings
        if settings.max_cycles is not None and loop.machine.clock.cycles >= settings.max_cycles:
            loop.finish("max-cycles", f"reached --max-cycles {settings.max_cycles}")
        elif self.interrupted:
            loop.finish("interrupted", "interrupted by the user")
        elif self.reached:
            loop.finish("timeout", f"reached --timeout {settings.timeout_s:g} s")
        else:
            loop.faulting.look_at_time()
        now = time.monotonic() - self._wall_start
        if self._progress is not None and now - self._last_progress > PROGRESS_INTERVAL_S:
            self._last_progress = now
            cycles, machine = loop.machine.clock.cycles, loop.machine
            self._progress(
                Progress(machine.clock.seconds_at(cycles), cycles, machine.instructions(), now, loop.place(loop.pc))
            )
        return loop.end is None

    def on_access(self) -> bool:
        """Called before each device access: False discards it, when the run is to end."""
        self._accesses += 1
        if self._accesses % ACCESSES_PER_LOOK == 0 and self.reached:
            self._loop.machine.engine.stop()
            return False
        return True

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Make Ctrl-C end the run with what was measured so far (in the main thread; elsewhere it stays as it is)."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def handler(_signal: int, _frame: Any) -> None:
            self.interrupted = True

        previous = signal.signal(signal.SIGINT, handler)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)
