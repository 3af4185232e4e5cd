# SPDX-License-Identifier: Apache-2.0
"""Shared by all tests: goldens, tools that may be missing, and how long properties are tried.

Goldens are compared with `pytest`, written by `pytest --regenerate` and reviewed as a diff. With MCUSIM_REQUIRE_TOOLS
set a test fails where its tool is missing, and is skipped otherwise. MCUSIM_LONG makes runs long: all pages,
all firmware, more random code.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

# No database: a test run leaves nothing behind. No deadline: a busy machine is not a failure.
# The same examples in every run. Where more of them are worth their time in a long run, the test says so.
settings.register_profile("mcusim", database=None, deadline=None, derandomize=True)
settings.load_profile("mcusim")
LONG = bool(os.environ.get("MCUSIM_LONG"))

# Marker -> the programs its tests need.
TOOLS = {"cross": ("arm-none-eabi-gcc", "make"), "qemu": ("qemu-system-arm",), "gdb": ("gdb-multiarch",),
         "valgrind": ("callgrind_annotate",), "lcov": ("lcov", "genhtml"), "browser": ("chromium",)}  # fmt: skip
# Marker -> the Python packages its tests need (`make oracles` installs the first ones, the tools for tests the others).
PACKAGES = {"oracles": ("tflite_micro", "ai_edge_litert"), "browser": ("playwright",)}

GOLDEN = Path(__file__).resolve().parents[1] / "traces" / "golden"


@pytest.fixture(autouse=True, scope="session")
def _own_results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep results of sweeps out of the user's cache folder, those of commands that tests start too."""
    before = os.environ.get("MCUSIM_CACHE")
    os.environ["MCUSIM_CACHE"] = str(tmp_path_factory.mktemp("runs"))
    yield
    if before is None:
        del os.environ["MCUSIM_CACHE"]
    else:
        os.environ["MCUSIM_CACHE"] = before


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--regenerate`."""
    parser.addoption("--regenerate", action="store_true", help="write the goldens instead of comparing with them")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose tools are missing, or fail it where they are required."""
    for marker in dict.fromkeys((*TOOLS, *PACKAGES)):
        if item.get_closest_marker(marker) is None:
            continue
        missing = [program for program in TOOLS.get(marker, ()) if shutil.which(program) is None]
        missing += [package for package in PACKAGES.get(marker, ()) if find_spec(package) is None]
        if missing and os.environ.get("MCUSIM_REQUIRE_TOOLS"):
            pytest.fail(f"{', '.join(missing)} not found, and MCUSIM_REQUIRE_TOOLS is set", pytrace=False)
        if missing:
            pytest.skip(f"needs {', '.join(missing)}")


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
