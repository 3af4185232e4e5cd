# SPDX-License-Identifier: Apache-2.0
"""Whole runs with access tracking: nothing else changes, and what it finds is what firmware does."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from machines import CODE, EXAMPLES, FIRMWARE, RAM, assemble, firmware_elf, prebuilt, run_loop, write_image
from naive_memory import NaiveMemory
from qemu_runner import Case, Target, build_batch
from random_code import Generator

from mcusim import guess_board
from mcusim.access_trace import AccessTrace
from mcusim.board import load_board
from mcusim.engine.access_tables import FREED_READ, FREED_WRITTEN, MISALIGNED, UNWRITTEN
from mcusim.image import Image, load
from mcusim.machine.loop import RunLoop
from mcusim.machine.result import make_trace
from mcusim.machine.settings import Settings
from mcusim.machine.tracking import AccessTracker
from mcusim.trace import Trace

BOARD = "nucleo-l4r5zi"
SRAM = [region.name for region in load_board(BOARD).region].index("sram1")
PREBUILT = [
    "examples/hello/hello-nucleo-l4r5zi", "examples/two_tasks/two_tasks-mps2-an386",
    "firmware/calls/calls-mps2-an386", "firmware/interrupts/interrupts-mps2-an386",
    "firmware/m0plus/m0plus-generic-cortex-m0plus", "firmware/plain/plain-stm32f407-discovery",
    "firmware/rtt/rtt-mps2-an386", "firmware/selftest/selftest-mps2-an500",
    "firmware/selftest/selftest-nucleo-l4r5zi", "firmware/selftest/selftest-mps2-an505",
    "firmware/timing/timing-nucleo-l4r5zi", "firmware/peripherals/peripherals-nucleo-l4r5zi",
    "firmware/sleep/sleep-nucleo-l4r5zi",
]  # fmt: skip
END = "e7fe"  # b .
R1_IS_RAM = "f2401100 f2c20100"  # r1 = 0x20000100
PLACE = RAM + 0x100


def run(image: Image, board: str, **settings: Any) -> Trace:
    """Run an image to its end."""
    return make_trace(run_loop(image, board, **settings), "given")


def access_of(folder: Path, code: str, handlers: dict[int, int] | None = None, **settings: Any) -> AccessTrace:
    """Run code with tracking and return what was found."""
    image = write_image(folder, firmware_elf(assemble(code), handlers))
    access = run(image, BOARD, memory_tracking=True, **settings).access
    assert access is not None
    return access


def what_happened(trace: Trace) -> tuple[Any, ...]:
    """Return all that tracking must not change."""
    return (
        trace.clock_cycles, trace.output, trace.end, trace.outcomes["count"].tolist(), trace.extra_cycles,
        trace.nodes["self_cycles"].tolist(), trace.data_stalls, trace.lines["stall_cycles"].tolist(),
        trace.stacks, trace.interrupts,
    )  # fmt: skip


@pytest.mark.parametrize("name", PREBUILT)
def test_tracking_changes_nothing_else(name: str) -> None:
    kind, _, rest = name.partition("/")
    image = load((EXAMPLES if kind == "examples" else FIRMWARE) / f"{rest}.elf")
    board = guess_board(image)[0].name
    plain = run(image, board, max_cycles=3_000_000)
    tracked = run(image, board, max_cycles=3_000_000, memory_tracking=True)
    assert what_happened(tracked) == what_happened(plain)
    assert plain.access is None
    assert tracked.access is not None
    assert tracked.access.live.any()
    sanitized = run(image, board, max_cycles=3_000_000, sanitize=True)
    assert what_happened(sanitized) == what_happened(plain)
    assert "memory_tracking" not in plain.settings


@pytest.mark.parametrize("board", ["stm32f407-discovery", "nucleo-l4r5zi"])
def test_tracking_and_wait_states_go_together(board: str) -> None:
    image = load(prebuilt("selftest", board))
    plain = run(image, board, wait_states=5)
    assert what_happened(run(image, board, wait_states=5, memory_tracking=True)) == what_happened(plain)


TARGETS = {
    "cortex-m4": Target("cortex-m4", "mps2-an386", "mps2-an386", 0x40_0000),
    "cortex-m7": Target("cortex-m7", "mps2-an500", "mps2-an500", 0x40_0000),
    "cortex-m33": Target("cortex-m33", "mps2-an505", "mps2-an505", 0x40_0000),
}


def random_image(core: str, folder: Path, seed: int) -> Image:
    """Return an image of random sequences: IT blocks, loads and stores of all kinds and sizes among them."""
    target = TARGETS[core]
    generator, source = Generator(core, seed), random.Random(seed)
    cases = [Case.make(generator.sequence(40), source, target.fpu) for _ in range(60)]
    path = folder / "random.elf"
    path.write_bytes(build_batch(cases, target, seed).elf)
    return load(path)


@pytest.mark.parametrize("core", TARGETS)
def test_random_code_runs_as_without(core: str, tmp_path: Path) -> None:
    image, board = random_image(core, tmp_path, 7), TARGETS[core].board
    found = []
    for settings in ({}, {"memory_tracking": True}, {"sanitize": True}):
        (tmp_path / "dump").unlink(missing_ok=True)
        trace = run(image, board, files=tmp_path, max_cycles=10**9, **settings)
        found.append(((tmp_path / "dump").read_bytes(), what_happened(trace)))
    assert found[1] == found[0]
    assert found[2] == found[0]


@pytest.mark.parametrize("core", TARGETS)
def test_random_code_gives_what_the_twin_gives(core: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin is told of every access by a hook in Python."""
    monkeypatch.setitem(AccessTracker.__init__.__kwdefaults__, "tick_cycles", 1 << 40)
    image, board = random_image(core, tmp_path, 8), load_board(TARGETS[core].board)
    access = run(image, board.name, files=tmp_path, max_cycles=10**9, memory_tracking=True).access
    assert access is not None
    loop = RunLoop(image, board, Settings(files=tmp_path, max_cycles=10**9), None, None)
    naive = NaiveMemory(1 << 40)
    own = {  # address -> region, and the region's own address
        start: (index, region.start) for index, region in enumerate(board.region) for start, _ in region.ranges
    }
    traffic: Counter[tuple[int, bool]] = Counter()

    def heard(address: int, size_bytes: int, writes: bool) -> None:
        for byte in range(address, address + size_bytes):
            for start, (index, first) in own.items():
                if start <= byte < start + board.region[index].size_bytes:
                    traffic[index, writes] += 1
                    does = naive.write if writes else naive.read
                    (does if board.region[index].writable else naive.read_flash)(byte - start + first, 1)

    for address, data in ((s.load_address, s.data) for s in image.segments):
        for start, (index, first) in own.items():
            if start <= address < start + board.region[index].size_bytes and board.region[index].writable:
                naive.write(address - start + first, len(data))
    loop.machine.memory.port.listener = heard
    loop.machine.engine.watch_memory(1, 0, reads=True, writes=True, accessed=heard)
    loop.run()
    naive.finish()
    assert access.traffic[:-1].tolist() == [[traffic[i, False], traffic[i, True]] for i in range(len(board.region))]
    assert int(access.live.sum()) == naive.live(4, 0) > 100
    for index, sets in enumerate(access.flash_sets):
        if sets is not None:
            region = board.region[index]
            read = {region.start + int(offset) for offset in sets.nonzero()[0]}
            assert read == {byte for byte in naive.readers if region.start <= byte < region.end}


