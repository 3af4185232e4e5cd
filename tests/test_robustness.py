# SPDX-License-Identifier: Apache-2.0
"""Damaged firmware: whatever bytes are changed, a run ends soon, with a trace or with the one error that users see."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from conftest import LONG
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from machines import prebuilt

from mcusim.attribution import attribute
from mcusim.cli import main
from mcusim.errors import McusimError
from mcusim.guess import guess_board
from mcusim.image import load
from mcusim.machine import Settings, run
from mcusim.profile_io import dumps, loads

MAX_CYCLES = 200_000
LIMIT_S = 20  # a run of so few cycles takes some hundredths of a second
Mutations = list[tuple[int, int]]  # offset in the file, new byte

FIRMWARES = (("hello", "nucleo-l4r5zi"), ("interrupts", "mps2-an386"), ("semihosting", "mps2-an386"),
             ("sleep", "nucleo-l4r5zi"), ("m0plus", "generic-cortex-m0plus"))  # fmt: skip


@cache
def original(name: str) -> bytes:
    """Return a firmware as it was built."""
    return prebuilt(name, dict(FIRMWARES)[name]).read_bytes()


@cache
def loaded_range(name: str) -> range:
    """Return where in the file the first segment's bytes are: vectors and code."""
    data = original(name)
    start = int.from_bytes(data[28:32], "little")
    offset, size = (int.from_bytes(data[start + at : start + at + 4], "little") for at in (4, 16))
    return range(offset, offset + size)


@st.composite
def mutations(draw: st.DrawFn, name: str) -> Mutations:
    """A few bytes to change, most of them in the code."""
    code = loaded_range(name)
    places = st.one_of(
        st.integers(code.start, code.stop - 1), st.integers(code.start, code.stop - 1),
        st.integers(0, len(original(name)) - 1),
    )  # fmt: skip
    return draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=6))


def damaged(name: str, changes: Mutations) -> bytes:
    """Return a firmware with some bytes changed."""
    data = bytearray(original(name))
    for offset, value in changes:
        data[offset] = value
    return bytes(data)


@contextmanager
def in_time() -> Iterator[None]:
    """Fail what takes more of the processor's time than `LIMIT_S`: others may be at work, too."""

    def late(_signal: int, _frame: Any) -> None:
        raise AssertionError(f"no end after {LIMIT_S} s")

    previous = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


def check_run(path: Path) -> str:
    """Load, run and attribute; return how it ended."""
    try:
        image = load(path)
        board, reason = guess_board(image)
        trace = run(image, board, Settings(max_cycles=MAX_CYCLES), board_reason=reason)
    except McusimError:
        return "error"
    profile = attribute(trace)
    assert loads(dumps(profile)) == profile
    assert trace.clock_cycles < MAX_CYCLES + 20_000  # the last block may be long, not endless
    return trace.end.kind


def check_command(path: Path, capsys: pytest.CaptureFixture[str]) -> int:
    """Run the command line and return its exit code."""
    code = main(["profile", str(path), "--max-cycles", str(MAX_CYCLES), "--tree", "-q"])
    captured = capsys.readouterr()
    assert code in (0, 1, 2), captured.err
    assert "Traceback" not in captured.err
    assert captured.err.count("\n") <= 1 if code else captured.out
    return code


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
EXAMPLES = 120 if LONG else 25


@pytest.mark.parametrize("name", [name for name, _ in FIRMWARES])
@settings(max_examples=EXAMPLES, suppress_health_check=QUIET)
@given(data=st.data())
def test_damaged_firmware_ends_with_a_trace_or_an_error(name: str, data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / "damaged.elf"
    path.write_bytes(damaged(name, data.draw(mutations(name))))
    with in_time():
        check_run(path)


@pytest.mark.parametrize("name", ["hello", "interrupts"])
@settings(max_examples=EXAMPLES, suppress_health_check=QUIET)
@given(data=st.data())
def test_the_command_line_survives_damaged_firmware(
    name: str, data: st.DataObject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "damaged.elf"
    path.write_bytes(damaged(name, data.draw(mutations(name))))
    with in_time():
        check_command(path, capsys)


def test_the_mutations_reach_code_that_runs(tmp_path: Path) -> None:
    """Else the tests above would test nothing: an undefined instruction at the reset handler is met."""
    data = bytearray(original("hello"))
    image = load(prebuilt("hello", "nucleo-l4r5zi"))
    code = loaded_range("hello")
    at = code.start + image.vectors.reset - image.vectors.address
    assert at in code
    data[at : at + 2] = b"\x00\xde"
    path = tmp_path / "damaged.elf"
    path.write_bytes(bytes(data))
    assert check_run(path) == "fault"
