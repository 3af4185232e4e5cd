# SPDX-License-Identifier: Apache-2.0
"""Boards: those that come with mcusim, and the message for everything that can be wrong with one of the user's."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from mcusim.board import board_names, load_board, outlines, parse_board
from mcusim.core import load_core
from mcusim.devices import DEVICES
from mcusim.errors import McusimError
from mcusim.isa.decode import CLASS_NUMBER
from mcusim.machine.parts import core_of

GOOD = """
name = "mine"
title = "My board"
core = "cortex-m4"
[sources]
manual = "a manual"
[clock]
reset_hz = 8_000_000
max_hz = 64_000_000
source = "manual 1"
[[region]]
name = "flash"
kind = "flash"
start = 0x08000000
size_bytes = 0x40000
aliases = [0]
source = "manual 2"
[[region]]
name = "ram"
kind = "sram"
start = 0x20000000
size_bytes = 0x8000
source = "manual 2"
[[device]]
name = "uart"
type = "stm32-usart-v2"
start = 0x40008000
size_bytes = 0x400
interrupt = 3
console = true
source = "manual 3"
"""


def test_a_good_board() -> None:
    board = parse_board(GOOD, "mine.toml")
    assert board.region[0].ranges == ((0x08000000, 0x08040000), (0, 0x40000))
    assert not board.region[0].writable
    assert board.region[1].end == 0x20008000
    assert board.device[0].ranges == ((0x40008000, 0x40008400),)
    assert not board.generic


def test_names_are_the_files_of_the_folder() -> None:
    assert set(board_names()) >= {"nucleo-l4r5zi", "mps2-an386", "generic-cortex-m4", "generic-cortex-m0plus"}


@pytest.mark.parametrize("name", board_names())
def test_shipped_boards(name: str) -> None:
    board = load_board(name)
    assert board.name == name
    assert load_core(board.core).name == board.core
    assert board.generic == name.startswith("generic-") == ("generic" in board.title)
    assert {device.type for device in board.device} <= set(DEVICES)
    for source in [board.clock.source, *(r.source for r in board.region), *(d.source for d in board.device)]:
        for claim in source.split("; "):
            assert claim.partition(":")[0].split()[0] in board.sources, claim


def test_nucleo_memory_is_one_piece() -> None:
    board = load_board("nucleo-l4r5zi")
    rams = [region for region in board.region if region.writable]
    assert [region.start for region in rams[1:]] == [region.end for region in rams[:-1]]
    assert rams[-1].end == 0x200A0000
    assert sum(region.size_bytes for region in rams) == 640 << 10
    assert [device.name for device in board.device if device.console] == ["lpuart1"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "mine"', "name = mine", "not TOML: Invalid value (at line 2, column 8)"),
        ('title = "My board"\n', "", "missing key 'title'"),
        ('title = "My board"', 'title = ""', "title: must be one line of text"),
        ('title = "My board"', "title = 3", "title: expected 'str', got 'int'"),
        ('core = "cortex-m4"', 'core = "cortex-m4"\ncolour = 1', "unknown key 'colour'"),
        ("size_bytes = 0x40000\n", "", "region 'flash': missing key 'size_bytes'"),
        ("size_bytes = 0x8000", 'size_bytes = "32K"', "region 'ram': size_bytes: expected 'int', got 'str'"),
        ("size_bytes = 0x8000", "size = 0x8000", "region 'ram': "),
        ("size_bytes = 0x8000", "size_bytes = 0", "region 'ram': size_bytes: 0 is not more than 0"),
        ("size_bytes = 0x8000", "size_bytes = -1024", "region 'ram': size_bytes: -1024 is not more than 0"),
        ("size_bytes = 0x8000", "size_bytes = 1000", "region 'ram': size_bytes: 0x3e8 is not a multiple of 1024"),
        ("start = 0x20000000", "start = 0x20000004", "region 'ram': start: 0x20000004 is not a multiple of 1024"),
        ("start = 0x20000000", "start = 0x0803fc00", "region 'ram': 0x803fc00 to 0x8047c00 overlaps region 'flash'"),
        ("aliases = [0]", "aliases = [0x20004000]", "region 'ram': 0x20000000 to 0x20008000 overlaps region 'flash'"),
        ("aliases = [0]", "aliases = [0x08020000]", "region 'flash': 0x8020000 to 0x8060000 overlaps region 'flash'"),
        ("aliases = [0]", "aliases = [0x200]", "region 'flash': aliases: 0x200 is not a multiple of 1024"),
        ("aliases = [0]", 'aliases = ["0"]', "region 'flash': aliases[0]: expected 'int', got 'str'"),
        ("start = 0x20000000", "start = 0xe0000000", "reaches into the core's own space at 0xe0000000"),
        ("start = 0x20000000", "start = 0xfffffc00", "is outside the address space"),
        ("size_bytes = 0x8000", "size_bytes = 0x1fffc000\n", "at most 536870912 can be simulated"),
        ('kind = "sram"', 'kind = "ram"', "region 'ram': kind: 'ram' is not one of flash, sram, tcm, external"),
        ('name = "ram"', 'name = "flash"', "region 'flash': there are 2 regions of this name"),
        ('name = "ram"', "", "region number 2: missing key 'name'"),
        (
            "start = 0x40008000",
            "start = 0x20001000",
            "device 'uart': 0x20001000 to 0x20001400 overlaps region 'ram'",
        ),
        ("start = 0x40008000", "start = 0x40008002", "device 'uart': start and size_bytes must be multiples of 4"),
        ("size_bytes = 0x400\n", "size_bytes = 0\n", "device 'uart': size_bytes: 0 is not more than 0"),
        ("interrupt = 3", "interrupt = 496", "device 'uart': interrupt: 496 is not between 0 and 495"),
        ("interrupt = 3", "interrupt = -1", "device 'uart': interrupt: -1"),
        ("console = true", "console = 1", "device 'uart': console: expected 'bool', got 'int'"),
        ("reset_hz = 8_000_000", "reset_hz = 0", "clock.reset_hz: 0 Hz is not between"),
        ("reset_hz = 8_000_000", "reset_hz = 65_000_000", "clock.reset_hz: 65000000 is more than max_hz, 64000000"),
        ("max_hz = 64_000_000", "max_hz = 64e6", "clock.max_hz: expected 'int', got 'float'"),
        ("max_hz = 64_000_000", "max_hz = 99_000_000_000", "clock.max_hz: 99000000000 Hz is not between"),
        (GOOD, "", "missing key"),
        (GOOD, "a = " + "[" * 5000, "not TOML"),
        (GOOD, "region = []\n" + GOOD.split("[[region]]")[0], "the board needs memory"),
    ],
)
def test_bad_board(old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(McusimError) as caught:
        parse_board(GOOD.replace(old, new, 1), "mine.toml")
    message = str(caught.value)
    assert message.startswith("mine.toml: ")
    assert says in message
    assert "\n" not in message


def test_two_consoles_and_devices_that_overlap() -> None:
    device = GOOD[GOOD.index("[[device]]") :]
    second = device.replace('"uart"', '"uart2"')
    with pytest.raises(McusimError, match=r"device 'uart2': .* overlaps device 'uart'"):
        parse_board(GOOD + second, "mine.toml")
    with pytest.raises(McusimError, match="'uart' and 'uart2' are both the console"):
        parse_board(GOOD + second.replace("0x40008000", "0x40009000"), "mine.toml")


def test_a_file_of_the_user(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    assert load_board(path).name == load_board(str(path)).name == "mine"
    for wrong, says in (
        (tmp_path / "absent.toml", "cannot read the board file"),
        (tmp_path / "a\0.toml", "not a text file"),
    ):
        with pytest.raises(McusimError, match=says):
            load_board(wrong)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(McusimError, match="not a text file in UTF-8"):
        load_board(path)
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(McusimError, match="not a file"):
        load_board(tmp_path / "folder.toml")


def test_unknown_names_get_near_ones() -> None:
    with pytest.raises(McusimError, match="unknown board 'nucleo-l4r5': did you mean nucleo-l4r5zi"):
        load_board("nucleo-l4r5")
    with pytest.raises(McusimError, match="known: "):
        load_board("zzz")


def test_a_board_names_the_multiplier_that_its_part_was_made_with() -> None:
    small = '[multiplier]\ncycles = 32\nsource = "manual 3"\n[clock]'
    board = parse_board(GOOD.replace("cortex-m4", "cortex-m0plus").replace("[clock]", small), "mine.toml")
    assert board.multiplier is not None
    core = core_of(board)
    assert core.class_cycles[CLASS_NUMBER["multiply"]] == 32
    assert load_core("cortex-m0plus").class_cycles[CLASS_NUMBER["multiply"]] == 1
    with pytest.raises(McusimError, match=r"multiplier\.cycles: 3 is not 1 or 32"):
        parse_board(GOOD.replace("[clock]", small.replace("32", "3")), "mine.toml")


def test_outlines_are_the_boards_without_their_devices() -> None:
    """Devices stand at the end of every board file: the guess reads only what is before them."""
    whole = [msgspec.structs.replace(load_board(name), device=()) for name in board_names()]
    assert list(outlines()) == whole