def test_pushes_multiples_and_pairs_count_all_their_bytes(tmp_path: Path) -> None:
    code = (
        "b4ff bcff"  # push, pop r0 to r7: 32 bytes
        f"{R1_IS_RAM} c90c c10c"  # ldm r1!, {{r2, r3}} twice
        "e9d12300 e9c12304"  # ldrd, strd
        f"{END}"
    )
    access = access_of(tmp_path, code)
    assert access.traffic[SRAM].tolist() == [32 + 8 + 8, 32 + 8 + 8]
    assert access.live.sum(axis=0).tolist()[0] == 32


def test_floating_point_multiples_count_all_their_bytes(tmp_path: Path) -> None:
    on = "f64e5088 f2ce0000 6801 f4410170 6001 f3bf8f4f f3bf8f6f"  # CPACR |= 0xf00000; dsb; isb
    code = f"{on} {R1_IS_RAM} ed810b00 ed910b00 ec810b08 ec910b08 {END}"  # vstr, vldr d0; vstm, vldm d0 to d3
    access = access_of(tmp_path, code)
    assert access.traffic[SRAM].tolist() == [8 + 32, 8 + 32]
    assert access.live.sum(axis=0).tolist()[0] == 32


@pytest.mark.parametrize("settings", [{}, {"wait_states": 4}])
def test_blocks_behind_accesses_in_it_blocks_run(tmp_path: Path, settings: dict[str, int]) -> None:
    code = (
        f"{R1_IS_RAM} 2005 6008"  # [r1] = 5
        "2800 bf1c 680a 604a e7ff"  # cmp r0, #0; itt ne; ldrne r2, [r1]; strne r2, [r1, #4]; b next
        "2301 2800 bf08 600b e7ff"  # r3 = 1; cmp r0, #0; it eq; streq r3, [r1]: not executed; b next
        f"608b {END}"  # str r3, [r1, #8]
    )
    image = write_image(tmp_path, firmware_elf(assemble(code)))
    loop = run_loop(image, BOARD, memory_tracking=True, **settings)
    assert [loop.machine.memory.read_word(PLACE + offset) for offset in (0, 4, 8)] == [5, 5, 1]
    access = make_trace(loop, "given").access
    assert access is not None
    assert access.traffic[SRAM].tolist() == [4, 12]
    assert int(access.live.sum()) == 4


