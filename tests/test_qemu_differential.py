# SPDX-License-Identifier: Apache-2.0
"""Random instructions run in QEMU and here: every register, the flags and memory must be the same after each sequence.

QEMU's system emulator is newer than Unicorn and of the same family, so this finds what our engine, our decoder and the
run loop get wrong, and what QEMU has mended since; an error that both share stays unseen. What is known to differ is in
`KNOWN`, each with its reason and a case that shows it, and is not generated. With MCUSIM_LONG a million instructions of
Armv7E-M run on the Cortex-M4 alone, and more on the other cores. The seeds are fixed: a failure can be run again.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import capstone
import pytest
from conftest import LONG
from qemu_runner import (
    WINDOW_BYTES,
    Batch,
    Case,
    Target,
    build_batch,
    compare,
    executed,
    run_in_mcusim,
    run_in_qemu,
    shortest,
)
from random_code import Generator, Item
from thumb_table import FEATURES, ROWS

from mcusim.isa.encodings import NARROW, WIDE

pytestmark = pytest.mark.qemu

UNITS = 40
MPS2_BYTES, MICROBIT_BYTES = 0x40_0000, 0x4_0000
MACHINES = {"cortex-m4": ("mps2-an386", MPS2_BYTES), "cortex-m7": ("mps2-an500", MPS2_BYTES),
            "cortex-m3": ("mps2-an385", MPS2_BYTES), "cortex-m33": ("mps2-an505", MPS2_BYTES),
            "cortex-m0plus": ("microbit", MICROBIT_BYTES)}  # fmt: skip
NO_BOARD = "cortex-m0plus"  # no board of ours is like that machine: an MPS2, whose memories are larger, will do


@dataclass(frozen=True)
class Plan:
    """What runs on a core: sequences in each image, seeds of the images, and how many instructions that is at least."""

    sequences: int
    seeds: tuple[int, ...]
    instructions: int


SHORT = {
    "cortex-m4": Plan(200, (1,), 14_000),
    "cortex-m7": Plan(100, (2,), 7_000),
    "cortex-m3": Plan(50, (3,), 3_000),
    "cortex-m33": Plan(70, (5,), 5_000),
    "cortex-m0plus": Plan(80, (4,), 3_000),
}
FULL = {
    "cortex-m4": Plan(1400, (1, *range(101, 111)), 1_000_000),
    "cortex-m7": Plan(1400, (2, *range(201, 204)), 400_000),
    "cortex-m3": Plan(1400, (3, 301), 200_000),
    "cortex-m33": Plan(1400, (5, 501), 200_000),
    "cortex-m0plus": Plan(600, (4, *range(401, 404)), 100_000),
}
PLANS = FULL if LONG else SHORT
ISSUED_AT_LEAST = 50 if LONG else 1  # each encoding, over all cores

# What no sequence holds, and where else it is tested.
NOT_GENERATED = {
    "wfi": "waits for an interrupt: test_qemu_exceptions",
    "svc": "test_qemu_exceptions",
    "bkpt": "ends a run, or calls semihosting as every sequence here does",
    "udf": "a fault",
    "undefined": "a fault",
}


@dataclass(frozen=True)
class Known:
    """A difference that is explained: `code` from these registers leaves (QEMU's, mcusim's) values in registers."""

    name: str
    reason: str
    code: tuple[Item, ...]
    singles: dict[int, int]
    fpscr: int
    differences: dict[str, tuple[int, int]]


KNOWN = (
    Known(
        "VCVT from fixed point rounds by FPSCR.RMode",
        "wrong here: the conversion rounds to nearest whatever RMode is (DDI 0403E, A7.7, VCVT between floating-point "
        "and fixed-point: round_nearest for to_fixed = FALSE). Unicorn's base, QEMU 5.0, had the error too.",
        (Item(0xEEBA_AACB, 4, "vcvt from fixed 32"),),  # vcvt.f32.s32 s20, s20, #10
        {20: 0x6E71_9E55},
        0x00C0_0000,  # RMode: towards zero
        {"s20": (0x49DC_E33D, 0x49DC_E33C)},
    ),
    Known(
        "ISB in an IT block, not as its last instruction",
        "wrong here: the instructions behind it run whatever their condition (A7.3.2 allows ISB in an IT block). "
        "Unicorn's base, QEMU 5.0, ends its block there without keeping the IT state.",
        (
            Item(0x2001, 2, "movs imm8"),  # movs r0, #1: not equal
            Item(0x2200, 2, "movs imm8"),  # movs r2, #0
            Item(0x2801, 2, "cmp imm8"),  # cmp r0, #1: equal
            Item(0xBF0C, 2, "it"),  # ite eq
            Item(0xF3BF_8F6F, 4, "isb"),
            Item(0x2205, 2, "movs imm8"),  # movne r2, #5
        ),
        {},
        0,
        {"r2": (0, 5)},
    ),
)  # fmt: skip


@dataclass
class Result:
    """What a core's plan gave: a text for each difference, and how often each opcode was issued, by size."""

    differences: list[str]
    opcodes: Counter[tuple[int, int]]
    rows: Counter[str]


