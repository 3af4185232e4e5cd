# SPDX-License-Identifier: Apache-2.0
"""Run random sequences in QEMU and in mcusim, and compare what each of them leaves.

The firmware copies random words into the window for each sequence, loads all registers from a record, jumps into the
sequence, and afterwards pushes all registers on the stack, which lies in the window. The window then goes to a file by
semihosting. So one file holds every register, the flags and memory after every sequence.
"""

from __future__ import annotations

import random
import struct
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from elf_writer import ALLOC, EXEC, Elf, Section
from machines import run_loop
from random_code import DATA_BYTES, MEMORY, STACK_OFFSET, USUAL_MEMORY, WINDOW_BYTES, WINDOW_OFFSET, Item, lay_out
from random_values import FPSCR_BITS, random_double, random_fpscr, random_single, random_word
from thumb_code import Code, encode_wide_branch

from mcusim.image import load
from mcusim.machine.loop import RunLoop
from mcusim.machine.result import make_trace

POOL_WORDS = 1024  # random words that windows are filled from
VECTOR_WORDS = 64
TAIL_BYTES = 6
FINAL_SP = WINDOW_BYTES - 4  # of the window: where the last stack pointer is
FRAME_WORDS = 9
FAULT_STATUS = 0x2_0023  # anything but ADP_Stopped_ApplicationExit: status 1


@dataclass(frozen=True)
class Target:
    """A core, and where QEMU has it. `board` is mcusim's."""

    core: str
    machine: str
    board: str
    memory_bytes: int  # for code and records

    @property
    def fpu(self) -> bool:
        """Return whether it has a floating-point unit."""
        return self.core in ("cortex-m4", "cortex-m7", "cortex-m33")

    @property
    def base(self) -> int:
        """Return where the vectors and the code lie."""
        return MEMORY.get(self.core, USUAL_MEMORY)[0]

    @property
    def state(self) -> int:
        """Return where RAM starts: next record, file handle, parameters of semihosting calls."""
        return MEMORY.get(self.core, USUAL_MEMORY)[1]

    @property
    def window(self) -> int:
        """Return where the window is."""
        return self.state + WINDOW_OFFSET

    @property
    def armv7(self) -> bool:
        """Return whether it is more than an Armv6-M."""
        return self.core != "cortex-m0plus"


