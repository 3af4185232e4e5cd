# SPDX-License-Identifier: Apache-2.0
"""Guessing the board from what the image shows, and saying what does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcusim.board import load_board
from mcusim.errors import McusimError
from mcusim.guess import check_fits, guess_board
from mcusim.image import CpuHint, Image, Segment, VectorTable, load

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*/*-*.elf"))  # those with a board
M4F = CpuHint("7E-M", "armv7e-m", "sp")


def image(flash: int, stack: int, cpu: CpuHint = M4F, bss: int = 0x20000000, bss_bytes: int = 4096) -> Image:
    """Return an image with code at `flash` and variables at `bss`."""
    return Image(
        name="f.elf",
        sha256="",
        format="elf",
        cpu=cpu,
        segments=(
            Segment(flash, flash, bytes(1024), 1024, executable=True, writable=False),
            Segment(bss, bss, b"", bss_bytes, executable=False, writable=True),
        ),
        sections=(),
        symbols=(),
        entry=None,
        vectors=VectorTable(flash, stack, flash + 0x200, "symbol vectors"),
    )


@pytest.mark.parametrize(
    ("subject", "board"),
    [
        (image(0x08000000, 0x200A0000), "nucleo-l4r5zi"),
        (image(0x08000000, 0x20030000), "nucleo-l4r5zi"),
        (image(0x08000000, 0x20001238), "nucleo-f446re"),  # a stack among the variables tells nothing: the smallest
        (image(0x08000000, 0x20020000), "nucleo-f446re"),
        (image(0x08080000, 0x20020000), "stm32f407-discovery"),  # beyond the flash of the F446
        (image(0x08000000, 0x20040000), "nucleo-f412zg"),
        (image(0x08000000, 0x20018000), "nucleo-l476rg"),
        (image(0x08000000, 0x20014000), "generic-cortex-m4"),  # the end of another part's RAM
        (image(0x08000000, 0x20005000, CpuHint("Cortex-M3", "armv7-m", "none")), "nucleo-f103rb"),
        (image(0x08000000, 0x20004000, CpuHint("Cortex-M0", "armv6-m", "none")), "nucleo-f072rb"),
        (image(0x08000000, 0x20004000, CpuHint("Cortex-M0+", "armv6-m", "none")), "generic-cortex-m0plus"),
        (image(0x08000000, 0x20024000, CpuHint("Cortex-M0+", "armv6-m", "none")), "nucleo-g0b1re"),
        (image(0, 0x20400000), "mps2-an386"),
        (image(0, 0x21100000, bss=0x21000000), "mps2-an386"),
        (image(0, 0x20010000), "generic-cortex-m4"),
        (image(0x08000000, 0x20050000), "stm32f746-discovery"),
        (image(0x08000000, 0x20080000, CpuHint("7E-M", "armv7e-m", "dp")), "stm32f765"),
        (image(0x08000000, 0x24080000, CpuHint("7E-M", "armv7e-m", "dp"), bss=0x24000000), "nucleo-h743zi"),
        (image(0x08000000, 0x24100000, CpuHint("7E-M", "armv7e-m", "dp"), bss=0x24000000), "nucleo-h7a3ziq"),
        (image(0x08000000, 0x200C0000, CpuHint("8-M.MAIN", "armv8-m.main", "sp")), "nucleo-u575ziq"),
        (image(0, 0x20008000, CpuHint("Cortex-M0+", "armv6-m", "none")), "generic-cortex-m0plus"),
        (image(0, 0x20400000, CpuHint("6S-M", "armv6-m", "none")), "generic-cortex-m0plus"),
        (image(0x10000100, 0x20042000, CpuHint("6S-M", "armv6-m", "none")), "raspberry-pi-pico"),
        (image(0x08000000, 0x200A0000, CpuHint()), "nucleo-l4r5zi"),
    ],
)
def test_guess(subject: Image, board: str) -> None:
    found, reason = guess_board(subject)
    assert found.name == board
    assert f"fits {board} best" in reason
    check_fits(subject, found)


def test_the_reason_says_what_was_seen() -> None:
    _, reason = guess_board(image(0x08000000, 0x200A0000))
    assert reason.startswith(
        "Cortex-M4 or M7 with single-precision FPU (build attributes), vectors at 0x08000000, "
        "stack top 0x200a0000: fits nucleo-l4r5zi best, also generic-cortex-m4"
    )
    _, reason = guess_board(image(0, 0x20400000, CpuHint()))
    assert reason.startswith("core unknown (no build attributes), vectors at 0x00000000")
    _, reason = guess_board(image(0, 0x20400000, CpuHint("Cortex-M4", "armv7e-m", "none")))
    assert reason.startswith("Cortex-M4, no FPU needed (build attributes)")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_run_on_the_board_they_are_built_for(path: Path) -> None:
    found, _ = guess_board(load(path))
    assert path.stem.endswith(found.name)


def test_nothing_fits() -> None:
    for subject, says in (
        (image(0x08000000, 0x200A0000, CpuHint("Cortex-M33", "armv8-m.main", "dp")), "needs a double-precision FPU"),
        (image(0x08000000, 0x200A0000, CpuHint("8.1-M.MAIN", "armv8.1-m.main", "sp")), "built for Armv8.1-M mainline"),
        (image(0x70000000, 0x20001000), "1024 bytes is loaded at 0x70000000, outside the memory"),
        (image(0x08000000, 0x3F000000), "the initial stack pointer 0x3f000000 is outside the RAM"),
    ):
        with pytest.raises(McusimError) as caught:
            guess_board(subject)
        message = str(caught.value)
        assert message.startswith("f.elf: no known board fits (")
        assert says in message
        assert "nucleo-l4r5zi: " in message
        assert "--board" in message
        assert "\n" not in message


def test_check_fits_names_the_segment_and_the_memory() -> None:
    board = load_board("nucleo-l4r5zi")
    with pytest.raises(McusimError) as caught:
        check_fits(image(0x08200000, 0x200A0000), board)
    assert "a segment of 1024 bytes is loaded at 0x08200000, outside the memory on nucleo-l4r5zi" in str(caught.value)
    assert "flash 0x08000000-0x08200000, flash 0x00000000-0x00200000, sram1 0x20000000-0x20030000" in str(caught.value)
    with pytest.raises(McusimError, match=r"700000 bytes runs at 0x20000000.* \(and 1 more\)"):
        check_fits(image(0x08000000, 0x20100000, bss_bytes=700_000), board)
    with pytest.raises(McusimError, match=r"variables at 0x08001000 \(4096 bytes\) are in flash"):
        check_fits(image(0x08000000, 0x200A0000, bss=0x08001000), board)


def test_memory_in_adjacent_regions_is_one_piece() -> None:
    check_fits(image(0x08000000, 0x200A0000, bss_bytes=640 << 10), load_board("nucleo-l4r5zi"))
