# SPDX-License-Identifier: Apache-2.0
"""The same image on QEMU's mps2-an386 and here prints the same text; only what a run measures of itself may differ."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from machines import EXAMPLES, FIRMWARE, prebuilt, run_loop

from mcusim.image import load

BOARD = "mps2-an386"


def run_in_qemu(path: Path) -> str:
    """Return what an image prints by semihosting; QEMU writes it to stderr."""
    done = subprocess.run(
        ["qemu-system-arm", "-M", BOARD, "-nographic", "-semihosting-config", "enable=on,target=native",
         "-kernel", path],
        capture_output=True, stdin=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip
    return (done.stdout + done.stderr).decode().replace("\r", "")


def without_cycles(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("cycles: "))


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("name", "folder"), [("keyword_spotting", EXAMPLES), ("calls", FIRMWARE), ("interrupts", FIRMWARE)]
)
def test_qemu_and_mcusim_print_the_same(name: str, folder: Path) -> None:
    path = prebuilt(name, BOARD)
    here = bytes(run_loop(load(path), BOARD, max_cycles=100_000_000).machine.output).decode()
    there = run_in_qemu(path)
    assert without_cycles(here) == without_cycles(there)
    assert without_cycles(here) == (folder / name / "expected.txt").read_text()


MPS2_BOARDS = ("mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505")


@pytest.mark.qemu
@pytest.mark.parametrize("board", MPS2_BOARDS)
def test_the_mps2_firmware_leaves_the_same_output_and_ram(board: str, tmp_path: Path) -> None:
    """The firmware writes its .data and .bss to sram.bin at its end; only the stack is left out of the comparison.

    Nothing in there depends on time: interrupts are counted up to fixed numbers. QEMU has its own time, and how often
    it interrupts the loops that wait shows nowhere but on the stack.
    """
    path = (FIRMWARE / "mps2" / f"mps2-{board}.elf").resolve()
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    loop = run_loop(load(path), board, max_cycles=100_000_000, files=here)
    done = subprocess.run(
        ["qemu-system-arm", "-M", board, "-nographic", "-semihosting-config", "enable=on,target=native",
         "-kernel", path],
        capture_output=True, stdin=subprocess.DEVNULL, timeout=120, cwd=there,
    )  # fmt: skip
    output = loop.machine.output.decode()
    assert output == (done.stdout + done.stderr).decode().replace("\r", "")
    assert output.startswith(f"{board}\n")
    assert output.endswith("()p()p()p d\n")
    ram = (here / "sram.bin").read_bytes()
    assert len(ram) > 10_000
    assert ram == (there / "sram.bin").read_bytes()