@dataclass
class Case:
    """A sequence with the registers it starts from."""

    units: list[list[Item]]
    registers: list[int]  # r0 to r12, lr
    apsr: int
    psp: int
    fpscr: int
    singles: list[int]
    window: int  # index of the first pool word

    @classmethod
    def make(cls, units: list[list[Item]], source: random.Random, fpu: bool) -> Case:
        """Return a case with random registers."""
        singles = [random_single(source) for _ in range(32)]
        for pair in range(16):
            if fpu and source.random() < 0.5:
                value = random_double(source)
                singles[2 * pair : 2 * pair + 2] = [value & 0xFFFF_FFFF, value >> 32]
        return cls(
            units, [random_word(source) for _ in range(14)], source.getrandbits(32) & 0xF80F_0000,
            source.getrandbits(32) & ~3, random_fpscr(source) & FPSCR_BITS, singles,
            source.randrange(POOL_WORDS - WINDOW_BYTES // 4),
        )  # fmt: skip

    def record(self, address: int, target: Target) -> bytes:
        """Return what the firmware loads; the sequence lies at `address`."""
        words = list(self.singles) if target.fpu else []
        r = self.registers
        words += [
            self.fpscr,
            self.apsr,
            self.psp,
            r[13],
            target.window + STACK_OFFSET - 4 * FRAME_WORDS,
            *r[8:13],
            *r[:8],
            address | 1,
        ]
        return struct.pack(f"<{1 + len(words)}I", self.window, *words)


def harness(target: Target, records: int, end: int, pool: int) -> tuple[bytes, dict[str, int]]:
    """Return the code that runs the records, to be placed behind the vectors; and its labels."""
    code = Code()
    code.label("reset")
    if target.fpu:
        code.load(0, 0xE000_ED88)
        code.load(1, 0x00F0_0000)
        code.hex("6001 f3bf8f4f f3bf8f6f ; str r1, [r0]: CPACR; dsb; isb")
    code.load(0, target.state)
    code.load(1, records)
    code.hex("6001 ; str r1, [r0]")
    # open("dump", wb): parameters at STATE + 8
    code.load(0, target.state + 8)
    code.load(1, "name")
    code.hex("3901 6001 2105 6041 2104 6081 ; subs r1, #1; str r1, [r0]; mode 5: [r0, #4]; length 4: [r0, #8]")
    code.hex("0001 2001 beab ; movs r1, r0; movs r0, #SYS_OPEN; bkpt 0xab")
    code.load(1, target.state + 8)
    code.hex("6008 ; str r0, [r1]: the handle")
    code.load(0, target.window)
    code.hex("6048 ; str r0, [r1, #4]")
    code.load(0, WINDOW_BYTES)
    code.hex("6088 ; str r0, [r1, #8]")
    code.label("next")
    code.load(0, target.state)
    code.load(2, end)
    code.hex("6801 4291 ; ldr r1, [r0]; cmp r1, r2")
    code.branch("more", 1)
    code.load(1, target.state + 8)
    code.hex("2002 beab 2018 ; SYS_CLOSE; SYS_EXIT")
    code.load(1, 0x20026)
    code.hex("beab e7fe")
    code.label("more")
    record_bytes = 4 * (1 + (32 if target.fpu else 0) + 19)
    code.hex(f"000a 32{record_bytes:02x} 6002 ; movs r2, r1; adds r2, #size; str r2, [r0]")
    code.hex("c904 0092 ; ldmia r1!, {r2}; lsls r2, r2, #2: the window's words in the pool")
    code.load(3, pool)
    code.hex("18d2 ; adds r2, r2, r3")
    code.load(3, target.window)
    code.load(4, WINDOW_BYTES // 4)
    code.hex("ca20 c320 3c01 d1fb ; ldmia r2!, {r5}; stmia r3!, {r5}; subs r4, #1; bne")
    if target.armv7:
        code.hex("f3bf8f2f ; clrex")
    if target.fpu:
        code.hex("ecb10a20 ; vldmia r1!, {s0-s31}")
    code.hex("c90c ; ldmia r1!, {r2, r3}: fpscr, apsr")
    if target.fpu:
        code.hex("eee12a10 ; vmsr fpscr, r2")
    code.hex("c970 f3848809 46ae ; ldmia r1!, {r4, r5, r6}: psp, lr, sp; msr psp, r4; mov lr, r5")
    code.hex("46b5 001a c9f8 ; mov sp, r6; movs r2, r3; ldmia r1!, {r3-r7}")
    code.hex("4698 46a1 46aa 46b3 46bc ; mov r8, r3 to mov r12, r7")
    # r0 to r7 and the sequence's address go to the stack and are popped
    code.hex("466b 2409 c920 c320 3c01 d1fb ; mov r3, sp; movs r4, #9; ldmia r1!, {r5}; stmia r3!, {r5}; subs; bne")
    code.hex("f3828c00" if target.fpu else "f3828800")  # msr apsr_nzcvq(g), r2
    code.hex("bdff ; pop {r0-r7, pc}")
    code.pool()
    code.label("done")  # the tail has pushed r0 to r7 and lr
    code.hex("4640 4649 4652 465b 4664 ; mov r0, r8 to mov r4, r12")
    code.hex("f3ef8500 f3ef8610 b47f ; mrs r5, apsr; mrs r6, primask; push {r0-r6}")
    code.hex("f3ef8009 f3ef8114 ; mrs r0, psp; mrs r1, control")
    code.hex("f3ef8211 f3ef8313 ; mrs r2, basepri; mrs r3, faultmask" if target.armv7 else "")
    code.hex("eef14a10 ; vmrs r4, fpscr" if target.fpu else "")
    code.hex("b41f ; push {r0-r4}")
    code.hex("ed2d0a20 ; vpush {s0-s31}" if target.fpu else "")
    code.hex("b662 2000 ; cpsie i; movs r0, #0")
    code.hex("b661 f3808811 ; cpsie f; msr basepri, r0" if target.armv7 else "")
    code.load(0, target.window + FINAL_SP)
    code.hex("4669 6001 ; mov r1, sp; str r1, [r0]")
    code.load(1, target.state + 8)
    code.hex("2005 beab ; SYS_WRITE")
    code.branch("next")
    code.label("fault")
    code.load(1, FAULT_STATUS)
    code.hex("2018 beab e7fe")
    code.pool()
    code.label("name")
    code.data += b"dump"
    return code.build(target.base + 4 * VECTOR_WORDS), code.labels


@dataclass
class Batch:
    """An image with many cases; `bodies` are the address ranges of the sequences, `items` what lies where."""

    elf: bytes
    bodies: list[tuple[int, int]]
    items: list[list[tuple[int, Item]]]


def build_batch(cases: Sequence[Case], target: Target, seed: int) -> Batch:
    """Return the image of these cases. Each sequence is placed once, however many cases have it."""
    source = random.Random(f"pool {seed}")
    pool_words = [random_word(source) if source.random() < 0.7 else random_single(source) for _ in range(POOL_WORDS)]
    pool = target.base + 0x400
    code_at = target.base + 0x2000  # literals may lie 4 KiB before their load
    main_at = target.base + 4 * VECTOR_WORDS
    done = main_at + harness(target, 0, 0, 0)[1]["done"]

    def tail(address: int) -> bytes:
        return struct.pack("<H", 0xB5FF) + _halves(encode_wide_branch(0xF000_D000, done - (address + 2) - 4))

    body, bodies, items = bytearray(), [], []
    known: dict[int, int] = {}
    for case in cases:
        number = known.get(id(case.units))
        if number is not None:
            bodies.append(bodies[number])
            items.append(items[number])
            continue
        known[id(case.units)] = len(bodies)
        body += b"\x00\xbf" * (-len(body) % 4 // 2)
        address = code_at + len(body)
        code, placed = lay_out(case.units, address, tail)
        body += code
        last, item = placed[-1]
        bodies.append((address, last + item.size_bytes))
        items.append(placed)
    body += bytes(-len(body) % 4)
    records_at = code_at + len(body)
    records = b"".join(case.record(start, target) for case, (start, _) in zip(cases, bodies, strict=True))
    end = records_at + len(records)
    assert end + 0x1000 - target.base <= target.memory_bytes, "the batch does not fit"
    main, labels = harness(target, records_at, end, pool)
    vectors = [target.window] + [main_at + labels["fault"] | 1] * (VECTOR_WORDS - 1)
    vectors[1] = main_at + labels["reset"] | 1
    head = struct.pack(f"<{VECTOR_WORDS}I", *vectors) + main
    assert target.base + len(head) <= pool
    head += bytes(pool - target.base - len(head)) + struct.pack(f"<{POOL_WORDS}I", *pool_words)
    head += bytes(code_at - target.base - len(head))
    elf = Elf(entry=vectors[1])
    elf.sections = [Section(".text", target.base, head + bytes(body) + records + bytes(0x1000), ALLOC | EXEC)]
    elf.symbol("g_pfnVectors", target.base, 4 * VECTOR_WORDS, 1, 1)
    elf.symbol("Reset_Handler", vectors[1], 0, 2, 1)
    return Batch(elf.build(), bodies, items)


def _halves(opcode: int) -> bytes:
    return struct.pack("<2H", opcode >> 16, opcode & 0xFFFF)


def run_in_qemu(path: Path, target: Target) -> bytes:
    """Run an image and return what it dumps, until a fault if there is one."""
    dump = path.parent / "dump"
    dump.unlink(missing_ok=True)
    subprocess.run(
        ["qemu-system-arm", "-M", target.machine, "-nographic", "-monitor", "none", "-serial", "none",
         "-semihosting-config", "enable=on,target=native", "-kernel", path.name],
        cwd=path.parent, capture_output=True, stdin=subprocess.DEVNULL, timeout=300, check=False,
    )  # fmt: skip
    return dump.read_bytes()


def run_in_mcusim(path: Path, target: Target) -> tuple[bytes, RunLoop]:
    """Run an image and return what it dumps, and the loop."""
    dump = path.parent / "dump"
    dump.unlink(missing_ok=True)
    loop = run_loop(load(path), target.board, files=path.parent, max_cycles=10**12)
    return dump.read_bytes(), loop


def executed(loop: RunLoop, bodies: Sequence[tuple[int, int]]) -> Counter[int]:
    """Return how often each instruction of the sequences was issued, by address; an IT block may have skipped it."""
    spans = sorted(set(bodies))
    starts = np.array([start for start, _ in spans])
    ends = np.array([end for _, end in spans])
    trace = make_trace(loop, "given")
    by_block: Counter[int] = Counter()
    for outcome in np.flatnonzero(trace.outcomes["count"]):
        by_block[int(trace.entries[outcome // 2]["block"])] += int(trace.outcomes[outcome]["count"])
    counts: Counter[int] = Counter()
    for block, count in by_block.items():
        addresses = trace.pricer.decoded[block].ops["address"].astype(np.int64)
        where = np.searchsorted(starts, addresses, "right") - 1
        for address in addresses[(where >= 0) & (addresses < ends[where])]:
            counts[int(address)] += count
    return counts


@dataclass(frozen=True)
class State:
    """What a case left: registers by name, and the window."""

    registers: dict[str, int]
    window: bytes

    @classmethod
    def parse(cls, window: bytes, target: Target) -> State:
        """Read the record below the last stack pointer."""
        (sp,) = struct.unpack_from("<I", window, FINAL_SP)
        at = sp - target.window
        count = (32 if target.fpu else 0) + 5 + 7 + 9
        if not 0 <= at <= WINDOW_BYTES - 4 * count:
            return cls({"sp": sp}, window)
        words = list(struct.unpack_from(f"<{count}I", window, at))
        registers = {}
        if target.fpu:
            registers |= {f"s{number}": words.pop(0) for number in range(32)}
        names = ["psp", "control", "basepri", "faultmask", "fpscr", "r8", "r9", "r10", "r11", "r12", "apsr", "primask"]
        names += [f"r{number}" for number in range(8)] + ["lr"]
        registers |= dict(zip(names, words, strict=True))
        for name in () if target.armv7 else ("basepri", "faultmask"):
            del registers[name]
        if not target.fpu:
            del registers["fpscr"]
        return cls({**registers, "sp": sp + 4 * count}, window)

    def differences(self, other: State) -> dict[str, tuple[int, int]]:
        """Return what differs: registers, and bytes of the window that is no register's."""
        found = {
            name: (value, other.registers.get(name, -1))
            for name, value in self.registers.items()
            if value != other.registers.get(name, -1)
        }
        data = [
            (f"window+{offset}", (self.window[offset], other.window[offset]))
            for offset in range(DATA_BYTES)
            if self.window[offset] != other.window[offset]
        ]
        found |= dict(data)
        if not found and self.window != other.window:
            found["stack"] = (0, 0)
        return found


def compare(dump: bytes, other: bytes, count: int, target: Target) -> dict[int, dict[str, tuple[int, int]]]:
    """Return the cases that differ, with what differs (QEMU's value first). A case that is missing differs too."""
    found = {}
    for number in range(count):
        here, there = (data[number * WINDOW_BYTES : (number + 1) * WINDOW_BYTES] for data in (dump, other))
        if len(here) < WINDOW_BYTES or len(there) < WINDOW_BYTES:
            if here != there:
                found[number] = {"faulted": (len(here), len(there))}
                break
            continue
        if here != there:
            found[number] = State.parse(here, target).differences(State.parse(there, target))
    return found


Run = Callable[[Sequence[Case]], dict[int, dict[str, tuple[int, int]]]]


def shortest(case: Case, run: Run) -> tuple[int, dict[str, tuple[int, int]]]:
    """Return how many units of a sequence are needed to differ, and what then differs: all prefixes in one batch."""
    prefixes = [
        Case(case.units[:length], case.registers, case.apsr, case.psp, case.fpscr, case.singles, case.window)
        for length in range(1, len(case.units) + 1)
    ]
    found = run(prefixes)
    first = min(found)
    return first + 1, found[first]