class Bench:
    """Runs cases of one core in a folder."""

    def __init__(self, core: str, folder: Path) -> None:
        machine, memory_bytes = MACHINES[core]
        self.folder = folder
        board = machine
        if core == NO_BOARD:
            boards = Path(__file__).resolve().parents[1] / "cores" / "boards"
            text = (boards / "mps2-an386.toml").read_text().replace('core = "cortex-m4"', f'core = "{core}"')
            (folder / "board.toml").write_text(text)
            board = str(folder / "board.toml")
        self.target = Target(core, machine, board, memory_bytes)
        self.batch: Batch | None = None
        self.counts: Counter[int] = Counter()

    def run(self, cases: Sequence[Case], seed: int) -> dict[int, dict[str, tuple[int, int]]]:
        """Return what differs, by case."""
        self.batch = build_batch(cases, self.target, seed)
        path = self.folder / "batch.elf"
        path.write_bytes(self.batch.elf)
        there = run_in_qemu(path, self.target)
        here, loop = run_in_mcusim(path, self.target)
        self.counts = executed(loop, self.batch.bodies)
        found = compare(there, here, len(cases), self.target)
        assert found or len(here) == len(cases) * WINDOW_BYTES, "both stopped early"
        return found

    def explain(self, number: int, case: Case, seed: int) -> str:
        """Return where a difference starts: the shortest prefix that differs, and its last unit disassembled."""
        try:
            length, values = shortest(case, lambda cases: self.run(cases, seed))
        except ValueError:
            return f"seed {seed}, sequence {number}: differs, but none of its prefixes does when they run alone"
        assert self.batch is not None
        before = sum(len(unit) for unit in case.units[: length - 1])
        lines = [f"seed {seed}, sequence {number}, unit {length - 1}: FPSCR 0x{case.fpscr:08x} at the start"]
        lines += [f"  {disassemble(*placed)}" for placed in self.batch.items[length - 1][before:]]
        lines += [f"  {name}: QEMU {there:#x}, mcusim {here:#x}" for name, (there, here) in values.items()]
        return "\n".join(lines)


def disassemble(address: int, item: Item) -> str:
    """Return an instruction as text."""
    engine = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    halves = [item.opcode] if item.size_bytes == 2 else [item.opcode >> 16, item.opcode & 0xFFFF]
    code = b"".join(half.to_bytes(2, "little") for half in halves)
    text = " ".join(f"{found.mnemonic} {found.op_str}" for found in engine.disasm(code, address))
    return f"{address:#x} {item.opcode:0{2 * item.size_bytes}x} {text or item.row}"


@cache
def result(core: str) -> Result:
    """Run a core's plan."""
    found = Result([], Counter(), Counter())
    with TemporaryDirectory() as folder:
        bench = Bench(core, Path(folder))
        for seed in PLANS[core].seeds:
            generator, source = Generator(core, seed), random.Random(seed)
            cases = [
                Case.make(generator.sequence(UNITS), source, bench.target.fpu) for _ in range(PLANS[core].sequences)
            ]
            differences = bench.run(cases, seed)
            assert bench.batch is not None
            for address, item in (placed for items in bench.batch.items for placed in items):
                found.opcodes[item.opcode, item.size_bytes] += bench.counts[address]
                found.rows[item.row] += bench.counts[address]
            for number in list(differences)[:3]:
                found.differences.append(bench.explain(number, cases[number], seed))
    return found


@pytest.mark.parametrize("core", list(MACHINES))
def test_registers_flags_and_memory_are_qemus(core: str) -> None:
    found = result(core)
    assert not found.differences, "\n".join(found.differences)
    assert found.opcodes.total() >= PLANS[core].instructions


def test_every_encoding_of_the_decoder_was_issued() -> None:
    patterns = []
    for width, table in ((16, NARROW), (32, WIDE)):
        for row in table:
            bits = row[2].replace(" ", "").replace("|", "")
            mask = int("".join("1" if bit in "01" else "0" for bit in bits), 2)
            value = int("".join("1" if bit == "1" else "0" for bit in bits), 2)
            patterns.append((width // 8, mask, value, f"{row[0]} {row[2]}"))
    counts: Counter[str] = Counter()
    for core in MACHINES:
        for (opcode, size), count in result(core).opcodes.items():
            first = next((name for s, mask, value, name in patterns if s == size and opcode & mask == value), "none")
            counts[first] += count
    assert counts["none"] == 0
    names = [name for *_, name in patterns if name.split()[0] not in NOT_GENERATED]
    assert {name: counts[name] for name in names if counts[name] < ISSUED_AT_LEAST} == {}
    assert all(any(name.startswith(f"{left} ") for *_, name in patterns) for left in NOT_GENERATED)


@pytest.mark.parametrize("core", list(MACHINES))
def test_every_row_of_the_generator_was_issued(core: str) -> None:
    rows = result(core).rows
    names = {row.name for row in ROWS if row.needs in FEATURES[core]}
    least = 20 if LONG else 1
    assert {name: rows[name] for name in names if rows[name] < least} == {}


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_known_differences_are_as_explained(known: Known, tmp_path: Path) -> None:
    singles = [known.singles.get(number, 0) for number in range(32)]
    case = Case([list(known.code)], [0] * 14, 0, 0, known.fpscr, singles, 0)
    assert Bench("cortex-m4", tmp_path).run([case], 0) == {0: known.differences}
