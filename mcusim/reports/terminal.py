# SPDX-License-Identifier: Apache-2.0
"""The one module that imports rich: it colours lines that were laid out before."""

from __future__ import annotations

import io

from rich.console import Console
from rich.text import Text


class Canvas:
    """Collects lines made of (text, style) pieces and returns them as one string, with or without colour."""

    def __init__(self, *, color: bool) -> None:
        self._stream = io.StringIO()
        # An empty environment: whether to colour was decided by the caller, and nothing else may change the bytes.
        self._console = Console(
            file=self._stream,
            force_terminal=color,
            color_system="standard" if color else None,
            no_color=not color,
            legacy_windows=False,
            highlight=False,
            markup=False,
            emoji=False,
            width=10_000,
            _environ={},
        )

    def line(self, *pieces: tuple[str, str]) -> None:
        """Add a line. Blanks at its end are dropped, a line break inside is a bug of the caller."""
        text = Text()
        for content, style in pieces:
            text.append(content, style or None)
        text.rstrip()
        self._console.print(text, soft_wrap=True)

    def text(self) -> str:
        """Return all lines."""
        return self._stream.getvalue()
