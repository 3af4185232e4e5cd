# SPDX-License-Identifier: Apache-2.0
"""What the command line does with stdout and stderr: encodings, widths, colour, the firmware's own output."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TextIO

from mcusim.errors import McusimError

_PLAIN = str.maketrans(
    {"█": "#", "…": "~", "│": "|", "├": "|", "└": "`", "─": "-", "±": "~", "\ufffd": "?"}
    | {"┤": "|", "▼": "v", "▓": "+", "▒": ":", "░": ".", "▚": "x"}
    | dict.fromkeys("▏▎▍▌▋▊▉", " ")
    | dict.fromkeys("▁▂▃", "_")
    | dict.fromkeys("▄▅▆▇", "=")
)


def write(text: str) -> None:
    """Write to stdout; where its encoding lacks the bars and branches of a report, with plain characters."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    try:
        sys.stdout.write(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _lost(error) from error


def write_bytes(data: bytes, what: str) -> None:
    """Write to stdout what is not text; raises `McusimError` where stdout is a terminal, which it would spoil."""
    if sys.stdout.isatty():
        raise McusimError(f"{what} is not text: write it to a file (-o FILE, or > FILE)")
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _lost(error) from error


def flush() -> None:
    """Make sure that what was written has arrived. Raises `McusimError` for a full disk, `BrokenPipeError` as it is."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _lost(error) from error


def say(text: str) -> None:
    """Tell the user something that is not part of the output."""
    print(f"mcusim: {text}", file=sys.stderr)


def width(stream: TextIO, default: int) -> int:
    """Return the columns of the terminal, of $COLUMNS, or `default` where there is neither."""
    if stream.isatty() or os.environ.get("COLUMNS", "").isdecimal():
        return shutil.get_terminal_size((default, 24)).columns
    return default


def check_terminal(form: str, instead: str, what: str = "an HTML report") -> None:
    """Refuse to fill a terminal with a page for a browser, `what`; `instead` says what to do."""
    if form == "html" and sys.stdout is not None and sys.stdout.isatty():
        raise McusimError(f"{what} is a page for a browser, not for a terminal: {instead}")


def color(stream: TextIO) -> bool:
    """True if colours make sense: a terminal that is not dumb, and no $NO_COLOR (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class FirmwareOutput:
    """Passes on what the firmware prints, as it comes, byte for byte. `at_line_start` tells if a line is open."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.at_line_start = True

    def write(self, data: bytes) -> None:
        """Write `data` at once, so that a person who waits sees it."""
        if not data:
            return
        try:
            self._stream.flush()
            binary = getattr(self._stream, "buffer", None)
            if binary is not None:
                binary.write(data)
            else:
                self._stream.write(data.decode("utf-8", "replace"))
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _lost(error) from error
        self.at_line_start = data.endswith(b"\n")

    def end_line(self) -> None:
        """End the line the firmware left open, so that ours starts on its own."""
        if not self.at_line_start:
            self.write(b"\n")


def _lost(error: OSError) -> McusimError:
    return McusimError(f"stdout: cannot be written: {error.strerror or type(error).__name__}")