# Accesses that are not the core's


def test_exception_frames_are_live(tmp_path: Path) -> None:
    code = f"df00 {END} 4770"  # svc; b . ; the handler: bx lr
    access = access_of(tmp_path, code, {11: 4})
    assert access.traffic[SRAM].tolist() == [32, 32]
    assert int(access.live.sum()) == 32


def test_output_that_only_the_host_reads_is_live(tmp_path: Path) -> None:
    access = access_of(tmp_path, f"{R1_IS_RAM} 2041 7008 2003 beab {END}")  # strb 'A', SYS_WRITEC
    assert access.traffic[SRAM].tolist() == [1, 1]
    assert int(access.live.sum()) == 1


def test_bit_band_writes_read_and_write_the_word(tmp_path: Path) -> None:
    access = access_of(tmp_path, f"f2420200 f2c22200 2001 6010 {END}")  # str to 0x22002000: bit 0 of 0x20000100
    assert access.traffic[SRAM].tolist() == [4, 4]
    touched = access.touched[SRAM]
    assert touched is not None
    assert touched.nonzero()[0].tolist() == [0x100, 0x101, 0x102, 0x103]


def test_masters_count_and_looks_of_our_own_do_not(tmp_path: Path) -> None:
    image = write_image(tmp_path, firmware_elf(assemble(END)))
    loop = run_loop(image, BOARD, memory_tracking=True)
    machine = loop.machine
    assert machine.host.write_bus is not None
    machine.host.write_bus(PLACE, 4, 7)
    machine.host.read_bus(PLACE, 2)
    machine.memory.read(PLACE, 4)
    assert machine.observation.tracker is not None
    assert machine.observation.tracker.traffic()[SRAM].tolist() == [2, 4]


def test_rtt_output_is_live() -> None:
    image = load(prebuilt("rtt", "mps2-an386"))
    loop = RunLoop(image, load_board("mps2-an386"), Settings(memory_tracking=True, max_cycles=10**7), None, None)
    ring, tracker = image.find_symbol("ring"), loop.machine.observation.tracker
    assert ring is not None
    assert tracker is not None
    tracker.set_zone(ring.address, ring.address + ring.size_bytes, 2)
    loop.run()
    access = make_trace(loop, "given").access
    assert access is not None
    assert access.live[2].max() == ring.size_bytes


# The sanitizer


def events(loop: RunLoop) -> list[tuple[int, ...]]:
    """Return kind, offset of the instruction, address, size and count of what was found."""
    access = make_trace(loop, "given").access
    assert access is not None
    return [
        (int(e["kind"]), int(e["pc"]) - CODE, int(e["address"]) - PLACE, int(e["size_bytes"]), int(e["count"]))
        for e in access.events
    ]


def test_reads_of_what_nobody_wrote_are_found_once_each(tmp_path: Path) -> None:
    # r4 = 3; loop: ldrb r2, [r1]; ldr r2, [r1, #4]; strb r4, [r1, #4]; subs r4; bne loop
    code = f"{R1_IS_RAM} 2403 780a 684a 710c 3c01 d1fa {END}"
    image = write_image(tmp_path, firmware_elf(assemble(code)))
    assert events(run_loop(image, BOARD, sanitize=True)) == [(UNWRITTEN, 10, 0, 1, 3), (UNWRITTEN, 12, 4, 4, 3)]


def test_unaligned_accesses_are_found(tmp_path: Path) -> None:
    code = f"{R1_IS_RAM} 2000 f8c10002 f8a10007 f8d12002 {END}"  # str [r1, #2]; strh [r1, #7]; ldr [r1, #2]
    image = write_image(tmp_path, firmware_elf(assemble(code)))
    found = events(run_loop(image, BOARD, sanitize=True))
    assert found == [(MISALIGNED, 10, 2, 4, 1), (MISALIGNED, 14, 7, 2, 1), (MISALIGNED, 18, 2, 4, 1)]


def test_accesses_of_freed_memory_are_found(tmp_path: Path) -> None:
    image = write_image(tmp_path, firmware_elf(assemble(f"{R1_IS_RAM} 2000 684a 6048 684a 6808 {END}")))
    loop = RunLoop(image, load_board(BOARD), Settings(sanitize=True, max_cycles=1000), None, None)
    assert loop.machine.observation.tracker is not None
    loop.machine.observation.tracker.mark_freed(PLACE + 4, PLACE + 8)
    loop.run()
    expected = [(FREED_READ, 10, 4, 4, 1), (FREED_WRITTEN, 12, 4, 4, 1), (UNWRITTEN, 16, 0, 4, 1)]
    assert events(loop) == expected
