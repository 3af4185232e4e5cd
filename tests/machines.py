# SPDX-License-Identifier: Apache-2.0
"""Small machines for tests: firmware of a few instructions, run whole or priced alone.

Code is given in hexadecimal as an assembler lists it, one word of four or eight digits for each instruction (the first
halfword first): `"6820 f8d40004"`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from elf_writer import ALLOC, EXEC, FLASH, FUNC, GLOBAL, OBJECT, STACK_TOP, Elf, Section, attributes
from msgspec.structs import replace

from mcusim.attribution import attribute
from mcusim.board import Board, load_board
from mcusim.core import Core, load_core
from mcusim.image import Image, load
from mcusim.isa.decode import decode_block
from mcusim.machine.loop import RunLoop
from mcusim.machine.result import make_trace
from mcusim.machine.settings import Settings
from mcusim.pipelines import PIPELINES
from mcusim.pipelines.causes import CAUSES
from mcusim.profile import Profile

FIRMWARE = Path(__file__).resolve().parent / "firmware"
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
VECTORS = 16 + 16  # words of the table: the system's exceptions and sixteen interrupts
CODE = FLASH + 4 * VECTORS
RAM = 0x2000_0000
SETTLE = "003f"  # lsls r7, r7, #0: one cycle, hides nothing, so that what the code before left open is charged


def assemble(text: str) -> bytes:
    """Return the bytes of code in hexadecimal; see the module's docstring."""
    code = b""
    for word in text.split():
        for start in range(0, len(word), 4):
            code += int(word[start : start + 4], 16).to_bytes(2, "little")
    return code


@dataclass(frozen=True)
class Price:
    """What a block costs, and what it leaves in flight."""

    cycles: int
    costs: np.ndarray  # instructions x causes
    state: np.ndarray

    def by_cause(self) -> dict[str, int]:
        """Return the cycles by cause, those that are not zero."""
        return {cause: int(value) for cause, value in zip(CAUSES, self.costs.sum(axis=0), strict=True) if value}


def price(
    core: Core,
    code: bytes,
    *,
    address: int = CODE,
    taken: bool = False,
    skipped: tuple[int, ...] = (),
    state: np.ndarray | None = None,
    pending_it: tuple[int, ...] = (),
) -> Price:
    """Price a block as the machine does; `skipped` are the instructions whose condition does not hold."""
    pipeline = PIPELINES[core.file.pipeline]
    ops, _ = decode_block(code, address, pending_it)
    executed = np.ones(len(ops), np.uint8)
    executed[list(skipped)] = 0
    costs = np.zeros((len(ops), len(CAUSES)), np.int32)
    after = np.zeros(pipeline.STATE_SIZE, np.int64)
    before = pipeline.reset_state() if state is None else state
    total = pipeline.price(
        ops, executed, taken, before, core.class_cycles, core.class_register_cycles, core.rules, after, costs
    )
    return Price(int(total), costs, after)


def cycles_of(core: Core, text: str, *, address: int = CODE, taken: bool = False, skipped: tuple[int, ...] = ()) -> int:
    """Return the cycles of code from a quiet pipeline, with what its last instruction leaves open."""
    if taken:
        return price(core, assemble(text), address=address, taken=True, skipped=skipped).cycles
    return price(core, assemble(f"{text} {SETTLE}"), address=address, skipped=skipped).cycles - 1


def firmware_elf(code: bytes, handlers: dict[int, int] | None = None, symbols: dict[str, int] | None = None) -> Elf:
    """Return a firmware: vector table, code at `CODE` (reset enters there).

    `handlers` maps exception numbers to offsets in the code, `symbols` names of functions to offsets; each function
    ends where the next one starts.
    """
    words = [STACK_TOP] + [CODE | 1] * (VECTORS - 1)
    for number, offset in (handlers or {}).items():
        words[number] = CODE + offset | 1
    elf = Elf(entry=CODE | 1)
    elf.sections = [
        Section(".isr_vector", FLASH, struct.pack(f"<{VECTORS}I", *words), ALLOC),
        Section(".text", CODE, code, ALLOC | EXEC),
        Section(".ARM.attributes", data=attributes(), type=0x70000003),
    ]
    elf.symbol("g_pfnVectors", FLASH, 4 * VECTORS, OBJECT, GLOBAL, ".isr_vector")
    named = sorted({"Reset_Handler": 0, **(symbols or {})}.items(), key=lambda item: item[1])
    ends = [offset for _, offset in named[1:]] + [len(code)]
    for (name, offset), end in zip(named, ends, strict=True):
        elf.symbol(name, CODE + offset | 1, end - offset, FUNC, GLOBAL)
    return elf


def write_image(folder: Path, elf: Elf, name: str = "firmware.elf") -> Image:
    """Write an ELF into a folder and load it."""
    path = folder / name
    path.write_bytes(elf.build())
    return load(path)


def untimed(name: str) -> Board:
    """Return a board as if nothing was known of how long its memory takes."""
    board = load_board(name)
    regions = tuple(replace(region, timing=None, bus=None, alias_bus=None) for region in board.region)
    return replace(board, region=regions, cache=None)


def run_loop(image: Image, board: str | Board = "nucleo-l4r5zi", **settings: object) -> RunLoop:
    """Run an image to its end and return the loop, whose machine can be looked into."""
    settings.setdefault("max_cycles", 50_000_000)
    loop = RunLoop(image, load_board(board) if isinstance(board, str) else board, Settings(**settings), None, None)  # type: ignore[arg-type]
    loop.run()
    return loop


def run_code(folder: Path, text: str, board: str = "nucleo-l4r5zi", **settings: object) -> RunLoop:
    """Run code given in hexadecimal, from reset."""
    return run_loop(write_image(folder, firmware_elf(assemble(text))), board, **settings)


def run_profile(image: Image, board: str | Board, **settings: object) -> Profile:
    """Run an image to its end and return its profile."""
    return attribute(make_trace(run_loop(image, board, **settings), "given"))


def prebuilt(name: str, board: str) -> Path:
    """Return the committed ELF of a test firmware, or of an example."""
    for folder in (FIRMWARE, EXAMPLES):
        for path in folder.glob(f"*/{name}-{board}.elf"):  # a variant is in the folder of its firmware
            return path
    raise FileNotFoundError(f"{name}-{board}.elf")


def cortex_m4() -> Core:
    """Return the core table."""
    return load_core("cortex-m4")


def cortex_m0plus() -> Core:
    """Return the core table."""
    return load_core("cortex-m0plus")
