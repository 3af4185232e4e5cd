# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin: firmware whose functions tests call (docs/calling-firmware.md, "In pytest").

Installing mcusim installs it. A run that uses none of its fixtures imports nothing of the simulator.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from mcusim.calling import Firmware

_BOARD = "mcusim_board"


class FirmwareFactory(Protocol):
    """What the `firmware` fixture is."""

    def __call__(self, path: str | Path, board: str | None = None, **options: Any) -> Firmware:
        """Return a firmware as `mcusim.Firmware` does; see `firmware`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --mcusim-board, and mcusim_board to the ini file."""
    group = parser.getgroup("mcusim")
    group.addoption("--mcusim-board", metavar="BOARD", help="board that firmware runs on where a test names none")
    parser.addini(_BOARD, "board that firmware runs on where a test names none")


@pytest.fixture(scope="session")
def _firmware_cache() -> dict[Any, Firmware]:
    return {}


def _loaded(file: Path, board: str | None, options: dict[str, Any]) -> Firmware:
    """Load firmware; an error that names the command line's --board names what there is here."""
    from mcusim.calling import Firmware
    from mcusim.errors import McusimError

    try:
        return Firmware(file, board, **options)
    except McusimError as error:
        words = re.sub(r"(?<![\w-])--board", "--mcusim-board", str(error))
        raise McusimError(words) from None


@pytest.fixture
def firmware(request: pytest.FixtureRequest, _firmware_cache: dict[Any, Firmware]) -> Iterator[FirmwareFactory]:
    """A function that loads firmware: `firmware("kernels.elf", board="nucleo-l4r5zi")`; options as `mcusim.Firmware`.

    Paths are relative to the folder of the test. Firmware that several tests load is loaded once; each test finds it as
    after loading: memory is put back, stubs are taken out.
    """
    folder = request.path.parent
    asked = request.config.getoption("--mcusim-board") or request.config.getini(_BOARD) or None
    used: list[Firmware] = []

    def load(path: str | Path, board: str | None = None, **options: Any) -> Firmware:
        file = (folder / path).resolve()
        key = (file, file.stat().st_mtime_ns if file.exists() else 0, board or asked, repr(sorted(options.items())))
        if key not in _firmware_cache:
            _firmware_cache[key] = _loaded(file, board or asked, options)
        if _firmware_cache[key] not in used:
            used.append(_firmware_cache[key])
        return _firmware_cache[key]

    yield load
    for each in used:
        each.forget()


@pytest.fixture
def assert_bit_exact() -> Callable[..., None]:
    """`mcusim.testing.assert_bit_exact`: two arrays are equal, or the first element that differs is named."""
    from mcusim.testing import assert_bit_exact

    return assert_bit_exact


@pytest.fixture
def assert_cycles_below() -> Callable[..., None]:
    """`mcusim.testing.assert_cycles_below`: a call took fewer cycles than a limit."""
    from mcusim.testing import assert_cycles_below

    return assert_cycles_below


@pytest.fixture
def assert_stack_below() -> Callable[..., None]:
    """`mcusim.testing.assert_stack_below`: a call took less stack than a limit, in bytes."""
    from mcusim.testing import assert_stack_below

    return assert_stack_below
