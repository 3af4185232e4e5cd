# SPDX-License-Identifier: Apache-2.0
"""The line that tells a waiting person that the firmware still runs.

On a terminal's stderr only; it is redrawn in place, gives way to the firmware's own output and leaves nothing behind.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TextIO

from mcusim.reports import numbers

_REDRAW_S = 0.1
_ERASE = "\r\x1b[K"


class ProgressLine:
    """One line, redrawn at most ten times a second. Does nothing where `stream` is not a terminal or `quiet` is set."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self.active = not quiet and self._stream.isatty() and os.environ.get("TERM", "") != "dumb"
        self._due_s = 0.0
        self._drawn = False

    def update(
        self, simulated_time_s: float, cycles: int, mips: float, realtime_ratio: float, function: str | None
    ) -> None:
        """Show where the run is. `mips` is million instructions per second of the simulator.

        `realtime_ratio` is simulated time over real time: 0.5 says that the board would be twice as fast.
        """
        now_s = time.monotonic()
        if not self.active or now_s < self._due_s:
            return
        parts = [
            f"{numbers.duration(simulated_time_s)} simulated",
            f"{numbers.count(cycles)} cycles",
            f"{mips:.1f} MIPS",
            f"{realtime_ratio:.2f}x real time",
        ]
        if function:
            parts.append(numbers.printable(function))
        self.show("  ".join(parts))

    def show(self, text: str) -> None:
        """Show something else that a waiting person wants to know."""
        if not self.active:
            return
        self._due_s = time.monotonic() + _REDRAW_S
        columns = shutil.get_terminal_size().columns
        self._write(_ERASE + numbers.middle(text, max(columns - 1, 1)))
        self._drawn = True

    def clear(self) -> None:
        """Take the line away: before the firmware prints something, and at the end."""
        if self._drawn:
            self._write(_ERASE)
            self._drawn = False

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the terminal went away: not worth losing the run for
            self.active = False
