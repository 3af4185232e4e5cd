# SPDX-License-Identifier: Apache-2.0
"""The one module that imports rich: it colours lines that were laid out before.

Where there is no colour it is not even imported: that takes longer than laying out a report.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


class Canvas:
    """Collects lines made of (text, style) pieces and returns them as one string, with or without colour."""

    def __init__(self, *, color: bool) -> None:
        self._stream = io.StringIO()
        self._console = _console(self._stream) if color else None

    def line(self, *pieces: tuple[str, str]) -> None:
        """Add a line. Blanks at its end are dropped, a line break inside is a bug of the caller."""
        if self._console is None:
            self._stream.write("".join(content for content, _ in pieces).rstrip() + "\n")
            return
        from rich.text import Text

        text = Text()
        for content, style in pieces:
            text.append(content, style or None)
        text.rstrip()
        self._console.print(text, soft_wrap=True)

    def text(self) -> str:
        """Return all lines."""
        return self._stream.getvalue()


def _console(stream: io.StringIO) -> Console:
    from rich.console import Console

    # An empty environment: whether to colour was decided by the caller, and nothing else may change the bytes.
    return Console(
        file=stream,
        force_terminal=True,
        color_system="standard",
        no_color=False,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
        width=10_000,
        _environ={},
    )
