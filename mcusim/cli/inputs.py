# SPDX-License-Identifier: Apache-2.0
"""Reading the files that options name."""

from __future__ import annotations

import sys
from pathlib import Path

from mcusim.errors import McusimError


def read_input(name: str | None) -> bytes:
    """Return the bytes of --uart-in: nothing, a file's, or stdin's. Raises `McusimError` if they cannot be read."""
    if name is None:
        return b""
    try:
        if name == "-":
            return sys.stdin.buffer.read()
        return Path(name).read_bytes()
    except OSError as error:
        raise McusimError(f"--uart-in {name}: cannot be read: {error.strerror or type(error).__name__}") from error


def read_text(option: str, name: str) -> str:
    """Return the text of the file that an option names. Raises `McusimError` if it cannot be read."""
    try:
        return Path(name).read_text("utf-8")
    except OSError as error:
        raise McusimError(f"{option} {name}: cannot be read: {error.strerror or type(error).__name__}") from error
    except ValueError as error:
        raise McusimError(f"{option} {name!r}: not a text file in UTF-8") from error
