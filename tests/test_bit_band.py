# SPDX-License-Identifier: Apache-2.0
"""Bit-banding (Armv7-M ARM B3.1.1): each word of the alias is one bit."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import run_code

from mcusim.board import load_board, parse_board
from mcusim.engine.tables import Tables
from mcusim.errors import McusimError
from mcusim.machine.bus import BitBand, Bus
from mcusim.machine.guesses import Guesses
from mcusim.machine.loop import RunLoop
from mcusim.machine.parts import device_ranges

BOARD = "generic-cortex-m4"


def registers(loop: RunLoop, *names: str) -> list[int]:
    """Return what core registers hold at the end."""
    return [loop.machine.engine.read_register(name) for name in names]


def test_peripherals(tmp_path: Path) -> None:
    """Words, bytes and halfwords of the alias 0x42000000 change and give single bits of 0x40000000."""
    # str 1 to bit 5, strb 1 to bit 7; r4 = word, r5 = bit 5, r6 = ldrh bit 4; str 2 to bit 5 (bit 0 counts); r7 = word
    code = "f04f4284 f04f4180 2001 6150 7710 680c 6955 8a16 2002 6150 680f e7fe"
    loop = run_code(tmp_path, code, BOARD)
    assert registers(loop, "r4", "r5", "r6", "r7") == [0xA0, 1, 0, 0x80]
    (guess,) = loop.machine.guesses.listed()
    assert (guess.address, guess.reads, guess.writes) == (0x4000_0000, 4, 3)


def test_memory(tmp_path: Path) -> None:
    """Bits 2 and 8 of the word at 0x20000004, which held 0xff."""
    code = "f04f5100 f04f5208 f04f00ff 6048 2000 f8c20088 2001 f8c200a0 684c f8d25088 f8d26084 f89270a0 e7fe"
    loop = run_code(tmp_path, code, BOARD)
    assert registers(loop, "r4", "r5", "r6", "r7") == [0x1FB, 0, 1, 1]


def test_a_wait_for_a_bit_changes_that_bit_alone(tmp_path: Path) -> None:
    """`while (!*alias_of_bit_25);`."""
    loop = run_code(tmp_path, "f04f4284 6e53 2b00 d0fc e7fe", BOARD, max_cycles=20_000)
    assert loop.end is not None
    assert loop.end.kind == "loop"
    (guess,) = loop.machine.guesses.listed()
    assert (guess.reads, guess.flipped, guess.waits_ended) == (16, 1 << 25, 1)


def test_a_modelled_register_through_its_alias(tmp_path: Path) -> None:
    """RCC->CR of a part with its model: HSION, bit 8, starts HSI16, and HSIRDY, bit 10, follows."""
    text = (Path(__file__).parents[1] / "cores/boards/nucleo-l4r5zi.toml").read_text()
    board = tmp_path / "banded.toml"
    assert "\nbit_band = true" in text
    board.write_text(text)
    # r2 = 0x42420000, the alias of 0x40021000: r4 = HSIRDY; HSION = 1; while (!HSIRDY); r5 = HSIRDY
    code = "f04f4284 f5020284 6a94 2001 6210 6a95 2d00 d0fc e7fe"
    loop = run_code(tmp_path, code, str(board), max_cycles=20_000)
    assert registers(loop, "r2", "r4", "r5") == [0x4242_0000, 0, 1]
    assert loop.machine.guesses.listed() == []


def test_no_alias_where_the_board_has_none(tmp_path: Path) -> None:
    loop = run_code(tmp_path, "f04f5208 6810 e7fe", "stm32f746-discovery")
    assert loop.end is not None
    assert loop.end.kind == "fault"
    assert "0x22000000" in loop.end.text


def test_a_board_has_nothing_else_in_the_alias() -> None:
    text = (Path(__file__).parents[1] / "cores/boards/generic-cortex-m4.toml").read_text()
    with pytest.raises(McusimError, match="bit-band alias"):
        parse_board(text.replace("aliases = [0x0800_0000]", "aliases = [0x0800_0000, 0x2200_0000]"), "x.toml")


def test_ranges_of_devices_leave_the_alias_out() -> None:
    assert device_ranges(load_board(BOARD)) == [(0x4000_0000, 0x4200_0000), (0x4400_0000, 0x6000_0000)]


class _NoMemory:
    def holds(self, _address: int) -> bool:
        """No address is memory."""
        return False


@given(st.lists(st.tuples(st.integers(0, 8 * 64 - 1), st.integers(0, 2**32 - 1), st.booleans())))
def test_the_alias_and_the_registers_agree(accesses: list[tuple[int, int, bool]]) -> None:
    guesses = Guesses(Tables(), None, None, None, "test", False)  # type: ignore[arg-type]
    bus = Bus(lambda _address, _writes: True, lambda _value, _until: None, guesses)
    band = BitBand(0x4200_0000, 0x4000_0000, bus, _NoMemory(), guesses, None)  # type: ignore[arg-type]
    expected = 0
    for bit, value, whole in accesses:
        if whole:
            word = bit // 32
            bus.write(0x4000_0000 + 4 * word, 4, value)
            expected = expected & ~(0xFFFF_FFFF << 32 * word) | value << 32 * word
        else:
            band.write(0x4200_0000 + 4 * bit, 4, value)
            expected = expected & ~(1 << bit) | (value & 1) << bit
        assert band.read(0x4200_0000 + 4 * bit, 4) == expected >> bit & 1
    assert all(bus.read(0x4000_0000 + at, 1) == expected >> 8 * at & 0xFF for at in range(64))
