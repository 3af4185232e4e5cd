# SPDX-License-Identifier: Apache-2.0
"""Every board runs its self-test: the highest clock by the vendor's register sequence, the console, SysTick."""

from __future__ import annotations

import pytest
from machines import FIRMWARE, run_loop

from mcusim.board import board_names, load_board
from mcusim.image import load

SELFTEST = FIRMWARE / "selftest"
BOARDS = [name for name in board_names() if not load_board(name).generic]


@pytest.mark.parametrize("name", BOARDS)
def test_the_board_runs_its_selftest(name: str) -> None:
    board = load_board(name)
    loop = run_loop(load(SELFTEST / f"selftest-{name}.elf"), name, max_cycles=3 * board.clock.max_hz)
    output = loop.machine.output.decode()
    assert output == f"selftest {name}\nclock {board.clock.max_hz} Hz\nticks 1000\n"
    assert loop.end is not None
    assert (loop.end.kind, loop.end.status) == ("exit", 0)
    assert loop.machine.clock.core_hz == board.clock.max_hz
    assert not loop.machine.bus.guessed, "the self-test uses no register that nobody models"
    seconds = loop.machine.clock.seconds_at(loop.machine.clock.cycles)
    assert 1.0 < seconds < 1.1  # a thousand milliseconds, and the printing
