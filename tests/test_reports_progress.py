# SPDX-License-Identifier: Apache-2.0
"""The progress line: on a terminal only, in place, gone at the end."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from mcusim.reports import progress
from mcusim.reports.progress import ProgressLine


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")


def test_it_is_redrawn_in_place_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    stream = Terminal()
    line = ProgressLine(stream)
    line.update(0.5, 10_000_000, 81.25, 0.52, "conv2d")
    line.update(0.6, 12_000_000, 81.25, 0.52, "conv2d")  # too early
    now[0] += 1
    line.update(0.7, 14_000_000, 81.25, 0.52, "a\x1bb" * 30)
    line.clear()
    line.clear()
    _, first, second, last = stream.getvalue().split("\r\x1b[K")
    assert first.startswith("500.0 ms simulated")
    assert second.startswith("700.0 ms simulated")
    assert len(second) == 59
    assert "\x1b" not in second
    assert last == ""


@pytest.mark.parametrize(
    ("stream", "quiet", "term"),
    [(io.StringIO(), False, "xterm"), (Terminal(), True, "xterm"), (Terminal(), False, "dumb")],
)
def test_it_keeps_silent_where_nobody_looks(
    stream: io.StringIO, quiet: bool, term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    line = ProgressLine(stream, quiet=quiet)
    line.update(0.5, 10_000_000, 81.25, 0.52, "conv2d")
    line.clear()
    assert stream.getvalue() == ""


def test_a_terminal_that_goes_away_does_not_stop_the_run() -> None:
    stream = Terminal()
    line = ProgressLine(stream)
    stream.close()
    line.update(0.5, 10_000_000, 81.25, 0.52, None)
    assert not line.active
