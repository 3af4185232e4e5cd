# SPDX-License-Identifier: Apache-2.0
"""Firmware broken on purpose, in all ways of `broken_firmware`: each run ends within its limits and says why.

With MCUSIM_LONG there are more than 500 of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from broken_firmware import BREAKAGES, Broken, broken, undefined
from conftest import LONG
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_robustness import in_time

from mcusim.attribution import attribute
from mcusim.board import load_board
from mcusim.errors import McusimError
from mcusim.image import load
from mcusim.machine import Settings, run
from mcusim.profile_io import dumps, loads

MAX_CYCLES = 20_000
ENDS = ("fault", "max-cycles", "reset", "loop", "sleep", "return", "breakpoint", "exit")
LONG_EXAMPLES = 22  # of each way to break
EXAMPLES = LONG_EXAMPLES if LONG else 3
BOARDS = ("nucleo-l4r5zi", "generic-cortex-m0plus")
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


def how_it_ends(path: Path, board: str) -> str:
    """Run a firmware; return the kind of its end, or the error. Fails where the end is no answer."""
    try:
        trace = run(load(path), load_board(board), Settings(max_cycles=MAX_CYCLES))
    except McusimError as error:
        text = str(error)
        assert "\n" not in text
        assert path.name in text
        return text
    assert trace.end.kind in ENDS
    assert trace.end.text
    if trace.end.kind == "fault":
        assert trace.fault is not None
        assert trace.fault.words
        assert trace.fault.outcome
        assert trace.fault.backtrace
    assert trace.clock_cycles < MAX_CYCLES + 20_000  # the last block may be long, not endless
    profile = attribute(trace)
    assert loads(dumps(profile)) == profile
    return trace.end.kind


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.__name__)
@settings(max_examples=EXAMPLES, suppress_health_check=QUIET)
@given(source=st.randoms(use_true_random=False), board=st.sampled_from(BOARDS))
def test_broken_firmware_ends_with_a_reason(
    breakage: Callable[[Broken], None], source: random.Random, board: str, tmp_path: Path
) -> None:
    path = tmp_path / "broken.elf"
    path.write_bytes(broken(breakage, source, armv7=board != "generic-cortex-m0plus"))
    with in_time():
        how_it_ends(path, board)


def test_there_are_500_in_a_long_run() -> None:
    assert LONG_EXAMPLES * len(BREAKAGES) >= 500


def test_breakages_are_reached(tmp_path: Path) -> None:
    """Else nothing would be tested: an undefined instruction at the start is what ends the run."""
    firmware = Broken(random.Random(1), armv7=True)
    firmware.code.label("Reset_Handler")
    undefined(firmware)
    firmware.code.label("spin")
    firmware.code.hex("e7fe")
    path = tmp_path / "broken.elf"
    path.write_bytes(firmware.build())
    assert how_it_ends(path, BOARDS[0]) == "fault"
