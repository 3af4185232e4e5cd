# SPDX-License-Identifier: Apache-2.0
"""Shared by all tests: goldens, compared with `pytest`, written by `pytest --regenerate` and reviewed as a diff."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# No database: a test run leaves nothing behind. No deadline: a busy machine is not a failure.
settings.register_profile("mcusim", database=None, deadline=None)
settings.load_profile("mcusim")

GOLDEN = Path(__file__).resolve().parents[1] / "traces" / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--regenerate`."""
    parser.addoption("--regenerate", action="store_true", help="write the goldens instead of comparing with them")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return `check(name, text)`: `text` must equal `traces/golden/<name>`, or becomes it with `--regenerate`."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--regenerate"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
        assert path.is_file(), f"no golden {name}: run 'pytest --regenerate' and review the diff"
        assert text == path.read_bytes().decode(), f"{name} differs: if meant, run 'pytest --regenerate'"

    return check
