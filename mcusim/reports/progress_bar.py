# SPDX-License-Identifier: Apache-2.0
"""The bar that tells a waiting person how many of many runs are done, and when the rest will be."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class ProgressBar:
    """A bar on a terminal's stderr, taken away at the end. Does nothing where `stream` is no terminal, or if quiet.

    Runs that were known before are not counted for the speed, so that the time left is that of the others.
    """

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._active = not quiet and self._stream.isatty()
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def update(self, done: int, total: int, known: int) -> None:
        """Show that `done` of `total` rows are done, of which `known` were known before anything ran."""
        if not self._active:
            return
        if self._progress is None:
            self._start()
        assert self._progress is not None
        text = f"{known} known before" if known else ""
        if self._task is None:
            self._task = self._progress.add_task("runs", total=total - known, known=text)
        self._progress.update(self._task, completed=done - known, known=text)

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[known]}"), console=Console(file=self._stream), transient=True,
        )  # fmt: skip
        self._progress.start()
