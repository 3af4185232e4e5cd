# SPDX-License-Identifier: Apache-2.0
"""An image that leaves the clock alone: what it prints and leaves in SRAM is what Python computes, and what QEMU gives.

QEMU's STM32 machines have no clock controller, so that images which wait for one never get on there.
"""

from __future__ import annotations

import re
import subprocess
import zlib

import pytest
from machines import FIRMWARE, run_loop

from mcusim.image import load
from mcusim.machine.loop import RunLoop

MACHINES = {"stm32f407-discovery": "netduinoplus2", "nucleo-f103rb": "stm32vldiscovery"}  # by our board
WORDS = 1024


def run_here(board: str) -> RunLoop:
    """Run the image to its end."""
    return run_loop(load(FIRMWARE / "plain" / f"plain-{board}.elf"), board, max_cycles=100_000_000)


def dumped(output: str) -> tuple[int, bytes]:
    """Return the start and the bytes of the dump in hexadecimal words."""
    rows = re.findall(r"^([0-9a-f]{8}):((?: [0-9a-f]{8})+)$", output, re.MULTILINE)
    words = [int(word, 16) for _, row in rows for word in row.split()]
    return int(rows[0][0], 16), b"".join(word.to_bytes(4, "little") for word in words)


def random_words() -> list[int]:
    """Return the image's numbers: Marsaglia's xorshift."""
    state, words = 2463534242, []
    for _ in range(WORDS):
        state ^= state << 13 & 0xFFFF_FFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFF_FFFF
        words.append(state)
    return words


@pytest.mark.parametrize("board", MACHINES)
def test_what_it_prints_is_what_python_computes(board: str) -> None:
    loop = run_here(board)
    assert loop.end is not None
    assert (loop.end.kind, loop.end.status) == ("exit", 0)
    assert not loop.machine.bus.guessed
    output = loop.machine.output.decode()
    words = random_words()
    content = b"".join(word.to_bytes(4, "little") for word in words)
    total = sum(word * (place + 1) for place, word in enumerate(words)) & (1 << 64) - 1
    ordered = sorted(words[8 * place] // (place + 1) for place in range(128))
    assert f"sum {total >> 32 ^ total & 0xFFFFFFFF:08x}\n" in output
    assert f"adler {zlib.adler32(content):08x}\nmedian {ordered[64]:08x}\nticks {50:08x}\n" in output
    start, dump = dumped(output)
    assert content in dump
    assert loop.machine.memory.read(start, len(dump)) == dump


@pytest.mark.qemu
@pytest.mark.parametrize("board", MACHINES)
def test_qemu_prints_the_same_and_leaves_the_same_in_sram(board: str) -> None:
    """The dump is all of .data and .bss but for `.time`, what the image saw of time."""
    done = subprocess.run(
        ["qemu-system-arm", "-M", MACHINES[board], "-display", "none", "-monitor", "none", "-serial", "null",
         "-serial", "stdio", "-semihosting-config", "enable=on,target=native",
         "-kernel", FIRMWARE / "plain" / f"plain-{board}.elf"],
        capture_output=True, stdin=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0
    there = done.stdout.decode().replace("\r", "")
    assert len(dumped(there)[1]) > 4 * WORDS
    assert run_here(board).machine.output.decode() == there
